"""Behind proxies that remove a part of the path, end TLS, or listen on another port."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.by import By

from tests.support.browser import Browser
from tests.support.documents import blocks
from tests.support.proxies import nginx
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.servers import require
from tests.support.service import Service, running
from tests.support.waiting import wait_until

# What Spring Cloud Gateway sends with `StripPrefix=1`, behind a proxy that ends TLS.
GATEWAY = {
    "Forwarded": 'proto=https;host="shop.example:8443";for="192.0.2.7:40000"',
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https,http",
    "X-Forwarded-Host": "shop.example:8443,gateway:8080",
    "X-Forwarded-Port": "8443,8080",
    "X-Forwarded-Prefix": "/kmeans",
    "Host": "10.0.0.5:9999",
}
BASE = "https://shop.example:8443"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An instance that trusts this machine, and whose admin has a public name."""
    environment = {
        "WORKERS": "1",
        "TRUSTED_PROXIES": "127.0.0.1",
        "DJANGO_ALLOWED_HOSTS": "127.0.0.1,shop.example",
        "DJANGO_SUPERUSER_PASSWORD": "a-password-of-a-test",
    }
    with running(tmp_path_factory.mktemp("proxied"), environment) as made:
        arguments = ("--no-input", "--username=admin", "--email=admin@localhost")
        assert made.manage("createsuperuser", *arguments).returncode == 0
        yield made


def send(
    service: Service, method: str, path: str, body: str = "", **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read().decode()
    connection.close()
    return response, content


def log_in(service: Service, **headers: str) -> http.client.HTTPResponse:
    """Return the response to a right login, sent as a browser does."""
    page, content = send(service, "GET", "/admin/login/", **headers)
    assert page.status == 200
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', content)
    assert token
    form = {"username": "admin", "password": "a-password-of-a-test", "next": "/"}
    return send(
        service,
        "POST",
        "/admin/login/",
        urlencode(form | {"csrfmiddlewaretoken": token[1]}),
        **headers,
        **{
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": page.headers["Set-Cookie"].partition(";")[0],
        },
    )[0]


def test_the_headers_of_spring_cloud_gateway_are_followed(proxied: Service) -> None:
    for path, target in (
        ("/admin/", "/kmeans/admin/login/?next=/kmeans/admin/"),
        ("/api/schema", "/kmeans/api/schema/"),
        ("/favicon.ico", "/kmeans/static/clustering/icon.svg"),
    ):
        assert send(proxied, "GET", path, **GATEWAY)[0].headers["Location"] == target
    for path in ("/", "/admin/login/", "/api/docs/", "/api/docs/?script="):
        _, content = send(proxied, "GET", path, **GATEWAY)
        addresses = re.findall(r'(?:href|src|action|data-endpoint|data-config)="(/[^"]*)"', content)
        addresses += re.findall(r'"(/[^"]*schema/?)"', content)
        assert addresses, path
        assert {each.startswith("/kmeans/") for each in addresses} == {True}, addresses
    _, schema = send(proxied, "GET", "/api/schema/?format=json", **GATEWAY)
    assert json.loads(schema)["servers"] == [{"url": "/kmeans"}]
    response = log_in(proxied, **GATEWAY, Origin=BASE)
    assert response.status == 302
    response, _ = send(proxied, "POST", "/api/skl-kmeans", "{}", **GATEWAY)
    assert response.status == 415, "found, whatever the prefix"
    # The next request without a prefix has none.
    assert 'href="/static/' in send(proxied, "GET", "/")[1]


def test_a_failed_login_is_that_of_the_caller(proxied: Service) -> None:
    headers = {"X-Forwarded-For": "198.51.100.1, 192.0.2.77:5678"}
    page, content = send(proxied, "GET", "/admin/login/", **headers)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', content)[0]
    form = urlencode({"username": "ada", "password": "wrong", "csrfmiddlewaretoken": token})
    headers |= {"Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    headers |= {"Content-Type": "application/x-www-form-urlencoded"}
    send(proxied, "POST", "/admin/login/", form, **headers)
    wait_until(lambda: "login failed: 'ada' from 192.0.2.77" in proxied.log(), 10, proxied.log)


def test_contradictory_fields_make_no_path_unreachable(proxied: Service) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Protocol": "http"}
    for path in ("/livez", "/readyz", "/", "/admin/login/"):
        assert send(proxied, "GET", path, **headers)[0].status == 200


def test_every_page_works_behind_the_documented_nginx(
    proxied: Service, browser: Browser, tmp_path: Path
) -> None:
    require("nginx", "install nginx to run the documented lines")
    ((_, documented),) = blocks("nginx")
    lines = documented.replace("127.0.0.1:9999", f"127.0.0.1:{proxied.port}")
    assert lines != documented
    with nginx(proxied.port, tmp_path, server=lines) as port:
        base = f"http://127.0.0.1:{port}/kmeans"
        browser.get(f"{base}/")
        points = browser.find_element(By.ID, "points")
        points.clear()
        points.send_keys(str(REFERENCE_POINTS))
        browser.find_element(By.ID, "send").click()
        labels = " ".join(map(str, REFERENCE_LABELS[3]))
        wait_until(lambda: browser.find_element(By.ID, "labels").text == labels, 20)
        assert f"{base}/api/skl-kmeans" in browser.find_element(By.ID, "code").text

        browser.find_element(By.LINK_TEXT, "Admin").click()
        wait_until(lambda: bool(browser.find_elements(By.NAME, "username")), 10)
        assert browser.current_url == f"{base}/admin/login/?next=/kmeans/admin/"
        browser.find_element(By.NAME, "username").send_keys("admin")
        browser.find_element(By.NAME, "password").send_keys("a-password-of-a-test")
        browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
        wait_until(lambda: bool(browser.find_elements(By.ID, "to-overview")), 10)
        browser.find_element(By.CSS_SELECTOR, "#to-overview a").click()
        wait_until(lambda: "3 seconds" in browser.find_element(By.ID, "live").text, 20)
        browser.find_element(By.CSS_SELECTOR, ".language button").click()
        wait_until(
            lambda: "zh" in (browser.find_element(By.TAG_NAME, "html").get_attribute("lang") or ""),
            10,
        )
        assert browser.current_url == f"{base}/admin/overview/"

        browser.get(f"{base}/api/docs/")
        server = (By.CSS_SELECTOR, ".servers option")
        wait_until(lambda: bool(browser.find_elements(*server)), 20)
        assert browser.find_element(*server).get_attribute("value") == "/kmeans"
        browser.assert_no_console_errors()


def test_settings_replace_what_a_proxy_does_not_send(service: Service) -> None:
    service.environment |= {
        "WORKERS": "1",
        "CSRF_TRUSTED_ORIGINS": "http://localhost:8080",
        "FORCE_SCRIPT_NAME": "/kmeans/",
        "DJANGO_SUPERUSER_PASSWORD": "a-password-of-a-test",
    }
    service.start()
    service.wait_until_it_answers()
    arguments = ("--no-input", "--username=admin", "--email=admin@localhost")
    assert service.manage("createsuperuser", *arguments).returncode == 0
    proxy = {"Host": "localhost"}  # without the port, as `proxy_set_header Host $host` sends it
    assert log_in(service, **proxy, Origin="http://localhost:8080").status == 302
    assert log_in(service, **proxy, Origin="http://localhost:8081").status == 403
    assert 'href="/kmeans/static/' in send(service, "GET", "/")[1]
    assert service.get("/static/clustering/icon.svg") == 200
    assert service.labels() == REFERENCE_LABELS[3]
