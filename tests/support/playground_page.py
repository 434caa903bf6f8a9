"""The playground, as a user of a browser sees it."""

import os
import subprocess
from pathlib import Path

from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.browser import Browser
from tests.support.forward_proxy import BEHIND_A_DEAD_PROXY
from tests.support.service import PYTHON, Service
from tests.support.waiting import wait_until

# By the language of the code: the file for it, and what runs that.
PROGRAMS = {
    "curl": ("request.sh", ["bash"]),
    "python": ("request.py", [str(PYTHON)]),
    "java": ("Cluster.java", ["java"]),
}


class Page:
    """The playground in a browser, once it has read the nine points that it shows first."""

    def __init__(self, browser: Browser, service: Service) -> None:
        self.browser = browser
        browser.get(f"{service.url}/")
        self.wait_for("count", "points: 9")

    def __getitem__(self, name: str) -> WebElement:
        return self.browser.find_element(By.ID, name)

    def write(self, text: str) -> None:
        self["points"].clear()
        self["points"].send_keys(text)

    def drop(self, name: str, content: str) -> None:
        """Drop a file into the text field."""
        self.browser.execute_script(
            """
            const files = new DataTransfer();
            files.items.add(new File([arguments[2]], arguments[1]));
            arguments[0].dispatchEvent(new DragEvent("drop", {
                dataTransfer: files, bubbles: true, cancelable: true,
            }));
            """,
            self["points"], name, content,
        )  # fmt: skip

    @property
    def selected(self) -> str:
        """The selected text."""
        selected: str = self.browser.execute_script("return getSelection().toString()")
        return selected

    def click(self, selector: str) -> None:
        self.browser.find_element(By.CSS_SELECTOR, selector).click()

    def wait_for(self, name: str, text: str, seconds: float = 20) -> None:
        """Wait until an element can be seen and has `text`."""
        WebDriverWait(self.browser, seconds).until(
            lambda _: text in self[name].text, f"{name} has no {text!r}"
        )

    def cluster(self) -> str:
        """Press the button, and return the labels shown."""
        self["send"].click()
        # The summary may still be that of the answer before.
        wait_until(lambda: self["send"].get_attribute("aria-busy") != "true")
        self.wait_for("summary", "answered in")
        return self["labels"].text


def output_of(page: Page, language: str, folder: Path, **environment: str) -> str:
    """Run the code that the page shows in this language, and return what it prints."""
    page.click(f"[data-language={language}]")
    name, command = PROGRAMS[language]
    (folder / name).write_text(page["code"].text)
    done = subprocess.run(
        [*command, name], cwd=folder, env=os.environ | BEHIND_A_DEAD_PROXY | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
