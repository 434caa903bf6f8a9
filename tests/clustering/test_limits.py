"""Limits and headers of the endpoint, and the checks of its settings."""

from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import Client
from pytest_django.fixtures import Settings

from clustering import checks, endpoint
from clustering.engine import versions
from nacos_integration import md5_of
from serving.contract import Environ
from tests.conftest import Configure
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configure")]


def post(client: Client, points: Any) -> Any:
    return client.post("/api/skl-kmeans", {"points": points}, content_type="application/json")


@pytest.mark.parametrize(
    ("setting", "limit", "expected"),
    [
        ("KMEANS_MAX_POINTS", 8, (400, "too-many-points", "points")),
        ("KMEANS_MAX_DIMENSIONS", 1, (400, "too-many-dimensions", "points[0]")),
        ("KMEANS_MAX_WORK", 9 * (2 + 32) * 3 * 10 - 1, (422, "too-much-work", "points")),
    ],
)
def test_the_problem_names_the_limit_and_the_limit_itself_is_accepted(
    client: Client, settings: Settings, setting: str, limit: int, expected: tuple[int, str, str]
) -> None:
    status, code, pointer = expected
    setattr(settings, setting, limit)
    response = post(client, REFERENCE_POINTS)
    assert response.status_code == status
    problem = response.json()
    assert problem["type"] == f"urn:skl-kmeans:problem:{code}"
    assert problem["pointer"] == pointer
    assert f"{limit} are accepted ({setting})" in problem["detail"]
    setattr(settings, setting, limit + 1)
    assert post(client, REFERENCE_POINTS).status_code == 200


@pytest.mark.parametrize(
    ("line", "factor"), [("n_init: 20", 2), ("max_iter: 301", 2), ("max_iter: 299", 1)]
)
def test_the_limit_on_work_follows_the_parameters(
    client: Client, settings: Settings, configure: Configure, line: str, factor: int
) -> None:
    configure(f"clusters: 3\n{line}\n")
    settings.KMEANS_MAX_WORK = factor * 9 * (2 + 32) * 3 * 10
    assert post(client, REFERENCE_POINTS).status_code == 200
    settings.KMEANS_MAX_WORK -= 1
    assert f"* {factor * 10} starts are " in post(client, REFERENCE_POINTS).json()["detail"]


def test_the_headers_name_the_clusters_and_the_config(client: Client, configure: Configure) -> None:
    for clusters in (3, 4):
        configure(f"clusters: {clusters}\n")
        headers = post(client, REFERENCE_POINTS).headers
        assert headers["X-KMeans-Clusters"] == str(clusters)
        assert headers["X-Config-Version"] == md5_of(f"clusters: {clusters}\n")[:12]
        assert "X-KMeans-Warning" not in headers


def test_whether_a_body_is_brief_depends_on_the_clusters(configure: Configure) -> None:
    environ: Environ = {}
    configure("clusters: 4\n")
    assert endpoint.is_brief(environ, 1024)
    assert not endpoint.is_brief(environ, 1025)
    configure("clusters: 1\nn_init: 100\n")
    assert not endpoint.is_brief(environ, 10)
    configure("clusters: 1000\n")
    assert not endpoint.is_brief(environ, 5)


def test_the_config_is_read_once_for_a_request(client: Client, configure: Configure) -> None:
    """What the server has read, to see whether a request is brief, is what it is answered with."""
    environ: Environ = {}
    configure("clusters: 4\n")
    assert endpoint.is_brief(environ, 1024)
    configure("clusters: 3\n")
    body = {"points": REFERENCE_POINTS}
    response = client.post("/api/skl-kmeans", body, content_type="application/json", **environ)
    assert response.json() == {"results": REFERENCE_LABELS[4]}
    assert response.headers["X-Config-Version"] == md5_of("clusters: 4\n")[:12]


def test_a_header_warns_of_fewer_distinct_points_than_clusters(client: Client) -> None:
    response = post(client, [[1, 1], [2, 2], [1, 1], [2, 2]])
    assert response.status_code == 200
    assert "only 2 of 3 clusters have points" in response.headers["X-KMeans-Warning"]


@pytest.mark.parametrize(
    ("setting", "value", "number"),
    [
        ("THREADS", 0, 3),
        ("KMEANS_BODIES_MAX_BYTES", 1000, 2),
        ("KMEANS_QUEUE_TIMEOUT_SECONDS", 0, 3),
        ("KMEANS_FIT_TIMEOUT_SECONDS", 0, 3),
        ("HISTORY_MAX_ROWS", -1, 3),
    ],
)
def test_contradicting_settings_are_reported(
    settings: Settings, setting: str, value: int, number: int
) -> None:
    def find() -> list[CheckMessage]:
        return [found for found in run_checks(tags=["limits"]) if found.is_serious()]

    assert not find()
    setattr(settings, setting, value)
    (error,) = find()
    assert error.id == f"clustering.E{number:03}"
    assert setting in error.msg


def test_an_unavailable_fast_path_is_reported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not list(checks.find_warnings())
    monkeypatch.setitem(versions.TESTED_VERSIONS, "numpy", "2.4.0")
    versions.unknown.cache_clear()
    try:
        (warning,) = checks.find_warnings()
        assert warning.id == "clustering.W001"
        assert "numpy" in warning.msg
        settings.KMEANS_FAST_PATH = False
        assert not list(checks.find_warnings())
    finally:
        versions.unknown.cache_clear()
