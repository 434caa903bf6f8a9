"""Renews the pictures of the pages in docs/images: a real service, a real Nacos, a real browser.

.venv/bin/python -m tests.support.screenshots [name …]
"""

import base64
import contextlib
import os
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import django

# Before what is imported from the tests, some of which needs the settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402
from sklearn.datasets import make_blobs  # noqa: E402

from tests.support.browser import Browser  # noqa: E402
from tests.support.servers import free_ports  # noqa: E402
from tests.support.service import ROOT, Service  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402
from tools.nacos_server import NacosServer, chosen_jar  # noqa: E402

IMAGES = ROOT / "docs" / "images"
WIDTH = 1280


def as_it_is(browser: Browser) -> None:
    """Leave a page as it comes."""


def cluster_and_compare(browser: Browser) -> None:
    click(browser, "[data-example=blobs]")
    click(browser, "#send")
    wait_for(browser, "#answer:not([hidden])")
    click(browser, "#compare")
    wait_for(browser, "#curves svg")
    browser.execute_script("scrollTo(0, 0)")


def cluster_newest_once_more(browser: Browser) -> None:
    click(browser, "#result_list th a")
    wait_for(browser, "#id_clusters")
    browser.execute_script("document.getElementById('id_clusters').value = 4")
    click(browser, ".history-replay button")
    wait_for(browser, "#history-replayed svg")
    browser.execute_script("document.querySelector('.history-points').scrollIntoView()")


class Picture(NamedTuple):
    """A page, how many pixels of it to show, and what to do on it before."""

    path: str
    height: int
    prepare: Callable[[Browser], None] = as_it_is


PICTURES = {
    "playground": Picture("/", 1170, cluster_and_compare),
    "overview": Picture("/admin/overview/", 1500),
    "request": Picture("/admin/clustering/requestrecord/", 770, cluster_newest_once_more),
}
# So that there is an hour to see, although the service has just begun.
SPREAD = """
import datetime, random
from clustering.models import RequestRecord
for row in RequestRecord.objects.all():
    minutes = 60 * random.random() ** 1.3
    row.created_at -= datetime.timedelta(minutes=minutes)
    row.save()
"""


def click(browser: Browser, selector: str) -> None:
    wait_for(browser, selector)
    browser.find_element(By.CSS_SELECTOR, selector).click()


def wait_for(browser: Browser, selector: str) -> None:
    WebDriverWait(browser, 20).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, selector), selector
    )


def fill(service: Service, nacos: NacosServer) -> None:
    """Let there be something to see: configs, good and bad, and requests."""
    nacos.publish_config("skl-kmeans", "clusters: 4\n")
    service.wait_until_clusters(4)
    nacos.publish_config("skl-kmeans", "clusters: four\n")
    wait_until(lambda: service.status["config"]["rejected"])
    nacos.publish_config("skl-kmeans", "clusters: 3\n")
    service.wait_until_clusters(3)
    for number in range(600):
        service.labels(blobs(9 + 7 * number % 400))
    for wrong in ([[1, 2], [3]], [[1, True]], [[1, 2]]):
        with contextlib.suppress(urllib.error.HTTPError):
            service.labels(wrong)
    time.sleep(1)  # the history is written a moment later
    assert service.manage("shell", "-v", "0", "-c", SPREAD).returncode == 0
    service.labels(blobs(160))


def blobs(size: int) -> list[list[float]]:
    points, _ = make_blobs(size, centers=4, cluster_std=1.3, random_state=9)
    return [[round(x, 2), round(y, 2)] for x, y in points]


def take(browser: Browser, picture: Picture, url: str, path: Path) -> None:
    browser.get(url + picture.path)
    picture.prepare(browser)
    top = browser.execute_script("return scrollY")
    clip = {"x": 0, "y": top, "width": WIDTH, "height": picture.height, "scale": 1}
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True}
    )
    path.write_bytes(base64.b64decode(shot["data"]))
    print(path)


def main() -> None:
    names = sys.argv[1:] or list(PICTURES)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nacos = NacosServer(chosen_jar(), folder / "nacos", *free_ports())
        stack.callback(nacos.stop)
        nacos.start()
        nacos.publish_config("skl-kmeans", "clusters: 3\n")
        environment = {
            "NACOS_SERVER_ADDR": f"127.0.0.1:{nacos.port}",
            "NACOS_USERNAME": "nacos",
            "NACOS_PASSWORD": "nacos",
            "NACOS_SERVICE_IP": "127.0.0.1",
        }
        for name in ("one", "other"):
            (folder / name).mkdir()
            service = Service(folder / name, environment)
            stack.callback(service.close)
            service.start()
            service.wait_until_it_answers()
        fill(service, nacos)
        browser = Browser(folder)
        stack.callback(browser.quit)
        browser.log_in(service)
        for name in names:
            take(browser, PICTURES[name], service.url, IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
