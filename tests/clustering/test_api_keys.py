"""API keys: who gets in, how often, and what becomes of it all when the database is away."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from pytest_django.fixtures import Settings

from clustering.api import api_keys
from clustering.models import ApiKey
from tests.conftest import Recorded
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configure")]

URL = "/api/skl-kmeans"
ADMIN = "/admin/clustering/apikey/"


class Clock:
    """The clock, set back to the start of its minute, so that no minute ends within a test."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self._late = time.time() % 60

    def time(self) -> float:
        return time.time() - self._late


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which requests are counted."""
    made = Clock()
    monkeypatch.setattr(api_keys, "time", made)
    return made


@pytest.fixture
def keyring(settings: Settings, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> api_keys.Keyring:
    """Keys are demanded, and none is known yet."""
    settings.API_KEYS_REQUIRED = True
    monkeypatch.setattr(api_keys, "keyring", api_keys.Keyring())
    return api_keys.keyring


@pytest.fixture
def admin(admin_client: Client) -> Client:
    admin_client.defaults["SERVER_NAME"] = "localhost"
    return admin_client


def make(**fields: Any) -> tuple[ApiKey, str]:
    row, key = ApiKey.objects.create_key(**{"name": "a caller", **fields})
    assert isinstance(row, ApiKey)
    return row, key


def send(authorization: str | None, body: bytes | None = None, **more: Any) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    content = json.dumps({"points": REFERENCE_POINTS}).encode() if body is None else body
    return Client().post(
        URL, content, headers=headers, **{"content_type": "application/json", **more}
    )


def post(key: str) -> Any:
    return send(f"Api-Key {key}")


def schema() -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(made)
    return made


@contextmanager
def database_away() -> Iterator[None]:
    """Connections to the database fail as they do when its disk is gone."""
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "/nonexistent/db.sqlite3"
    try:
        yield
    finally:
        connection.settings_dict["NAME"] = name
        connection.close()


def assert_is_problem(response: Any, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:skl-kmeans:problem:{code}"


def test_no_key_is_demanded_unless_the_setting_says_so() -> None:
    for authorization in (None, "Api-Key nonsense", "Basic YTpi"):
        assert send(authorization).status_code == 200
    document = schema()
    assert "securitySchemes" not in document["components"]
    assert "security" not in document["paths"][URL]["post"]


@pytest.mark.usefixtures("keyring")
def test_the_schema_names_the_header_when_a_key_is_demanded() -> None:
    document = schema()
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    assert document["paths"][URL]["post"]["security"] == [{"ApiKey": []}]


@pytest.mark.usefixtures("keyring")
def test_a_good_key_gets_in() -> None:
    _, key = make()
    for scheme in ("Api-Key", "api-key"):
        response = send(f"{scheme} {key}")
        assert response.status_code == 200
        assert response.json() == {"results": REFERENCE_LABELS[3]}


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("authorization", [None, "", "Api-Key", "Api-Key ", "Bearer abc", "Basic "])
def test_without_a_key_the_answer_is_401(authorization: str | None) -> None:
    response = send(authorization)
    assert_is_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Api-Key"
    assert "Authorization: Api-Key" in response.json()["detail"]


@pytest.mark.usefixtures("keyring")
def test_keys_that_are_not_good_cannot_be_told_apart() -> None:
    good, good_key = make()
    _, revoked = make(revoked=True)
    _, expired = make(expiry_date=timezone.now() - timedelta(seconds=1))
    unknown = "Abcdefgh." + 32 * "x"
    wrong_secret = good.prefix + "." + 32 * "x"
    answers = set()
    for key in (revoked, expired, unknown, wrong_secret, good_key + "x", "ü", "\0", 10_000 * "x"):
        response = post(key)
        assert_is_problem(response, 401, "unauthorized")
        assert response.headers["WWW-Authenticate"] == "Api-Key"
        answers.add(response.json()["detail"])
    assert len(answers) == 1
    assert post(good_key).status_code == 200


@pytest.mark.usefixtures("keyring")
def test_the_body_is_not_looked_at_before_the_key() -> None:
    _, key = make(requests_per_minute=1)
    assert send(None, b"no JSON").status_code == 401
    assert send(None, b"x", content_type="text/plain").status_code == 401
    assert send(f"Api-Key {key}", b"no JSON").status_code == 400
    assert send(f"Api-Key {key}", b"no JSON").status_code == 429


@pytest.mark.usefixtures("keyring")
def test_a_revocation_takes_effect_when_the_key_is_asked_about_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert api_keys.FRESH_SECONDS == 10
    row, key = make()
    assert post(key).status_code == 200
    ApiKey.objects.filter(pk=row.pk).update(revoked=True)
    assert post(key).status_code == 200
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0.1)
    wait_until(lambda: post(key).status_code == 401, 1)


@pytest.mark.usefixtures("keyring")
def test_a_known_key_expires_to_the_moment_database_or_not() -> None:
    moment = timezone.now() + timedelta(seconds=0.5)
    _, key = make(expiry_date=moment)
    assert post(key).status_code == 200
    with database_away():
        wait_until(lambda: post(key).status_code == 401, 2)
    assert timezone.now() > moment


@pytest.mark.usefixtures("keyring")
def test_the_limit_is_exact_when_many_ask_at_once() -> None:
    # Without fits between them, and often at the point where one more would be too many.
    keys = [make(requests_per_minute=5)[1] for _ in range(15)]
    statuses: list[int] = []
    start = threading.Barrier(8)

    def ask() -> None:
        try:
            for key in keys:
                start.wait(30)
                statuses.extend(send(f"Api-Key {key}", b"no JSON").status_code for _ in range(2))
        finally:
            connection.close()

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(statuses) == [400] * 15 * 5 + [429] * 15 * 11


@pytest.mark.usefixtures("keyring")
def test_each_key_has_its_own_limit_and_the_next_minute_is_a_new_one() -> None:
    row, key = make(requests_per_minute=2)
    _, other = make(requests_per_minute=1)
    _, unlimited = make()
    assert [post(key).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert [post(other).status_code for _ in range(2)] == [200, 429]
    assert [post(unlimited).status_code for _ in range(4)] == [200] * 4
    response = post(key)
    assert_is_problem(response, 429, "too-many-requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    ApiKey.objects.filter(pk=row.pk).update(minute=F("minute") - 1)
    assert [post(key).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("keyring")
def test_instances_whose_clocks_differ_share_one_minute(clock: Clock) -> None:
    row, key = make(requests_per_minute=3)
    ahead = int(clock.time() // 60) + 1
    ApiKey.objects.filter(pk=row.pk).update(minute=ahead, count=1)
    assert [post(key).status_code for _ in range(3)] == [200, 200, 429]
    row.refresh_from_db()
    assert (row.minute, row.count) == (ahead, 3)
    # A clock that was an hour ahead does not lock the key for an hour.
    ApiKey.objects.filter(pk=row.pk).update(minute=ahead + 60)
    assert post(key).status_code == 200


@pytest.mark.usefixtures("keyring")
def test_known_keys_go_on_uncounted_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_keys, "PAUSE_SECONDS", 0.1)
    caplog.set_level(logging.INFO, "clustering.api.api_keys")
    _, key = make(requests_per_minute=1)
    _, other = make()
    assert post(key).status_code == 200
    assert post(key).status_code == 429
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0.0)
    with database_away():
        for _ in range(10):
            assert post(key).status_code == 200
            time.sleep(0.05)
        response = post(other)
        assert_is_problem(response, 503, "unavailable")
        assert int(response.headers["Retry-After"]) >= 1
        assert post("nonsense").status_code == 401
        monkeypatch.setattr(api_keys, "KEPT_SECONDS", 0.1)
        assert_is_problem(post(key), 503, "unavailable")
    wait_until(lambda: post(other).status_code == 200, 2)
    assert post(key).status_code == 429
    told = [record.message for record in caplog.records if record.name == "clustering.api.api_keys"]
    assert len(told) == 2
    assert "does not answer" in told[0]
    assert "answers again" in told[1]


@pytest.mark.usefixtures("keyring")
def test_a_database_that_is_away_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "PAUSE_SECONDS", 0.5)
    _, key = make()
    with database_away():
        assert post(key).status_code == 503
    assert post(key).status_code == 503
    assert wait_until(lambda: post(key).status_code == 200, 3) > 0.2


def test_a_database_that_hangs_holds_up_one_thread(
    keyring: api_keys.Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "PAUSE_SECONDS", 0.0)
    _, key = make()
    _, other = make()
    assert post(key).status_code == 200
    with database_away():
        assert post(other).status_code == 503
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0.0)
    asked, go_on = threading.Event(), threading.Event()

    def hang(execute: Callable[..., Any], *arguments: Any) -> Any:
        asked.set()
        go_on.wait(30)
        return execute(*arguments)

    def ask_a_hanging_database() -> None:
        with connection.execute_wrapper(hang):
            keyring.find(other)
        connection.close()

    hanging = threading.Thread(target=ask_a_hanging_database)
    hanging.start()
    assert asked.wait(5)
    # Nobody else asks meanwhile, or this would get in.
    assert post(other).status_code == 503
    assert post(key).status_code == 200
    go_on.set()
    hanging.join()
    assert post(other).status_code == 200


def test_what_is_remembered_is_bounded(
    keyring: api_keys.Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_REMEMBERED", 3)
    for i in range(50):
        assert keyring.find(f"{i:08d}." + 32 * "x") is None
    assert len(keyring) == 0
    keys = [make()[1] for _ in range(5)]
    for key in keys:
        assert keyring.find(key)
    assert len(keyring) == 3
    with database_away():
        assert all(keyring.find(key) for key in keys[2:])
        with pytest.raises(api_keys.DatabaseAwayError):
            keyring.find(keys[0])


@pytest.mark.usefixtures("keyring")
def test_keys_are_written_nowhere(caplog: pytest.LogCaptureFixture, recorded: Recorded) -> None:
    caplog.set_level(logging.DEBUG)
    _, good = make(requests_per_minute=1)
    _, revoked = make(revoked=True)
    unknown = "Abcdefgh." + 32 * "x"
    answers = [post(key) for key in (good, good, revoked, unknown)]
    with database_away():
        answers.append(post(unknown))
    assert [answer.status_code for answer in answers] == [200, 429, 401, 401, 503]
    rows = [*ApiKey.objects.values(), *map(vars, recorded())]
    assert len(rows) == 7
    written = caplog.text + repr(rows)
    written += "".join(f"{answer.headers} {answer.content}" for answer in answers)
    for key in (good, revoked, unknown):
        assert key.partition(".")[2] not in written


def test_the_admin_shows_a_new_key_once_and_revokes_it(
    keyring: api_keys.Keyring, admin: Client
) -> None:
    form = {"name": "reports", "requests_per_minute": "5"}
    page = admin.post(ADMIN + "add/", form, follow=True).content.decode()
    row = ApiKey.objects.get()
    assert (row.name, row.requests_per_minute, row.revoked) == ("reports", 5, False)
    assert "it is not shown again" in page
    start = page.index(row.prefix + ".")
    key = page[start : start + 41]
    assert keyring.find(key)
    change = f"{ADMIN}{row.pk}/change/"
    for address in (ADMIN, change):
        assert key not in admin.get(address).content.decode()

    # Requests that are counted while the form is open stay counted.
    assert post(key).status_code == 200
    assert "Refused everywhere within 10 seconds" in admin.get(change).content.decode()
    assert admin.post(change, {**form, "revoked": "on"}).status_code == 302
    row.refresh_from_db()
    assert (row.revoked, row.count) == (True, 1)
    admin.post(change, form)
    row.refresh_from_db()
    assert row.revoked


def test_saving_in_the_admin_leaves_the_count_alone(admin: Client) -> None:
    row, _ = make(requests_per_minute=5, minute=1, count=3)
    form = {"name": "renamed", "requests_per_minute": "6"}

    def count_on(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "renamed" in repr(arguments):
            with connection.cursor() as cursor:
                cursor.execute("UPDATE clustering_apikey SET count = 4 WHERE count = 3")
        return execute(sql, *arguments)

    with connection.execute_wrapper(count_on):
        admin.post(f"{ADMIN}{row.pk}/change/", form)
    row.refresh_from_db()
    assert (row.name, row.requests_per_minute, row.count) == ("renamed", 6, 4)


def test_the_admin_deletes_only_what_is_revoked(admin: Client) -> None:
    used, _ = make()
    revoked, _ = make(revoked=True)
    for row, status in ((used, 403), (revoked, 302)):
        response = admin.post(f"{ADMIN}{row.pk}/delete/", {"post": "yes"})
        assert response.status_code == status
    selected = {"action": "delete_selected", "_selected_action": [used.pk], "post": "yes"}
    admin.post(ADMIN, selected)
    assert [row.pk for row in ApiKey.objects.all()] == [used.pk]


def test_the_admin_takes_no_limit_below_one_and_has_no_other_keys(admin: Client) -> None:
    form = {"name": "none", "requests_per_minute": "0"}
    assert "greater than or equal to 1" in admin.post(ADMIN + "add/", form).content.decode()
    assert not ApiKey.objects.exists()
    assert admin.get("/admin/rest_framework_api_key/apikey/").status_code == 404
