"""Many logins at once, in a service of two workers."""

import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.reference import REFERENCE_LABELS
from tests.support.service import Service

PASSWORD = "a-password-of-a-test"
CALLERS = 200


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Browser:
    """A form of the login page, with the cookie that belongs to it."""

    def __init__(self, service: Service) -> None:
        self._url = f"{service.url}/admin/login/"
        with urllib.request.urlopen(self._url) as page:
            self._cookie = page.headers["Set-Cookie"].partition(";")[0]
            text = page.read().decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
        assert found
        self._token = found[1]

    def log_in(self, name: str, password: str, address: str) -> tuple[int, str | None]:
        """Return status and Retry-After, as a caller from `address` gets them."""
        form = {"csrfmiddlewaretoken": self._token, "username": name, "password": password}
        request = urllib.request.Request(
            self._url,
            urllib.parse.urlencode(form | {"next": "/admin/"}).encode(),
            {"Cookie": self._cookie, "Accept": "text/html", "X-Forwarded-For": address},
        )
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=60) as answer:
                return answer.status, None
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Retry-After"]


def test_200_wrong_passwords_at_once_take_nothing_from_others(service: Service) -> None:
    service.environment |= {
        "TRUSTED_PROXIES": "127.0.0.1",
        "DJANGO_SUPERUSER_USERNAME": "ada",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "DJANGO_SUPERUSER_EMAIL": "",
    }
    service.start()
    service.wait_until_it_answers()
    made = service.manage("createsuperuser", "--no-input")
    assert made.returncode == 0, made.stderr
    # Both workers have loaded what their first request needs.
    assert service.clusters_in_force() == {3}
    browser = Browser(service)
    over = threading.Event()
    waits: dict[str, list[float]] = {"livez": [], "labels": []}

    def timed(name: str, ask: Callable[[], object]) -> object:
        started = time.monotonic()
        answer = ask()
        waits[name].append(time.monotonic() - started)
        return answer

    def look() -> None:
        while not over.is_set():
            assert timed("livez", lambda: service.get("/livez")) == 200
            assert timed("labels", service.labels) == REFERENCE_LABELS[3]

    with ThreadPoolExecutor(CALLERS + 1) as pool:
        looking = pool.submit(look)
        started = time.monotonic()
        try:
            answers = list(
                pool.map(
                    lambda number: browser.log_in("ada", f"wrong{number}", "192.0.2.1"),
                    range(CALLERS),
                )
            )
            seconds = time.monotonic() - started
            # If few were checked in time, the limit of five is not reached yet.
            missing = 5 - sum(status == 200 for status, _ in answers)
            answers += [
                browser.log_in("ada", f"late{number}", "192.0.2.1") for number in range(missing)
            ]
            # Now only the limit answers, which costs no check.
            again = [browser.log_in("ada", PASSWORD, "192.0.2.1") for _ in range(3)]
            elsewhere = browser.log_in("ada", PASSWORD, "192.0.2.2")
        finally:
            over.set()
        looking.result()
    statuses = Counter(status for status, _ in answers)
    print(statuses, f"{seconds:.1f} s", {name: max(found) for name, found in waits.items()})
    assert set(statuses) <= {200, 429, 503}
    assert all(wait for status, wait in answers if status != 200)
    # Five failures, and those that were checked beside the fifth.
    assert 5 <= statuses[200] <= 5 + 2 * 2
    assert service.log().count("login failed: 'ada' from 192.0.2.1") == statuses[200]
    assert max(waits["livez"]) < 2
    assert max(waits["labels"]) < 2
    assert seconds < 30
    assert again == [(429, "300")] * 3
    assert elsewhere == (302, None)
