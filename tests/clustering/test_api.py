"""The endpoint through Django's handlers: answers, errors, and the request history."""

import json
from typing import Any

import numpy as np
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from clustering.api.parsers import PointsParser
from clustering.engine import kmeans
from clustering.engine.parameters import KMeansParameters
from tests.conftest import Configure, Recorded
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configure")]

URL = "/api/skl-kmeans"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def post(client: Client, body: Any) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(URL, content, content_type="application/json")


def test_reference_points_follow_the_config(client: Client, configure: Configure) -> None:
    for clusters in (3, 4, 3):
        configure(f"clusters: {clusters}\n")
        response = post(client, {"points": REFERENCE_POINTS})
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        assert response.json() == {"results": REFERENCE_LABELS[clusters]}


def test_any_number_of_dimensions(client: Client) -> None:
    for dimensions in (1, 3, 8):
        points = [[float(i % 3)] * dimensions for i in range(9)]
        labels = post(client, {"points": points}).json()["results"]
        assert [labels.index(label) for label in labels] == [0, 1, 2] * 3


def test_many_labels_are_rendered_like_few(client: Client, configure: Configure) -> None:
    for clusters in (3, 12):
        configure(f"clusters: {clusters}\n")
        points = np.random.default_rng(9).random((10_000, 1))
        response = post(client, {"points": points.tolist()})
        labels = kmeans.fit_predict(points, KMeansParameters(clusters)).labels.tolist()
        assert response.content == json.dumps({"results": labels}, separators=(",", ":")).encode()


POINT = [1, 2]
BAD_BODIES: list[tuple[Any, int, str, str | None]] = [
    (b"", 400, "invalid-points", "points"),
    (b"points", 400, "invalid-json", None),
    (b'{"points": [[1, 2]', 400, "invalid-json", None),
    (b'{"points": [[1, 2], [NaN, 1]]}', 400, "invalid-json", "points[1][0]"),
    (b'{"points": [[1, 2], [Infinity, 1]]}', 400, "invalid-json", "points[1][0]"),
    (b'{"points": [[1, 2], [-Infinity, 1]]}', 400, "invalid-json", "points[1][0]"),
    (b'{"points": "\xff"}', 400, "invalid-points", "points"),
    (b'\xff{"points": []}', 400, "invalid-json", None),
    (b"[" * 100_000, 400, "invalid-points", None),
    (b'{"x": ' + b"[" * 100_000, 400, "invalid-json", None),
    ([], 400, "invalid-points", None),
    (None, 400, "invalid-points", None),
    ({}, 400, "invalid-points", "points"),
    ({"points": None}, 400, "invalid-points", "points"),
    ({"points": {}}, 400, "invalid-points", "points"),
    ({"points": []}, 400, "invalid-points", "points"),
    ({"points": [1, 2, 3]}, 400, "invalid-points", "points[0]"),
    ({"points": [[], [], []]}, 400, "invalid-points", "points[0]"),
    ({"points": [POINT, POINT, [1, True]]}, 400, "invalid-points", "points[2][1]"),
    ({"points": [POINT, POINT, [1, "2"]]}, 400, "invalid-points", "points[2][1]"),
    ({"points": [POINT, POINT, [None, 2]]}, 400, "invalid-points", "points[2][0]"),
    ({"points": [POINT, POINT, [[1], 2]]}, 400, "invalid-points", "points[2][0]"),
    ({"points": [POINT, POINT, [1, 2, 3]]}, 422, "ragged-points", "points[2]"),
    ({"points": [POINT, POINT, [1]]}, 422, "ragged-points", "points[2]"),
    ({"points": [POINT, POINT]}, 422, "too-few-points", "points"),
    ({"points": [POINT, [1, 1e200], POINT]}, 422, "overflow", "points[1][1]"),
    (b'{"points": [[1, 2], [1, 2], [1e400, 2]]}', 422, "overflow", "points[2][0]"),
    (b'{"points": [[1, 2], [1, 2], [1' + b"0" * 400 + b", 2]]}", 422, "overflow", "points[2][0]"),
]


@pytest.mark.parametrize(("body", "status", "code", "pointer"), BAD_BODIES)
def test_bad_bodies_get_a_problem_document(
    client: Client,
    recorded: Recorded,
    *,
    body: Any,
    status: int,
    code: str,
    pointer: str | None,
) -> None:
    response = post(client, body)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"urn:skl-kmeans:problem:{code}"
    assert problem["status"] == status
    assert problem["detail"]
    assert problem.get("pointer") == pointer
    [record] = recorded()
    assert (record.status, record.labels) == (status, None)
    assert problem["detail"] in record.outcome
    assert problem["type"] == f"urn:skl-kmeans:problem:{record.problem}"


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_get_405(client: Client, method: str) -> None:
    response = getattr(client, method)(URL)
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "POST" in response.headers["Allow"]


def test_other_content_types_get_415(client: Client) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = client.post(URL, b"x", content_type=content_type)
        assert response.status_code == 415
        assert response.json()["type"] == "urn:skl-kmeans:problem:unsupported-media-type"


def test_an_accept_header_without_json_gets_406(client: Client) -> None:
    response = client.post(
        URL, b"{}", content_type="application/json", headers={"accept": "text/csv"}
    )
    assert response.status_code == 406
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_is_too_large_gets_413(client: Client, settings: Settings) -> None:
    settings.KMEANS_MAX_BODY_BYTES = 100
    assert post(client, b" " * 83 + b'{"points":[[1,2]]}').status_code == 413
    assert post(client, b" " * 82 + b'{"points":[[1,2]]}').status_code == 422
    problem = post(client, b" " * 101).json()
    assert "100 bytes (KMEANS_MAX_BODY_BYTES)" in problem["detail"]


def test_an_unexpected_error_gets_a_500_without_internals(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(kmeans, "fit_predict", fail)
    response = post(client, {"points": REFERENCE_POINTS})
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in response.content
    assert "secret detail" in caplog.text


def test_the_history_has_the_request_and_the_answer(client: Client, recorded: Recorded) -> None:
    post(client, {"points": REFERENCE_POINTS})
    [record] = recorded()
    assert (record.points, record.dimensions, record.clusters) == (9, 2, 3)
    assert (record.status, record.outcome, record.client) == (200, "ok", "127.0.0.1")
    assert record.payload == REFERENCE_POINTS
    assert record.labels == REFERENCE_LABELS[3]
    assert record.problem is None
    assert len(record.config_version) == 12
    assert record.duration_ms > 0


def test_the_history_does_not_keep_large_payloads(
    client: Client, recorded: Recorded, settings: Settings
) -> None:
    settings.HISTORY_PAYLOAD_MAX_NUMBERS = 17
    post(client, {"points": REFERENCE_POINTS})
    [record] = recorded()
    assert (record.points, record.payload, record.labels) == (9, None, None)


def test_members_without_effect_are_named(client: Client) -> None:
    response = post(client, {"clusters": 2, "points": REFERENCE_POINTS, 'n "init"\u00e9': 1})
    assert response.json() == {"results": REFERENCE_LABELS[3]}
    expected = 'these members of the body have no effect: "clusters", "n \\"init\\"\\u00e9"'
    assert response.headers["X-KMeans-Warning"] == expected
    many = {str(i): i for i in range(9)} | {"points": [[1, 2]] * 3}
    warning = post(client, many).headers["X-KMeans-Warning"]
    assert warning.startswith("only 1 of 3 clusters have points: ")
    [_, ignored] = warning.split("; ")
    assert ignored == ('these members of the body have no effect: "0", "1", "2", "3", "4", ...')


def test_members_without_effect_of_a_large_body_are_named(client: Client) -> None:
    points = np.random.default_rng(9).random((9000, 2)).tolist()
    for body in ({"clusters": 2, "points": points}, {"points": points, "clusters": 2}):
        assert len(json.dumps(body)) > PointsParser.strict_block_bytes
        response = post(client, body)
        assert response.status_code == 200
        expected = 'these members of the body have no effect: "clusters"'
        assert response.headers["X-KMeans-Warning"] == expected


def test_the_path_may_end_with_a_slash(client: Client, recorded: Recorded) -> None:
    content = json.dumps({"points": REFERENCE_POINTS})
    for path in (URL + "/", URL + "/advice/"):
        assert client.post(path, content, content_type="application/json").status_code == 200
    assert {row.model for row in recorded()} == {"skl-kmeans", "skl-kmeans-advice"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"points": [POINT, POINT, [1, True]]}, "must be a number, not a boolean"),
        ({"points": [POINT, POINT, [1, "2"]]}, "must be a number, not a string"),
        ({"points": [POINT, POINT, [None, 2]]}, "must be a number, not null"),
        ({"points": [POINT, POINT, 1]}, "must be an array, not a number"),
        ({"points": {}}, "must be an array, not an object"),
        ([], "the body must be an object, not an array"),
        ({"points": [POINT]}, "1 point cannot form 3 clusters; send at least 3"),
        ({"points": [POINT, POINT]}, "2 points cannot form 3 clusters; send at least 3"),
        ({"points": [POINT, [1], POINT]}, "has 1 coordinate where points[0] has 2"),
    ],
)
def test_details_use_the_words_of_json(client: Client, body: Any, detail: str) -> None:
    assert post(client, body).json()["detail"] == detail


def test_what_to_send_instead_is_said(client: Client) -> None:
    content = json.dumps({"points": REFERENCE_POINTS})
    response = client.post(URL, content, content_type="text/plain")
    expected = "send the header `Content-Type: application/json`, not `text/plain`"
    assert response.json()["detail"] == expected
    assert client.get(URL).json()["detail"] == "send a POST request, not GET"


def test_details_are_translated_and_recorded_in_english(client: Client, recorded: Recorded) -> None:
    content = json.dumps({"points": [POINT]})
    headers = {"accept-language": "zh-CN,zh;q=0.9"}
    response = client.post(URL, content, content_type="application/json", headers=headers)
    assert response.json()["detail"] == "1 个点不能分成 3 个簇，请至少发送 3 个点"
    assert response.headers["Content-Language"] == "zh-hans"
    [row] = recorded()
    assert row.outcome == "points: 1 point cannot form 3 clusters; send at least 3"
