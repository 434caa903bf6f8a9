"""The pages work in a browser with a policy that allows only same-origin resources."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.browser import Browser
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import Service


@pytest.fixture(scope="module")
def admin(live: Service, browser: Browser) -> Browser:
    """A browser that is logged in, at the admin's first page."""
    browser.log_in(live)
    return browser


def test_a_violation_is_an_error_in_the_console(admin: Browser) -> None:
    admin.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')"
    )
    with pytest.raises(AssertionError, match="Content Security Policy"):
        admin.assert_no_console_errors()


def test_the_admin(admin: Browser, live: Service) -> None:
    live.labels()
    for path in (
        "",
        "clustering/requestrecord/",
        "nacos_integration/configchange/",
        "auth/user/1/change/",
        "password_change/",
    ):
        admin.get(f"{live.url}/admin/{path}")
        admin.assert_no_console_errors()
    # Dates are picked, and choices moved, by scripts of Django's.
    admin.get(f"{live.url}/admin/auth/user/1/change/")
    admin.find_element(By.ID, "calendarlink0").click()
    admin.find_element(By.CSS_SELECTOR, "#calendarin0 td.today a").click()
    assert admin.find_element(By.ID, "id_last_login_0").get_attribute("value")
    admin.find_element(By.ID, "id_user_permissions_add_all").click()
    admin.assert_no_console_errors()


def test_swagger_ui_and_a_request_from_it(live: Service, browser: Browser) -> None:
    browser.get(f"{live.url}/api/docs/")
    wait = WebDriverWait(browser, 20)

    def click(selector: str) -> None:
        wait.until(lambda driver: driver.find_elements(By.CSS_SELECTOR, selector))
        browser.find_element(By.CSS_SELECTOR, selector).click()

    click("#operations-skl-kmeans-cluster .opblock-summary-control")
    click(".try-out__btn")
    click(".execute")
    wait.until(lambda driver: driver.find_elements(By.CSS_SELECTOR, ".live-responses-table"))
    answer = browser.find_element(By.CSS_SELECTOR, ".live-responses-table").text
    assert "200" in answer
    found = answer.replace("\n", "").replace(" ", "")
    assert str(REFERENCE_LABELS[3]).replace(" ", "") in found
    browser.assert_no_console_errors()
