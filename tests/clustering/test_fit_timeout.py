"""A fit that takes too long, or whose caller is gone, is given up."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from serving.contract import IS_GONE
from tests.conftest import Recorded
from tests.support.history_records import HISTORY, create_record
from tests.support.reference import REFERENCE_POINTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configure")]

# With few points, a fit takes about a millisecond, so it is not given up.
MANY = [[i * 7919 % 1009, i * 104729 % 1013] for i in range(600)]


def post(client: Client, points: Any, **environ: Any) -> Any:
    body = {"points": points}
    return client.post("/api/skl-kmeans", body, content_type="application/json", **environ)


def test_a_fit_that_takes_too_long_is_given_up(
    client: Client, settings: Settings, recorded: Recorded
) -> None:
    assert post(client, MANY).status_code == 200
    settings.KMEANS_FIT_TIMEOUT_SECONDS = 1e-6
    response = post(client, MANY)
    assert response.status_code == 503
    problem = response.json()
    assert problem["type"] == "urn:skl-kmeans:problem:fit-timeout"
    assert "longer than 1e-06 s (KMEANS_FIT_TIMEOUT_SECONDS)" in problem["detail"]
    assert "Retry-After" not in response.headers
    assert post(client, REFERENCE_POINTS).status_code == 200
    statuses = [(record.status, record.points, record.problem) for record in recorded()]
    assert sorted(statuses, key=str) == [
        (200, 600, None),
        (200, 9, None),
        (503, 600, "fit-timeout"),
    ]


def test_a_fit_ends_when_its_caller_is_gone(client: Client, recorded: Recorded) -> None:
    answers = [False, False, True]
    response = post(client, MANY, **{IS_GONE: lambda: answers.pop(0)})
    assert response.status_code == 499
    assert response.json()["type"] == "urn:skl-kmeans:problem:caller-gone"
    assert not answers
    [record] = recorded()
    assert (record.status, record.problem) == (499, "caller-gone")
    assert post(client, MANY, **{IS_GONE: lambda: False}).status_code == 200


@pytest.mark.parametrize(
    "start", ['{"points":[', '{"x":1,"points":[[1e300,1e-300],'], ids=["blocks", "strict-blocks"]
)
def test_parsing_counts_and_is_given_up_too(
    client: Client, settings: Settings, recorded: Recorded, start: str
) -> None:
    body = start + "[1,2]," * 100_000 + "[1,2]]}"
    settings.KMEANS_FIT_TIMEOUT_SECONDS = 1e-6
    response = client.post("/api/skl-kmeans", body, content_type="application/json")
    assert response.json()["type"] == "urn:skl-kmeans:problem:fit-timeout"
    settings.KMEANS_FIT_TIMEOUT_SECONDS = 60
    gone: Any = {IS_GONE: lambda: True}
    response = client.post("/api/skl-kmeans", body, content_type="application/json", **gone)
    assert response.status_code == 499
    assert {(record.status, record.points) for record in recorded()} == {(503, None), (499, None)}


def test_a_request_that_is_clustered_again_for_too_long_is_given_up(
    admin_client: Client, settings: Settings
) -> None:
    row = create_record(points=600, dimensions=2, payload=MANY, labels=[0] * 600)
    settings.KMEANS_FIT_TIMEOUT_SECONDS = 1e-6
    page = admin_client.get(f"{HISTORY}{row.pk}/change/?clusters=3")
    assert "(KMEANS_FIT_TIMEOUT_SECONDS)" in page.content.decode()
    assert "replayed" not in page.context
