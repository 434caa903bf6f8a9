"""Somebody who uses the admin of a running service over HTTP."""

import http.cookiejar
import re
import urllib.parse
import urllib.request

from tests.support.service import Service

PASSWORD = "a-password-of-a-test"
MAKE_USER = (
    "from django.contrib.auth import get_user_model as model; "
    f"model().objects.create_superuser('ada', '', '{PASSWORD}')"
)


class Admin:
    """Somebody at the admin of an instance that runs."""

    def __init__(self, service: Service) -> None:
        assert service.manage("shell", "-c", MAKE_USER).returncode == 0
        self._url = f"http://127.0.0.1:{service.port}/admin/"
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )
        self.get("login/")
        self.post("login/", username="ada", password=PASSWORD, next="/admin/")

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._cookies}

    def get(self, path: str) -> str:
        with self._opener.open(self._url + path, timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def post(self, path: str, **fields: str) -> str:
        token = {"csrfmiddlewaretoken": self.cookies["csrftoken"]}
        body = urllib.parse.urlencode(token | fields).encode()
        with self._opener.open(self._url + path, body, timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def panel(self, name: str) -> str:
        panels = self.get("overview/panels/")
        return panels.partition(f'id="panel-{name}"')[2].partition("</section>")[0]

    def preview(self, clusters: int) -> dict[str, str]:
        page = self.post("overview/clusters/", clusters=str(clusters))
        found = re.search(r'name="replaces_md5" value="(\w+)"', page)
        assert found, page
        return {"clusters": str(clusters), "replaces_md5": found[1], "publish": "yes"}
