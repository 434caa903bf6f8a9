"""A real browser: Debian's Chromium without a window, which reaches nothing but this machine."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Literal

from selenium import webdriver
from selenium.webdriver.chrome.service import Service as ChromeDriver
from selenium.webdriver.common.by import By

from tests.support.service import Service
from tests.support.waiting import wait_until

SWITCHES = (
    "--headless=new",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-domain-reliability",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
WIDTHS = (1280, 360)


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is missing: apt-get install chromium chromium-driver"
    return path


class Browser(webdriver.Chrome):
    """A browser with its own profile in `folder`; its language is English."""

    def __init__(self, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = _program("chromium")
        for switch in (*SWITCHES, f"--user-data-dir={folder / 'profile'}", "--lang=en-US"):
            options.add_argument(switch)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        super().__init__(options, ChromeDriver(_program("chromedriver")))
        self.set_width(WIDTHS[0])

    def log_in(self, service: Service) -> None:
        """Make an admin, and log in as this one; the admin's first page is there then."""
        service.environment["DJANGO_SUPERUSER_PASSWORD"] = password = "a-password-of-a-test"
        made = service.manage(
            "createsuperuser", "--no-input", "--username=admin", "--email=admin@localhost"
        )
        assert made.returncode == 0, made.stderr
        self.get(f"{service.url}/admin/")
        self.find_element(By.NAME, "username").send_keys("admin")
        self.find_element(By.NAME, "password").send_keys(password)
        self.find_element(By.CSS_SELECTOR, "[type=submit]").click()
        wait_until(lambda: self.find_elements(By.ID, "logout-form"), 10, lambda: self.page_source)

    def set_width(self, width: int) -> None:
        """Show the page `width` CSS pixels wide, as a phone does where it is narrow."""
        self.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def set_color_scheme(self, scheme: Literal["light", "dark"]) -> None:
        """Let the page believe that its reader prefers `scheme`."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def assert_fits(self) -> None:
        """Assert that at each of WIDTHS nothing of the page is wider than the window."""
        for width in WIDTHS:
            self.set_width(width)
            scroll_width, client_width, wide = self.execute_script(
                """
                const page = document.documentElement;
                const wide = [...document.body.querySelectorAll("*")]
                    .filter(item => item.getBoundingClientRect().right > page.clientWidth + 1)
                    .map(item => item.outerHTML.slice(0, 99));
                return [page.scrollWidth, page.clientWidth, wide];
                """
            )
            assert scroll_width <= client_width <= width, (
                f"{scroll_width} of {client_width} at {width}: {wide[:5]}"
            )
        self.set_width(WIDTHS[0])

    def assert_no_console_errors(self, answers: Collection[int] = ()) -> None:
        """Assert that the console has no error, such as a violation of the security policy.

        `answers` are the statuses of failed requests that are meant. Looks at what came since the
        last call.
        """
        meant = tuple(f"the server responded with a status of {status} " for status in answers)
        errors = [
            entry["message"]
            for entry in self.get_log("browser")
            if entry["level"] == "SEVERE" and not any(text in entry["message"] for text in meant)
        ]
        assert not errors, "\n".join(errors)
