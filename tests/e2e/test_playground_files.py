"""Files as people have them, in the playground in a real browser."""

import time
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.browser import Browser
from tests.support.playground_page import Page
from tests.support.service import Service
from tests.support.waiting import wait_until

CUSTOMERS = """\
name,since,height,weight
"Doe, Jane",2024-01-05,1.5,60
Li,2024-02-06,1.6,70
Ada,2024-03-07,9,80
Bob,2024-04-08,9.5,
Eve,2024-05-09,NA,61
Joe,2024-06-10,1.55,69
"""


@pytest.fixture
def page(browser: Browser, live: Service) -> Page:
    return Page(browser, live)


def axes(page: Page) -> list[str]:
    """Return the texts in the drawing that are no numbers."""
    texts = page["drawing"].find_elements(By.CSS_SELECTOR, "svg[role=img] text")
    return [text.text for text in texts if not text.text.replace(".", "").isdigit()]


def test_columns_that_are_no_numbers_and_missing_values_are_left_out_on_request(
    page: Page, tmp_path: Path
) -> None:
    page.drop("customers.csv", CUSTOMERS)
    page.wait_for("input-error", "Line 2: “Doe, Jane” is not a finite number.")
    assert not page["drawing"].is_displayed()
    assert [label.text for label in page["column-list"].find_elements(By.TAG_NAME, "label")] == [
        "name not a number: “Doe, Jane”",
        "since not a number: “2024-01-05”",
        "height missing values: 1",
        "weight missing values: 1",
    ]
    assert page["leave-out"].text == "Leave out name, since"
    page["leave-out"].click()
    page.wait_for("input-error", "Line 5: cell 4 is empty.")
    page.wait_for("skip-missing-row", "Skip rows with missing values (2)")
    page["skip-missing"].click()
    page.wait_for("count", "points: 4 · coordinates of each: 2 · rows skipped: 2")
    assert page["columns-summary"].text == "Columns: 2 of 4 are used"
    assert axes(page) == ["height", "weight"]
    labels = page.cluster().split()
    page.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page["download"].click()
    file = tmp_path / "clusters.csv"
    WebDriverWait(page.browser, 20).until(lambda _: file.exists() and file.stat().st_size)
    assert file.read_text().splitlines() == [
        "name,since,height,weight,cluster",
        f'"Doe, Jane",2024-01-05,1.5,60,{labels[0]}',
        f"Li,2024-02-06,1.6,70,{labels[1]}",
        f"Ada,2024-03-07,9,80,{labels[2]}",
        f"Joe,2024-06-10,1.55,69,{labels[3]}",
    ]
    page.browser.assert_fits()
    page.browser.assert_no_console_errors()


def test_a_numeric_identifier_can_be_left_out_too(page: Page) -> None:
    page.write("id,x,y\n1,5,6\n2,5,7\n3,9,9\n")
    page.wait_for("count", "coordinates of each: 3")
    page["columns-summary"].click()
    page.click("#column-list input")
    page.wait_for("count", "points: 3 · coordinates of each: 2")
    page.wait_for("code", '{"points":[[5,6],[5,7],[9,9]]}')
    assert axes(page) == ["x", "y"]
    # Other columns are all used.
    page.write("a,b,c,d\n1,2,3,4\n5,6,7,9\n7,7,7,7\n")
    page.wait_for("count", "points: 3 · coordinates of each: 4")
    page.browser.assert_no_console_errors()


@pytest.mark.parametrize(
    ("text", "points", "names"),
    [
        ("x\ty\r\n1,5\t2\r\n3\t4\r\n5\t5\r\n", "[[1.5,2],[3,4],[5,5]]", ["x", "y"]),
        ("\ufeffx;y\r\n1,5;2\r\n3;4\r\n5;5\r\n", "[[1.5,2],[3,4],[5,5]]", ["x", "y"]),
        ('"weight; kg","a ""b"""\n1,2\n3,4\n5,5', "[[1,2],[3,4],[5,5]]", ["weight; kg", 'a "b"']),
        ("kg (net; mean),m\n1,2\n3,4\n5,5", "[[1,2],[3,4],[5,5]]", ["kg (net; mean)", "m"]),
    ],
)
def test_dialects(page: Page, text: str, points: str, names: list[str]) -> None:
    page.drop("points.csv", text)
    page.wait_for("code", f'{{"points":{points}}}')
    assert axes(page) == names
    page.browser.assert_no_console_errors()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be-sig", "cp1252"])
def test_encodings(page: Page, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "points.csv"
    mark = "\ufeff" if encoding.endswith("-be-sig") else ""
    text = mark + "größe,länge\n1,2\n3,4\n5,5\n"
    file.write_bytes(text.encode(encoding.removesuffix("-sig")))
    page["file"].send_keys(str(file))
    page.wait_for("count", "points: 3")
    assert axes(page) == ["größe", "länge"]


@pytest.mark.parametrize(
    ("name", "content"), [("points.xlsx", "anything"), ("points", "PK\x03\x04 and so on")]
)
def test_a_spreadsheet_is_to_be_saved_as_csv(page: Page, name: str, content: str) -> None:
    page.drop(name, content)
    page.wait_for("input-error", f"{name} is a spreadsheet or an archive. Save it as CSV")
    assert page["points"].get_attribute("value") == ""
    assert not page["drawing"].is_displayed()
    assert not page["count"].text
    page.browser.assert_no_console_errors()


def test_jumping_to_an_error_scrolls_to_it(page: Page) -> None:
    lines = [f"{row},{row}" for row in range(3000)]
    lines[2500] = "1,none of it"
    page.drop("points.csv", "\n".join(lines))
    page.wait_for("input-error", "Line 2501: “none of it” is not a finite number.")
    page["send"].click()
    assert page.selected == "1,none of it"
    top, height, line = page.browser.execute_script(
        """
        const field = arguments[0];
        const line = parseFloat(getComputedStyle(field).lineHeight);
        return [field.scrollTop, field.clientHeight, line];
        """,
        page["points"],
    )
    assert top < 2500 * line < top + height


def test_a_large_file_is_shown_in_parts(page: Page, tmp_path: Path) -> None:
    lines = [f"{row % 7},{row * 7919 % 10007}" for row in range(30_000)]
    page.drop("large.csv", "\n".join(lines))
    page.wait_for("count", "points: 30000")
    page.wait_for("file-part", "This is the beginning of large.csv. The whole file is used.")
    assert len(page["points"].get_attribute("value") or "") < 10_000
    assert page["points"].get_attribute("readonly")
    assert len(page.cluster().split(" ")) > 2000
    assert "30000 points in 3 clusters" in page["summary"].text
    assert "20000 of 30000 points are drawn" in page["drawing"].text
    sizes = [item.text.split()[-1] for item in page["drawing"].find_elements(By.TAG_NAME, "li")]
    assert sum(map(int, sizes)) == 30_000
    page.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page["download"].click()
    file = tmp_path / "clusters.csv"
    WebDriverWait(page.browser, 20).until(lambda _: file.exists() and file.stat().st_size)
    assert file.read_text().count("\n") == 30_001
    lines[29_990] = "1,none of it"
    page.drop("large.csv", "\n".join(lines))
    page.wait_for("input-error", "Line 29991: “none of it”")
    page["send"].click()
    assert page.selected == "1,none of it"
    page.wait_for("file-part", "This is large.csv around line 29991.")
    page["remove-file"].click()
    page.wait_for("input-error", "There are no points.")
    assert not page["file-part"].is_displayed()
    assert not page["points"].get_attribute("readonly")
    page.browser.assert_no_console_errors()


def test_a_large_text_is_pasted_like_a_file(page: Page) -> None:
    page.browser.execute_script(
        """
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", "x,y\\n" + "10,20\\n70,80\\n90,40\\n".repeat(120_000));
        arguments[0].dispatchEvent(new ClipboardEvent("paste", {
            clipboardData, bubbles: true, cancelable: true,
        }));
        """,
        page["points"],
    )
    page.wait_for("count", "points: 360000")
    page.wait_for("file-part", "This is the beginning of the pasted text.")
    page.browser.assert_no_console_errors()


def test_a_million_rows_are_read_without_freezing_the_page(page: Page) -> None:
    page.browser.execute_script(
        """
        const rows = ["id,x,y"];
        for (let row = 0; row < 1e6; row++) {
            rows.push(`${row},${(row * 7919) % 10007},${(row * 104729) % 10009}`);
        }
        const files = new DataTransfer();
        files.items.add(new File([rows.join("\\n")], "million.csv"));
        let last = performance.now();
        window.longestPause = 0;
        setInterval(() => {
            const now = performance.now();
            window.longestPause = Math.max(window.longestPause, now - last);
            last = now;
        }, 10);
        setTimeout(() => arguments[0].dispatchEvent(new DragEvent("drop", {
            dataTransfer: files, bubbles: true, cancelable: true,
        })));
        """,
        page["points"],
    )
    seen = []
    began = time.monotonic()

    def is_read() -> bool:
        if page["progress"].is_displayed():
            seen.append(float(page["progress-bar"].get_property("value") or 0))  # type: ignore[arg-type]
        return page["count"].text.startswith("points: 1000000 · coordinates of each: 3")

    wait_until(is_read, 120)
    assert seen
    assert seen == sorted(seen)
    page["columns-summary"].click()
    page.click("#column-list input")
    page.wait_for("count", "points: 1000000 · coordinates of each: 2", 60)
    milliseconds = 1000 * (time.monotonic() - began)
    assert page.browser.execute_script("return window.longestPause") < milliseconds / 4
    page.browser.assert_no_console_errors()
