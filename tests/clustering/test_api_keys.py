"""API keys: access, rate limits, and an unreachable database."""

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
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from clustering.api import api_keys
from clustering.models import ApiKey
from tests.conftest import Recorded
from tests.support.api_keys import Clock, create_key, post, send
from tests.support.reference import REFERENCE_LABELS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configure")]

URL = "/api/skl-kmeans"


def schema() -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(made)
    return made


@contextmanager
def unreachable_database() -> Iterator[None]:
    """Let connections to the database fail, as if its disk were gone."""
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


def test_no_key_is_required_by_default() -> None:
    for authorization in (None, "Api-Key nonsense", "Basic YTpi"):
        assert send(authorization).status_code == 200
    document = schema()
    assert "securitySchemes" not in document["components"]
    assert "security" not in document["paths"][URL]["post"]


@pytest.mark.usefixtures("keyring")
def test_the_schema_names_the_header_of_a_required_key() -> None:
    document = schema()
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")
    assert document["paths"][URL]["post"]["security"] == [{"ApiKey": []}]


@pytest.mark.usefixtures("keyring")
def test_a_valid_key_is_accepted() -> None:
    _, key = create_key()
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
def test_all_invalid_keys_get_the_same_answer() -> None:
    good, good_key = create_key()
    _, revoked = create_key(revoked=True)
    _, expired = create_key(expiry_date=timezone.now() - timedelta(seconds=1))
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
def test_the_key_is_checked_before_the_body() -> None:
    _, key = create_key(requests_per_minute=1)
    assert send(None, b"no JSON").status_code == 401
    assert send(None, b"x", content_type="text/plain").status_code == 401
    assert send(f"Api-Key {key}", b"no JSON").status_code == 400
    assert send(f"Api-Key {key}", b"no JSON").status_code == 429


@pytest.mark.usefixtures("keyring")
def test_a_revocation_takes_effect_when_the_cached_key_is_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert api_keys.FRESH_SECONDS == 10
    row, key = create_key()
    assert post(key).status_code == 200
    ApiKey.objects.filter(pk=row.pk).update(revoked=True)
    assert post(key).status_code == 200
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0.1)
    wait_until(lambda: post(key).status_code == 401, 1)


@pytest.mark.usefixtures("keyring")
def test_a_cached_key_expires_on_time_without_the_database() -> None:
    moment = timezone.now() + timedelta(seconds=0.5)
    _, key = create_key(expiry_date=moment)
    assert post(key).status_code == 200
    with unreachable_database():
        wait_until(lambda: post(key).status_code == 401, 2)
    assert timezone.now() > moment


@pytest.mark.usefixtures("keyring")
def test_the_limit_is_exact_for_concurrent_requests() -> None:
    # No fits in between, and many requests around the limit.
    keys = [create_key(requests_per_minute=5)[1] for _ in range(15)]
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
def test_each_key_has_its_own_limit_for_each_minute() -> None:
    row, key = create_key(requests_per_minute=2)
    _, other = create_key(requests_per_minute=1)
    _, unlimited = create_key()
    assert [post(key).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert [post(other).status_code for _ in range(2)] == [200, 429]
    assert [post(unlimited).status_code for _ in range(4)] == [200] * 4
    response = post(key)
    assert_is_problem(response, 429, "too-many-requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    ApiKey.objects.filter(pk=row.pk).update(minute=F("minute") - 1)
    assert [post(key).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("limit", [None, 100])
def test_the_last_use_is_on_record_to_the_minute(clock: Clock, limit: int | None) -> None:
    row, key = create_key(requests_per_minute=limit)
    unused, _ = create_key()
    for _ in range(3):
        assert post(key).status_code == 200
    row.refresh_from_db()
    assert row.last_used is not None
    assert row.last_used.timestamp() == clock.time() // 60 * 60
    an_hour_ago = row.last_used - timedelta(hours=1)
    ApiKey.objects.filter(pk=row.pk).update(last_used=an_hour_ago)
    clock.advance(60)
    assert post(key).status_code == 200
    row.refresh_from_db()
    assert row.last_used.timestamp() == clock.time() // 60 * 60
    unused.refresh_from_db()
    assert unused.last_used is None


def test_the_last_use_costs_no_query_for_each_request(keyring: api_keys.Keyring) -> None:
    _, unlimited = create_key()
    _, limited = create_key(requests_per_minute=100)
    # The first of each looks the key up, and the first of a key without a limit writes its use.
    for key, first, later in ((unlimited, 2, 0), (limited, 2, 1)):
        for expected in (first, later, later):
            with CaptureQueriesContext(connection) as queries:
                known = keyring.find(key)
                assert known
                assert keyring.count(known)
            assert len(queries) == expected


@pytest.mark.usefixtures("keyring")
def test_instances_with_different_clocks_share_a_minute(clock: Clock) -> None:
    row, key = create_key(requests_per_minute=3)
    ahead = int(clock.time() // 60) + 1
    ApiKey.objects.filter(pk=row.pk).update(minute=ahead, count=1)
    assert [post(key).status_code for _ in range(3)] == [200, 200, 429]
    row.refresh_from_db()
    assert (row.minute, row.count) == (ahead, 3)
    # A clock that is an hour ahead does not lock the key for an hour.
    ApiKey.objects.filter(pk=row.pk).update(minute=ahead + 60)
    assert post(key).status_code == 200


@pytest.mark.usefixtures("keyring")
def test_cached_keys_work_uncounted_while_the_database_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_keys, "PAUSE_SECONDS", 0.1)
    caplog.set_level(logging.INFO, "clustering.api.api_keys")
    _, key = create_key(requests_per_minute=1)
    _, other = create_key()
    assert post(key).status_code == 200
    assert post(key).status_code == 429
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0.0)
    with unreachable_database():
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
    logged = [
        record.message for record in caplog.records if record.name == "clustering.api.api_keys"
    ]
    assert len(logged) == 2
    assert "does not answer" in logged[0]
    assert "answers again" in logged[1]


@pytest.mark.usefixtures("keyring")
def test_an_unreachable_database_is_retried_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "PAUSE_SECONDS", 0.5)
    _, key = create_key()
    with unreachable_database():
        assert post(key).status_code == 503
    assert post(key).status_code == 503
    assert wait_until(lambda: post(key).status_code == 200, 3) > 0.2


def test_a_hanging_database_blocks_only_one_thread(
    keyring: api_keys.Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "PAUSE_SECONDS", 0.0)
    _, key = create_key()
    _, other = create_key()
    assert post(key).status_code == 200
    with unreachable_database():
        assert post(other).status_code == 503
    monkeypatch.setattr(api_keys, "FRESH_SECONDS", 0.0)
    asked, resume = threading.Event(), threading.Event()

    def hang(execute: Callable[..., Any], *arguments: Any) -> Any:
        asked.set()
        resume.wait(30)
        return execute(*arguments)

    def ask_a_hanging_database() -> None:
        with connection.execute_wrapper(hang):
            keyring.find(other)
        connection.close()

    hanging = threading.Thread(target=ask_a_hanging_database)
    hanging.start()
    assert asked.wait(5)
    # No other thread asks the database meanwhile; otherwise this key would be accepted.
    assert post(other).status_code == 503
    assert post(key).status_code == 200
    resume.set()
    hanging.join()
    assert post(other).status_code == 200


def test_the_number_of_cached_keys_is_limited(
    keyring: api_keys.Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_CACHED", 3)
    for i in range(50):
        assert keyring.find(f"{i:08d}." + 32 * "x") is None
    assert len(keyring) == 0
    keys = [create_key()[1] for _ in range(5)]
    for key in keys:
        assert keyring.find(key)
    assert len(keyring) == 3
    with unreachable_database():
        assert all(keyring.find(key) for key in keys[2:])
        with pytest.raises(api_keys.DatabaseUnreachableError):
            keyring.find(keys[0])


@pytest.mark.usefixtures("keyring")
def test_no_key_is_logged_or_stored(caplog: pytest.LogCaptureFixture, recorded: Recorded) -> None:
    caplog.set_level(logging.DEBUG)
    _, good = create_key(requests_per_minute=1)
    _, revoked = create_key(revoked=True)
    unknown = "Abcdefgh." + 32 * "x"
    answers = [post(key) for key in (good, good, revoked, unknown)]
    with unreachable_database():
        answers.append(post(unknown))
    assert [answer.status_code for answer in answers] == [200, 429, 401, 401, 503]
    rows = [*ApiKey.objects.values(), *map(vars, recorded())]
    assert len(rows) == 7
    written = caplog.text + repr(rows)
    written += "".join(f"{answer.headers} {answer.content}" for answer in answers)
    for key in (good, revoked, unknown):
        assert key.partition(".")[2] not in written
