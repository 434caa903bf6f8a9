"""Which k, and what is a cluster: the playground's comparison and table, in a real browser."""

import ast
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sklearn.cluster import KMeans

from tests.support.browser import Browser
from tests.support.playground_page import PROGRAMS, Page, output_of
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import Service
from tests.support.waiting import wait_until

POINTS = [[1, 20], [2, 10], [9, 90], [8, 95], [30, 31], [31, 30], [30, 33]]
# Longer than the commands between a click and a newer input take.
LATENCY_SECONDS = 3
TEXT = "height,weight\n" + "\n".join(f"{x},{y}" for x, y in POINTS)


@pytest.fixture
def page(browser: Browser, live: Service) -> Page:
    return Page(browser, live)


def try_clusters(page: Page, k: int) -> None:
    page["try-k"].clear()
    page["try-k"].send_keys(str(k), Keys.ENTER)
    page.wait_for("summary", f"With k = {k}: ")


def rows(page: Page, selector: str) -> list[list[str]]:
    """Return the texts of the cells of a table."""
    found: list[list[str]] = page.browser.execute_script(
        """
        return [...document.querySelectorAll(`${arguments[0]} tr`)].map((row) =>
            [...row.cells].map((cell) => cell.textContent.trim()));
        """,
        selector,
    )
    return found


def copied(page: Page, button: str) -> str:
    """Press a button that copies, and return what is in the clipboard."""
    page[button].click()
    page.wait_for("centres-copied", "Copied")
    page["points"].clear()
    page["points"].send_keys(Keys.CONTROL, "v")
    return page["points"].get_attribute("value") or ""


def test_a_k_is_tried_without_a_change_of_the_config(page: Page, live: Service) -> None:
    page.click("[data-example=blobs]")
    try_clusters(page, 5)
    summary = page["summary"].text
    assert "210 points in 5 clusters, inertia " in summary
    assert "silhouette 0." in summary
    assert len(page["drawing"].find_elements(By.TAG_NAME, "li")) == 5
    assert sorted(set(page["labels"].text.split())) == ["0", "1", "2", "3", "4"]
    assert page["current-clusters"].text == "3"
    with urlopen(f"{live.url}/playground/config") as config:
        assert json.load(config)["clusters"] == 3
    assert len(set(page.cluster().split())) == 3
    page.browser.assert_no_console_errors()


def test_the_code_is_that_of_the_request_that_was_made(page: Page, tmp_path: Path) -> None:
    points = json.dumps(REFERENCE_POINTS).replace(" ", "")
    labels_code = page["code"].text
    assert f'{{"points":{points}}}' in labels_code
    try_clusters(page, 4)
    assert f'"points":{points},"candidates":[4]}}' in page["code"].text
    for language in PROGRAMS:
        assert REFERENCE_LABELS[4] in [each["results"] for each in run(page, language, tmp_path)]
    page.click("[data-language=curl]")
    page["compare"].click()
    page.wait_for("curves", "have the highest silhouette")
    assert f'"points":{points},"candidates":[2,3,4,5,6,7,8,9]}}' in page["code"].text
    assert [each["clusters"] for each in run(page, "curl", tmp_path)] == list(range(2, 10))
    page.write("1,2\nthree,4\n")
    page.wait_for("input-error", "Line 2")
    assert '"candidates":[2,3,4,5,6,7,8,9]' in page["code"].text
    page.click("[data-example=nine]")
    page.wait_for("count", "points: 9")
    assert page["code"].text == labels_code
    try_clusters(page, 4)
    page.cluster()
    assert page["code"].text == labels_code
    page.browser.assert_no_console_errors()


def run(page: Page, language: str, folder: Path) -> list[dict[str, Any]]:
    """Run the code of the page, and return the candidates that it prints."""
    printed = output_of(page, language, folder)
    if language == "python":
        candidates: list[dict[str, Any]] = ast.literal_eval(printed)
    else:
        candidates = json.loads(printed)["candidates"]
    return candidates


def test_candidates_in_the_input_do_not_change_what_is_tried(page: Page) -> None:
    page.write(json.dumps({"points": POINTS, "candidates": [2, 4]}))
    try_clusters(page, 3)
    assert "7 points in 3 clusters" in page["summary"].text


def test_clusters_are_compared_and_one_is_tried(page: Page) -> None:
    page.click("[data-example=blobs]")
    page["compare"].click()
    page.wait_for("curves", "3 clusters have the highest silhouette")
    charts = page["curves"].find_elements(By.CSS_SELECTOR, "svg[role=img]")
    assert [(chart.get_attribute("aria-label") or "").split(":")[0] for chart in charts] == [
        "Inertia", "Silhouette",
    ]  # fmt: skip
    head, *body = rows(page, "#curves")
    assert head == ["k", "Inertia", "Silhouette", "Points in each cluster"]
    assert [row[0] for row in body] == [str(k) for k in range(2, 11)]
    assert all(sum(map(int, row[3].split(", "))) == 210 for row in body)
    best = page["curves"].find_element(By.CSS_SELECTOR, ".curves-best")
    assert best.text.startswith("3 ")
    # By the keyboard, from the table.
    best.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    page.wait_for("summary", "With k = 3: 210 points in 3 clusters")
    # By the pointer, from the curve.
    dots = charts[1].find_elements(By.CSS_SELECTOR, ".curves-target")
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", dots[4])
    ActionChains(page.browser).move_to_element(dots[4]).click().perform()
    page.wait_for("summary", "With k = 6: 210 points in 6 clusters")
    assert len(rows(page, "#curves")) == 10
    page.browser.assert_no_console_errors()


def test_few_points_are_compared_as_far_as_possible(page: Page) -> None:
    page.write("1,2\n3,4\n9,9\n")
    page["compare"].click()
    page.wait_for("curves", "have the highest silhouette")
    assert [row[:1] + row[2:3] for row in rows(page, "#curves")][-1] == ["3", "—"]
    page.write("1,2\n")
    page["compare"].click()
    page.wait_for("problem-title", "422")
    assert rows(page, "#curves") == []
    page.browser.assert_no_console_errors(answers=[422])


def test_a_sample_is_compared_if_all_points_are_too_much_work(page: Page) -> None:
    page.drop("large.csv", "10,20\n70,80\n90,40\n" * 100_000)
    page.wait_for("count", "points: 300000")
    page["compare"].click()
    page.wait_for("compared-sample", "so a sample of 20000 points is compared", 60)
    assert "Silhouettes are of a sample of 2000 points." in page["curves"].text
    assert all(sum(map(int, row[3].split(", "))) == 20_000 for row in rows(page, "#curves")[1:])
    page.browser.assert_no_console_errors(answers=[422])


def test_each_cluster_has_its_size_and_means_under_the_headers_of_the_file(page: Page) -> None:
    page.write(TEXT)
    labels = page.cluster()
    expected = KMeans(3, random_state=9, n_init=10).fit(POINTS)
    assert labels == " ".join(map(str, expected.labels_))
    head, *body = rows(page, "#cluster-table")
    assert head == ["Label", "Size", "height", "weight"]
    for label, row in enumerate(body):
        assert row[:2] == [str(label), str(list(expected.labels_).count(label))]
        assert [float(cell) for cell in row[2:]] == pytest.approx(
            expected.cluster_centers_[label], rel=1e-4
        )
    centers = json.loads(copied(page, "copy-json"))
    assert centers == [pytest.approx(center) for center in expected.cluster_centers_.tolist()]
    page.write(TEXT)
    page.cluster()
    header, *lines = copied(page, "copy-csv").splitlines()
    assert header == "cluster,size,height,weight"
    assert [list(map(float, line.split(",")))[2:] for line in lines] == centers
    page.browser.assert_no_console_errors()


def test_a_cluster_without_points_has_no_means(page: Page) -> None:
    page.write("1 1\n1 1\n1 1\n")
    page.cluster()
    body = rows(page, "#cluster-table")[1:]
    assert sorted(body) == [["0", "3", "1", "1"], ["1", "0", "—", "—"], ["2", "0", "—", "—"]]
    page.browser.assert_no_console_errors()


def test_a_wide_table_scrolls_within_itself(page: Page) -> None:
    header = ",".join(f"measurement {number}" for number in range(30))
    lines = [",".join(str((row * 7 + column) % 11) for column in range(30)) for row in range(12)]
    page.write("\n".join([header, *lines]))
    page["compare"].click()
    page.wait_for("curves", "have the highest silhouette")
    page.cluster()
    page.browser.assert_fits()
    table = page["cluster-table"]
    assert page.browser.execute_script(
        "return arguments[0].scrollWidth > arguments[0].clientWidth", table
    )
    page.browser.assert_no_console_errors()


def test_nothing_of_an_earlier_input_stays(page: Page) -> None:
    page.click("[data-example=blobs]")
    page["compare"].click()
    page.wait_for("curves", "have the highest silhouette")
    page.cluster()
    shown = ("answer", "clusters", "summary")
    assert all(page[name].is_displayed() for name in shown)
    page["points"].send_keys("7")
    assert not any(page[name].is_displayed() for name in shown)
    assert rows(page, "#curves") == []
    assert not page["drawing"].find_elements(By.CSS_SELECTOR, ".clusters-square")
    page.browser.assert_no_console_errors()


@pytest.mark.parametrize("button", ["send", "try", "compare"])
def test_an_answer_that_comes_later_than_a_newer_input_is_not_shown(
    page: Page, button: str
) -> None:
    page.click("[data-example=blobs]")
    page.wait_for("count", "points: 210")
    with slow_network(page.browser):
        page[button].click()
        assert page[button].get_attribute("aria-busy") == "true"
        page.click("[data-example=nine]")
        page.wait_for("count", "points: 9")
        assert page[button].get_attribute("aria-busy") == "false"
        time.sleep(LATENCY_SECONDS + 2)
        for name in ("answer", "clusters", "summary", "problem"):
            assert not page[name].is_displayed(), name
        assert rows(page, "#curves") == []
        assert page["drawing"].find_element(By.TAG_NAME, "svg").get_attribute("aria-label") == (
            "9 points, not clustered yet"
        )
    assert page.cluster() == " ".join(map(str, REFERENCE_LABELS[3]))
    page.browser.assert_no_console_errors()


@contextmanager
def slow_network(browser: Browser) -> Iterator[None]:
    """Let each request of the page take LATENCY_SECONDS longer."""
    conditions = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}

    def set_latency(seconds: int) -> None:
        latency = {"latency": 1000 * seconds}
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions | latency)

    browser.execute_cdp_cmd("Network.enable", {})
    set_latency(LATENCY_SECONDS)
    try:
        yield
    finally:
        set_latency(0)


def test_who_may_publish_gets_a_link_with_the_tried_k(page: Page, live: Service) -> None:
    try_clusters(page, 4)
    assert not page["publish"].is_displayed()
    page.browser.log_in(live)
    page = Page(page.browser, live)
    assert not page["publish"].is_displayed()
    try_clusters(page, 4)
    page.wait_for("publish", "Publish k = 4 in the live config")
    page.click("#publish a")
    wait_until(lambda: page.browser.current_url.endswith("/admin/overview/clusters/?clusters=4"))
    assert page["id_clusters"].get_attribute("value") == "4"
    page.browser.assert_no_console_errors()
    page.browser.delete_all_cookies()
