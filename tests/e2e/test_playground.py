"""The playground, in a real browser."""

import json
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from tests.e2e.test_api_keys import create_key
from tests.support.browser import Browser
from tests.support.playground_page import PROGRAMS, Page, output_of
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import Service

LABELS = " ".join(map(str, REFERENCE_LABELS[3]))


@pytest.fixture
def page(browser: Browser, live: Service) -> Page:
    return Page(browser, live)


def test_from_the_example_to_the_answer(page: Page) -> None:
    page.wait_for("count", "points: 9")
    assert page["drawing"].find_element(By.TAG_NAME, "svg").get_attribute("aria-label") == (
        "9 points, not clustered yet"
    )
    assert page.cluster() == LABELS
    assert "9 points in 3 clusters" in page["summary"].text
    assert page["drawing"].find_element(By.TAG_NAME, "ul").text.split("\n") == [
        "Cluster 0 4", "Cluster 1 4", "Cluster 2 1",
    ]  # fmt: skip
    headers = page["headers"].text
    assert "X-KMeans-Clusters\n3" in headers
    assert "X-Config-Version" in headers
    assert "X-Request-ID" in headers
    assert "X-KMeans-Warning" not in headers
    page.browser.assert_no_console_errors()


def test_a_warning_is_shown(page: Page) -> None:
    page.write("1 1\n1 1\n1 1\n")
    page.cluster()
    assert "X-KMeans-Warning\nonly 1 of 3 clusters have points" in page["headers"].text
    page.browser.assert_no_console_errors()


def test_every_example_can_be_clustered_and_drawn(page: Page) -> None:
    for name in ("blobs", "moons", "ring", "fiveDimensions"):
        page.click(f"[data-example={name}]")
        page.wait_for("count", "points: 210")
        assert len(page.cluster().split()) == 210
    assert "principal components" in page["drawing"].text
    page.browser.assert_no_console_errors()


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("[[1, 2],\n [3, 4], [5, 6]]", [[1, 2], [3, 4], [5, 6]]),
        ('{"points": [[1], [2], [3]]}', [[1], [2], [3]]),
        ("a,b\n1,2\n\n3,4\n5,6e1\n", [[1, 2], [3, 4], [5, 60]]),
        ("1,5;2\n3;4\n-5;.5", [[1.5, 2], [3, 4], [-5, 0.5]]),
        ("1   2\n 3 4\n5 6", [[1, 2], [3, 4], [5, 6]]),
        ('"x, of it"\n"1"\n2\n3', [[1], [2], [3]]),
    ],
)
def test_input_formats(page: Page, text: str, points: list[list[float]]) -> None:
    page.write(text)
    page.wait_for("count", f"points: {len(points)} ")
    page.wait_for("code", json.dumps({"points": points}).replace(" ", ""))
    page.cluster()


@pytest.mark.parametrize(
    ("text", "error", "selected"),
    [
        ("x,y\n1,2\n3,four\n", "Line 3: “four” is not a finite number.", "3,four"),
        ("1,2\n3,1e999", "Line 2: “1e999” is not a finite number.", "3,1e999"),
        ("1,2\n3,4,5", "Line 2 has 3 numbers, the lines before have 2.", "3,4,5"),
        ("1,2\n3,", "Line 2: cell 2 is empty.", "3,"),
        ("[[1,2]", "This is not valid JSON", ""),
        ("\n", "There are no points.", ""),
    ],
)
def test_input_errors(page: Page, text: str, error: str, selected: str) -> None:
    page.write(text)
    page.wait_for("input-error", error)
    page["send"].click()
    assert page.selected == selected
    assert not page["answer"].is_displayed()
    page.browser.assert_no_console_errors()


@pytest.mark.parametrize(
    ("text", "status", "detail", "place"),
    [
        (
            '[[1, 2],\n [3, true],\n ["]", 4]]',
            400, "points[1][1]: must be a number, not a boolean", "line 2 of your input: true",
        ),
        (
            '{"a": [[0]], "points": [[1, 2],\n [3, 4],\n [5, 6, 7]]}',
            422, "points[2]", "line 3 of your input: [5, 6, 7]",
        ),
        ("1,2\n3,4\n", 422, "points: 2 points cannot form 3 clusters", ""),
    ],
)  # fmt: skip
def test_a_problem_is_shown_with_its_place(
    page: Page, text: str, status: int, detail: str, place: str
) -> None:
    page.write(text)
    page["send"].click()
    page.wait_for("problem-title", str(status))
    assert detail in page["problem-detail"].text
    assert page["problem-type"].text.startswith("urn:skl-kmeans:problem:")
    assert page["problem-place"].text.endswith(place)
    if place:
        page["problem-line"].click()
        assert page.selected == place.partition(": ")[2]
    page.browser.assert_no_console_errors(answers=[status])


def test_a_file_is_chosen_or_dropped(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("\ufeffa,b\r\n1,2\r\n2,1\r\n9,9\r\n", newline="")
    page["file"].send_keys(str(file))
    page.wait_for("count", "points: 3")
    page.drop("points.csv", "1,2\n2,1\n9,9\n8,9")
    page.wait_for("count", "points: 4")
    page.browser.assert_no_console_errors()


def test_points_and_labels_are_downloaded(page: Page, tmp_path: Path) -> None:
    page.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.write("height,weight\n1,2.50\n2,1\n9,9\n")
    labels = page.cluster().split()
    page["download"].click()
    file = tmp_path / "clusters.csv"
    WebDriverWait(page.browser, 20).until(lambda _: file.exists() and file.stat().st_size)
    assert file.read_text().splitlines() == [
        "height,weight,cluster", f"1,2.5,{labels[0]}", f"2,1,{labels[1]}", f"9,9,{labels[2]}",
    ]  # fmt: skip


def run(page: Page, language: str, folder: Path, **environment: str) -> list[int]:
    """Run the code of the page in this language, and return the labels that it prints."""
    printed = json.loads(output_of(page, language, folder, **environment))
    labels: list[int] = printed["results"] if isinstance(printed, dict) else printed
    return labels


@pytest.mark.parametrize("language", PROGRAMS)
def test_the_code_runs(page: Page, language: str, tmp_path: Path) -> None:
    assert run(page, language, tmp_path) == REFERENCE_LABELS[3]
    page.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page.click("[data-example=blobs]")
    page.wait_for("count", "points: 210")
    page["save"].click()
    file = tmp_path / "points.json"
    WebDriverWait(page.browser, 20).until(lambda _: file.exists() and file.stat().st_size)
    labels = page.cluster().split()
    assert run(page, language, tmp_path) == [int(label) for label in labels]


def test_the_code_is_copied(page: Page) -> None:
    page["copy"].click()
    page.wait_for("copied", "Copied")
    page["points"].clear()
    page["points"].send_keys(Keys.CONTROL, "v")
    assert page["points"].get_attribute("value") == page["code"].get_attribute("textContent")


def test_the_current_clusters_are_updated(page: Page, live: Service) -> None:
    page.cluster()
    live.config_file.write_text("clusters: 4\n")
    page.wait_for("current-clusters", "4")
    page.wait_for("stale", "The config has changed since this answer")
    page.cluster()
    assert not page["stale"].is_displayed()
    assert "X-KMeans-Clusters\n4" in page["headers"].text
    live.config_file.write_text("clusters: 3\n")
    live.wait_until_clusters(3)


def test_the_keyboard_is_enough(page: Page) -> None:
    reached = []
    for _ in range(40):
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
        focused = page.browser.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.text)
        outline = focused.value_of_css_property("outline-style")
        assert outline == "solid", f"the focus on {reached[-1]} cannot be seen"
        if reached[-1] == "send":
            focused.send_keys(Keys.ENTER)
            page.wait_for("summary", "answered in")
        if reached[-1] == "tab-curl":
            focused.send_keys(Keys.ARROW_RIGHT)
            assert "urllib" in page["code"].text
            assert page.browser.switch_to.active_element == page["tab-python"]
        if reached[-1] == "code":
            break
    expected = [
        "Admin", "Moons", "points", "file", "send", "try-k", "try", "compare", "cluster-table",
        "copy-json", "copy-csv", "download", "tab-curl", "copy", "code",
    ]  # fmt: skip
    assert [name for name in reached if name in expected] == expected


def test_it_fits_on_a_phone_in_light_and_dark(page: Page) -> None:
    page.click("[data-example=fiveDimensions]")
    page.cluster()
    backgrounds = set()
    for scheme in ("light", "dark"):
        page.browser.set_color_scheme(scheme)
        page.browser.assert_fits()
        body = page.browser.find_element(By.TAG_NAME, "body")
        backgrounds.add(body.value_of_css_property("background-color"))
    assert len(backgrounds) == 2
    page.browser.set_color_scheme("light")
    page.browser.assert_no_console_errors()


def test_ten_thousand_points(page: Page) -> None:
    lines = "\n".join(f"{i * 7919 % 10007},{i * 104729 % 10009}" for i in range(10_000))
    page.browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
        page["points"], lines,
    )  # fmt: skip
    page.wait_for("count", "points: 10000")
    labels = page.cluster()
    assert labels.endswith("… and 8000 more; the download has all")
    page.browser.assert_no_console_errors()


def test_an_api_key_is_sent(service: Service, browser: Browser, tmp_path: Path) -> None:
    service.environment |= {"API_KEYS_REQUIRED": "true", "WORKERS": "1"}
    service.start()
    service.wait_until_it_answers()
    page = Page(browser, service)
    page["send"].click()
    page.wait_for("problem-title", "401")
    browser.assert_no_console_errors(answers=[401])
    key = create_key(service, None)
    page["api-key"].send_keys(key)
    assert page.cluster() == LABELS
    for language in PROGRAMS:
        assert run(page, language, tmp_path, API_KEY=key) == REFERENCE_LABELS[3]
        assert key not in page["code"].text
    browser.assert_no_console_errors()


def test_an_unreachable_service_is_reported(service: Service, browser: Browser) -> None:
    service.environment["WORKERS"] = "1"
    service.start()
    service.wait_until_it_answers()
    page = Page(browser, service)
    service.stop()
    page["send"].click()
    page.wait_for("problem-title", "No answer")
    assert "is unreachable" in page["problem-detail"].text
