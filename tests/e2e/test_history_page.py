"""The request history in a real browser, and its export through the real server."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.support.browser import WIDTHS, Browser
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import Service, running
from tests.support.waiting import wait_until

LIST = "/admin/clustering/requestrecord/"
# Written as the service would, but faster; prints the session of somebody who may see them.
FILL = """
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
connection.cursor().execute(
    "INSERT INTO clustering_requestrecord (created_at, request_id, client, config_version, "
    "duration_ms, status, outcome) WITH RECURSIVE number(i) AS "
    "(SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < 50000) "
    "SELECT datetime('now'), i, '', '', 1.0, 200, printf('%0300d', i) FROM number"
)
client = Client()
client.force_login(get_user_model().objects.create_superuser("admin"))
print(client.cookies["sessionid"].value)
"""


@pytest.fixture(scope="module")
def address(live: Service, browser: Browser) -> str:
    """The URL of the service; the browser is logged in as an admin."""
    browser.log_in(live)
    return live.url


def request(live: Service, points: object) -> int:
    """Post points, and return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    body = json.dumps({"points": points})
    connection.request("POST", "/api/skl-kmeans", body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def open_newest(browser: Browser, address: str, points: int) -> None:
    """Open the newest request when it is the one with this many points."""

    def is_listed() -> bool:
        browser.get(address + LIST)
        cells = browser.find_elements(By.CSS_SELECTOR, "#result_list tbody tr td.field-points")
        return bool(cells) and cells[0].text == str(points)

    wait_until(is_listed)
    browser.find_element(By.CSS_SELECTOR, "#result_list tbody tr th a").click()


def drawings(browser: Browser) -> list[str]:
    """Return the accessible names of the drawings on the page, once they are drawn."""
    wait_until(lambda: bool(browser.find_elements(By.CSS_SELECTOR, "figure > svg[role=img]")))
    found = browser.find_elements(By.CSS_SELECTOR, "figure > svg[role=img]")
    return [svg.get_attribute("aria-label") or "" for svg in found]


def test_a_request_is_drawn_and_clustered_again(
    live: Service, browser: Browser, address: str
) -> None:
    assert request(live, REFERENCE_POINTS) == 200
    open_newest(browser, address, 9)
    assert drawings(browser) == ["9 points in 3 clusters"]
    # By the keyboard alone.
    browser.find_element(By.ID, "id_clusters").send_keys(
        Keys.CONTROL, "a", Keys.NULL, "4", Keys.ENTER
    )
    wait_until(lambda: "clusters=4" in browser.current_url)
    assert drawings(browser) == ["9 points in 3 clusters", "9 points in 4 clusters"]
    assert "adjusted Rand index of the two is 0." in browser.find_element(By.TAG_NAME, "body").text
    browser.assert_fits()
    for width, is_beside in zip(WIDTHS, (True, False), strict=True):
        browser.set_width(width)
        first, second = browser.find_elements(By.CSS_SELECTOR, ".history-partitions > div")
        assert (first.rect["y"] == second.rect["y"]) is is_beside
    browser.set_width(WIDTHS[0])
    browser.get(browser.current_url.replace("clusters=4", "clusters=12"))
    assert "9 points cannot form 12 clusters" in browser.find_element(By.TAG_NAME, "body").text
    assert drawings(browser) == ["9 points in 3 clusters"]
    browser.assert_no_console_errors()


def test_numbers_of_clusters_are_compared(live: Service, browser: Browser, address: str) -> None:
    assert request(live, REFERENCE_POINTS) == 200
    open_newest(browser, address, 9)
    browser.find_element(By.ID, "history-compare").send_keys(Keys.ENTER)

    def curves() -> str:
        return browser.find_element(By.ID, "history-curves").text

    wait_until(lambda: "clusters have the highest silhouette" in curves())
    buttons = browser.find_elements(By.CSS_SELECTOR, "#history-curves th button")
    assert [button.text for button in buttons] == [str(k) for k in range(2, 10)]
    assert len(browser.find_elements(By.CSS_SELECTOR, "#history-curves svg[role=img]")) == 2
    for scheme in ("dark", "light"):
        browser.set_color_scheme("dark" if scheme == "dark" else "light")
        browser.assert_fits()
    buttons[2].send_keys(Keys.ENTER)
    wait_until(lambda: "clusters=4" in browser.current_url)
    assert drawings(browser) == ["9 points in 3 clusters", "9 points in 4 clusters"]
    # Also points that were refused.
    assert request(live, [[1, 2], [4, 5]]) == 422
    open_newest(browser, address, 2)
    browser.find_element(By.ID, "history-compare").click()
    wait_until(lambda: "no candidate has a silhouette" in curves())
    browser.assert_no_console_errors()


def test_points_without_labels_and_requests_without_points(
    live: Service, browser: Browser, address: str
) -> None:
    assert request(live, [[1, 2, 3], [4, 5, 6.5]]) == 422
    open_newest(browser, address, 2)
    assert "2 points cannot form 3 clusters" in browser.find_element(By.TAG_NAME, "body").text
    assert drawings(browser) == ["2 points, not clustered yet"]
    assert request(live, [[i, i % 7] for i in range(2000)]) == 200
    open_newest(browser, address, 2000)
    assert "The points were not kept" in browser.find_element(By.TAG_NAME, "body").text
    browser.assert_fits()
    browser.assert_no_console_errors()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_can_be_filtered(
    live: Service, browser: Browser, address: str, scheme: str
) -> None:
    browser.set_color_scheme("dark" if scheme == "dark" else "light")
    assert request(live, REFERENCE_POINTS) == 200
    browser.get(address + LIST)
    browser.assert_fits()
    browser.find_element(By.LINK_TEXT, "answered (2xx)").click()
    wait_until(lambda: "status=2xx" in browser.current_url)
    export = browser.find_element(By.CSS_SELECTOR, ".object-tools a")
    assert (export.get_attribute("href") or "").endswith("/export/?status=2xx")
    browser.find_element(By.ID, "searchbar").send_keys("no-such-id" + Keys.ENTER)
    wait_until(lambda: "q=no-such-id" in browser.current_url)
    assert "0 requests" in browser.find_element(By.ID, "changelist").text
    browser.assert_no_console_errors()


def test_the_list_fits_and_its_rows_are_blocks_where_it_is_narrow(
    live: Service, browser: Browser, address: str
) -> None:
    assert request(live, [[1, 2], [3]]) == 422
    assert request(live, REFERENCE_POINTS) == 200
    wait_until(lambda: count_rows(browser, address + LIST) >= 2)
    for width, is_open, display in ((1280, True, "table-row"), (390, False, "grid")):
        browser.set_width(width)
        browser.get(address + LIST)
        filters = browser.find_element(By.ID, "history-filters")
        assert (filters.get_attribute("open") is not None) is is_open
        row = browser.find_element(By.CSS_SELECTOR, "#result_list tbody tr")
        assert row.value_of_css_property("display") == display
        assert not browser.execute_script(
            """
            return [document.documentElement, document.querySelector(".results")].some(
                (box) => box.scrollWidth > box.clientWidth);
            """
        )
        label = browser.execute_script(
            """
            const cell = document.querySelector("#result_list td.field-clusters");
            return getComputedStyle(cell, "::before").content;
            """
        )
        assert label == ("none" if is_open else '"Clusters"')
    # Opened with the keyboard, and in the way of nothing.
    browser.find_element(By.CSS_SELECTOR, "#history-filters > summary").send_keys(Keys.ENTER)
    wait_until(lambda: browser.find_element(By.ID, "changelist-filter").is_displayed())
    browser.set_width(WIDTHS[0])
    browser.assert_fits()
    browser.assert_no_console_errors()


def test_closed_filters_stay_closed(browser: Browser, address: str) -> None:
    for is_open in (True, False):
        browser.get(address + LIST)
        filters = browser.find_element(By.ID, "history-filters")
        assert (filters.get_attribute("open") is not None) is is_open
        if is_open:
            browser.find_element(By.CSS_SELECTOR, "#history-filters > summary").click()
    browser.find_element(By.CSS_SELECTOR, "#history-filters > summary").click()


def test_a_reason_of_rejections_leads_to_its_requests(
    live: Service, browser: Browser, address: str
) -> None:
    assert request(live, [[1, 2], [3]]) == 422
    assert request(live, [[1, 2], [3, 4]]) == 422
    assert request(live, REFERENCE_POINTS) == 200
    link = "rejection-422-ragged-points"

    def is_counted() -> bool:
        browser.get(address + "/admin/overview/")
        return bool(browser.find_elements(By.ID, link))

    wait_until(is_counted)
    browser.find_element(By.ID, link).click()
    wait_until(lambda: "problem=ragged-points" in browser.current_url)
    cells = browser.find_elements(By.CSS_SELECTOR, "#result_list td.field-short_outcome span")
    assert cells
    for cell in cells:
        assert cell.get_attribute("title") == ("points[1]: has 1 coordinate where points[0] has 2")
    browser.assert_fits()
    browser.assert_no_console_errors()


def test_points_and_clusters_are_downloaded_as_csv(
    live: Service, browser: Browser, address: str
) -> None:
    assert request(live, REFERENCE_POINTS) == 200
    open_newest(browser, address, 9)
    link = browser.find_element(By.PARTIAL_LINK_TEXT, "(CSV)".upper())
    content = browser.execute_async_script(
        "fetch(arguments[0]).then((answer) => answer.text()).then(arguments[1])",
        link.get_attribute("href"),
    )
    head, *lines = content.splitlines()
    assert head == "x1,x2,cluster"
    expected = zip(REFERENCE_POINTS, REFERENCE_LABELS[3], strict=True)
    assert lines == [f"{float(x)},{float(y)},{label}" for (x, y), label in expected]


def count_rows(browser: Browser, url: str) -> int:
    browser.get(url)
    return len(browser.find_elements(By.CSS_SELECTOR, "#result_list tbody tr"))


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Service]:
    """An instance with four threads and 50,000 rows, 18 MB as CSV."""
    few = {"WORKERS": "1", "THREADS": "4", "KMEANS_QUEUE_SIZE": "1"}
    with running(tmp_path, few) as made:
        yield made


def test_an_export_is_streamed_and_stops_when_the_client_disconnects(narrow: Service) -> None:
    filled = narrow.manage("shell", "-v", "0", "-c", FILL)
    assert filled.returncode == 0, filled.stderr
    ask = (
        f"GET {LIST}export/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Cookie: sessionid={filled.stdout.strip()}\r\n\r\n"
    ).encode()

    def begin() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", narrow.port), timeout=20)
        connection.sendall(ask)
        start = connection.recv(4096, socket.MSG_PEEK)
        assert start.startswith(b"HTTP/1.1 "), start
        return connection

    def is_begun(connection: socket.socket) -> bool:
        return b" 200 " in connection.recv(16, socket.MSG_PEEK)

    # More than the sockets take at once, and nobody reads: a thread is held in the middle of each.
    first, second = begin(), begin()
    assert is_begun(first)
    assert is_begun(second)
    with begin() as third:
        assert not is_begun(third), "threads are left for others"
    assert narrow.get("/livez") == 200
    first.close()

    def may_begin() -> bool:
        with begin() as another:
            return is_begun(another)

    wait_until(may_begin)
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        piece = second.recv(1024 * 1024)
        assert piece, "the export ends before its end"
        received += piece
    second.close()
    assert len(received) > 50_000 * 300
