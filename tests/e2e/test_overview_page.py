"""The overview of a running service, in a browser."""

import re
import time
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

from nacos_integration import md5_of
from tests.support.browser import Browser
from tests.support.service import Service, running
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An instance of two workers."""
    with running(tmp_path_factory.mktemp("overview")) as made:
        yield made


@pytest.fixture(scope="module")
def logged_in(service: Service, browser: Browser) -> Browser:
    """The browser, logged in as an admin."""
    browser.log_in(service)
    return browser


@pytest.fixture
def overview(service: Service, logged_in: Browser) -> Browser:
    """The browser with the overview and its script."""
    logged_in.get(f"{service.url}/admin/overview/")
    wait_until(lambda: "Refreshed" in text_of(logged_in, "live"))
    return logged_in


def text_of(browser: Browser, name: str) -> str:
    return str(browser.execute_script(f"return document.getElementById('{name}')?.textContent"))


def newest_change(browser: Browser) -> str:
    """Return the first row of the changes, which the page may replace at any moment."""
    row = browser.execute_script(
        "return document.querySelector('#panel-changes tbody tr')?.textContent"
    )
    return " ".join((row or "").split())


def test_it_updates_itself_and_keeps_the_input(service: Service, overview: Browser) -> None:
    service.labels()
    overview.find_element(By.CSS_SELECTOR, "#hour-table > summary").click()
    overview.execute_script("document.getElementById('change-clusters').focus()")
    service.config_file.write_text("clusters: 4\n")
    wait_until(lambda: "clusters=4" in text_of(overview, "panel-config"))
    wait_until(
        lambda: (
            text_of(overview, "panel-instances").count("clusters=4") == 2  # workers
            and "run the same config" in text_of(overview, "panel-instances")
        )
    )
    assert overview.execute_script("return document.activeElement.id") == "change-clusters"
    assert overview.execute_script("return document.getElementById('hour-table').open")
    overview.assert_fits()
    overview.assert_no_console_errors()


def test_clusters_can_be_changed_with_the_keyboard(service: Service, overview: Browser) -> None:
    service.config_file.write_text("clusters: 4\n")
    wait_until(lambda: "clusters=4" in text_of(overview, "panel-config"))
    overview.find_element(By.ID, "change-clusters").send_keys("\n")
    wait_until(lambda: overview.find_elements(By.ID, "id_clusters"))
    overview.assert_fits()
    field = overview.find_element(By.ID, "id_clusters")
    field.clear()
    field.send_keys("3\n")
    wait_until(lambda: overview.find_elements(By.ID, "publish"))
    assert "+clusters: 3" in text_of(overview, "difference")
    overview.assert_fits()
    overview.find_element(By.ID, "publish").send_keys("\n")
    wait_until(lambda: text_of(overview, "panel-instances").count("clusters=3") == 2)
    assert service.clusters_in_force() == {3}
    assert "admin" in text_of(overview, "panel-changes")
    overview.assert_no_console_errors()


def test_a_change_is_told_in_words_and_an_old_config_published_again(
    service: Service, overview: Browser
) -> None:
    service.config_file.write_text("clusters: 3\n")
    service.wait_until_clusters(3)
    # As the playground links it.
    overview.get(f"{service.url}/admin/overview/clusters/?clusters=4")
    field = overview.find_element(By.ID, "id_clusters")
    assert field.get_attribute("value") == "4"
    field.send_keys("\n")
    wait_until(lambda: overview.find_elements(By.ID, "publish"))
    assert text_of(overview, "change") == "clusters 3 → 4"
    overview.find_element(By.ID, "publish").click()
    words = "adminclusters 3 → 4, in force in all 2 workers after"
    wait_until(lambda: words in newest_change(overview))
    assert "MD5" not in text_of(overview, "panel-changes")

    service.config_file.write_text("clusters: 6\n")
    words = "published elsewhereclusters 4 → 6, in force in all 2 workers after"
    wait_until(lambda: words in newest_change(overview))
    overview.assert_fits()
    overview.find_element(By.CSS_SELECTOR, "#panel-changes tr:nth-child(2) [id^=again-]").send_keys(
        "\n"
    )
    wait_until(lambda: overview.find_elements(By.ID, "publish"))
    assert text_of(overview, "change") == "clusters 6 → 4"
    overview.assert_fits()
    overview.find_element(By.ID, "publish").send_keys("\n")
    service.wait_until_clusters(4)
    overview.assert_no_console_errors()


def test_one_line_says_what_is_not_well_and_leads_to_it(
    service: Service, overview: Browser
) -> None:
    service.config_file.write_text("clusters: 3\n")
    wait_until(lambda: "All is well" in text_of(overview, "panel-verdict"))
    service.config_file.write_text("clusters: many\n")
    wait_until(lambda: "was rejected" in text_of(overview, "panel-verdict"))
    overview.find_element(By.CSS_SELECTOR, "#panel-verdict a").send_keys("\n")
    wait_until(lambda: overview.current_url.endswith("#panel-config"))
    overview.assert_fits()
    service.config_file.write_text("clusters: 3\n")
    wait_until(lambda: "All is well" in text_of(overview, "panel-verdict"))
    overview.assert_no_console_errors()


def test_workers_agree_about_the_config_in_force_only(service: Service, overview: Browser) -> None:
    for clusters in (4, 7, 3):
        text = f"clusters: {clusters}\n"
        service.config_file.write_text(text)
        agreed = None
        deadline = time.monotonic() + 60
        while not (agreed and md5_of(text).startswith(agreed[1])):
            assert time.monotonic() < deadline
            panels = overview.execute_async_script(
                "fetch('panels/').then((answer) => answer.text()).then(arguments[0])"
            )
            in_force = re.search(r"MD5 <code>(\w+)", panels)
            agreed = re.search(r"run the same config, <code>(\w+)", panels)
            assert in_force
            assert agreed is None or in_force[1].startswith(agreed[1])
            assert "The workers differ" not in panels


def test_it_reports_a_lost_connection_and_recovers(
    overview: Browser,
) -> None:
    network = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    overview.execute_cdp_cmd("Network.enable", {})
    overview.execute_cdp_cmd("Network.emulateNetworkConditions", network)
    wait_until(lambda: "connection is lost" in text_of(overview, "live"))
    overview.execute_cdp_cmd("Network.emulateNetworkConditions", network | {"offline": False})
    wait_until(lambda: "Refreshed" in text_of(overview, "live"))


def test_it_says_when_the_login_has_ended(overview: Browser) -> None:
    session = overview.get_cookie("sessionid")
    assert session
    overview.delete_cookie("sessionid")
    wait_until(lambda: "login has ended" in text_of(overview, "live"))
    overview.add_cookie(session)
    overview.assert_no_console_errors()
