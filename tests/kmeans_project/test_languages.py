"""The language of pages and of problems."""

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.test import Client
from django.utils import translation

from serving import status_titles

CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}
PAGES = {
    "/": ("Cluster points with k-means", "用 k-means 对点聚类"),
    "/admin/": ("Welcome,", "欢迎，"),
    "/admin/overview/": (": disabled", "：未启用注册"),
    "/admin/clustering/requestrecord/": ("Request history", "请求历史"),
    "/admin/clustering/apikey/add/": ("Blank: no limit.", "留空表示不限。"),
    "/admin/kmeans_project/loginfailure/": ("Select failed login", "失败的登录"),
    "/admin/nacos_integration/configchange/": ("Current applied config", "当前生效的配置"),
}


@pytest.fixture
def admin(client: Client) -> Client:
    user = get_user_model().objects.create_superuser("admin", "", "a-password-of-a-test")
    client.force_login(user)
    return client


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_in_the_language_that_the_browser_asks_for(admin: Client, address: str) -> None:
    english, chinese = PAGES[address]
    for headers in ({}, {"accept-language": "fr"}, {"accept-language": "en-GB, zh;q=0.5"}):
        response = admin.get(address, headers=headers)
        assert english in response.content.decode()
        assert response.headers["Content-Language"] == "en"
    response = admin.get(address, headers=CHINESE)
    assert chinese in response.content.decode()
    assert english not in response.content.decode()
    assert response.headers["Content-Language"] == "zh-hans"
    assert "Accept-Language" in response.headers["Vary"]


@pytest.mark.django_db(transaction=True)
def test_the_language_chosen_on_a_page_has_priority(admin: Client) -> None:
    page = admin.get("/admin/").content.decode()
    assert '<button name="language" value="zh-hans" lang="zh-hans">简体中文</button>' in page
    assert 'value="en"' not in page
    chosen = {"language": "zh-hans", "next": "/admin/?a=b"}
    response = admin.post("/i18n/setlang/", chosen, follow=True)
    assert response.redirect_chain == [("/admin/?a=b", 302)]
    assert '<html lang="zh-hans"' in response.content.decode()
    assert '<button name="language" value="en" lang="en">English</button>' in (
        response.content.decode()
    )
    admin.post("/i18n/setlang/", {"language": "en"})
    assert '<html lang="en"' in admin.get("/admin/", headers=CHINESE).content.decode()


@pytest.mark.django_db(transaction=True)
def test_anonymous_users_can_choose_a_language(client: Client) -> None:
    assert 'value="zh-hans"' in client.get("/admin/login/").content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("configure")
def test_the_api_translates_titles_and_details(client: Client) -> None:
    assert '<html lang="zh-hans"' in client.get("/admin/login/", headers=CHINESE).content.decode()
    # In the same thread.
    problem = client.get("/api/skl-kmeans").json()
    assert (problem["title"], problem["detail"]) == (
        "Method Not Allowed",
        "send a POST request, not GET",
    )
    problem = client.get("/api/skl-kmeans", headers=CHINESE).json()
    assert (problem["title"], problem["detail"]) == (
        "不允许使用该方法",
        "请发送 POST 请求，而不是 GET",
    )
    done = client.post(
        "/api/skl-kmeans",
        {"points": [[1], [2], [9]]},
        content_type="application/json",
        headers=CHINESE,
    )
    assert done.status_code == 200
    assert not {"Content-Language", "Vary"} & done.headers.keys()


def test_the_schema_has_one_language(client: Client) -> None:
    english = client.get("/api/schema/")
    other = client.get("/api/schema/", headers=CHINESE)
    assert other.content == english.content
    assert "Content-Language" not in other.headers


@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/nowhere", 404, "未找到"),
        ("/static/nothing", 404, "未找到"),
        ("/livez", 405, "不允许使用该方法"),
    ],
)
def test_the_titles_of_djangos_errors_are_translated(
    client: Client, address: str, status: int, title: str
) -> None:
    client.cookies["django_language"] = "en"  # of pages, not of problems
    response = client.delete(address, headers=CHINESE)
    assert response.status_code == status
    assert response.json()["title"] == title
    assert title in response.content.decode()
    assert response.headers["Content-Language"] == "zh-hans"
    assert response.headers["Vary"] == "Accept-Language"
    response = client.delete(address, headers={"accept-language": "fr"})
    assert response.json()["title"] == status_titles.TITLES[status]
    assert response.headers["Content-Language"] == "en"
    assert response.headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize(
    "accepted",
    [
        "", "zh", "zh-CN", "zh-Hans-CN", "ZH-hans", "zh-TW,zh;q=0.5", "en", "en-US", "fr",
        "fr,zh;q=0.3", "en;q=0.3, zh;q=0.8", "zh;q=0.3 , en ;q=0.31", "zh, en", "en, zh", "*",
        "*, zh;q=0.5", "zh, *;q=0.5", "zhx, enx", "x-zh, zh-", ";;;", "zh;q=", "a" * 600 + ", zh",
        "en," * 400 + "zh",
    ],
)  # fmt: skip
def test_problems_have_the_same_language_as_pages(accepted: str) -> None:
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted
    assert status_titles.language_of(request.META) == translation.get_language_from_request(request)


def test_every_title_is_translated() -> None:
    for status, english in status_titles.TITLES.items():
        assert status_titles.title_of(status, "en") == english
        assert status_titles.title_of(status, "zh-hans") != english
