"""Requests that compare numbers of clusters, and answers with details."""

import json
from typing import Any

import numpy as np
import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from clustering.api import schema
from clustering.engine import advice
from clustering.engine.parameters import KMeansParameters
from clustering.limits import CANDIDATES_MAX
from clustering.models import RequestRecord
from tests.conftest import Configure, Recorded
from tests.support.problems import assert_problem
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS

PATH = "/api/skl-kmeans/advice"
BLOBS = np.concatenate(
    [np.random.default_rng(9).normal(center, 0.3, size=(40, 2)) for center in (0, 5, 10, 15)]
)


def post(client: Client, content: Any, path: str = PATH, **headers: str) -> Any:
    return client.post(path, json.dumps(content), content_type="application/json", headers=headers)


def fitted(points: Any, clusters: int) -> KMeans:
    return KMeans(clusters, random_state=9, n_init=10).fit(points)


@pytest.mark.django_db
def test_each_candidate_is_measured_and_the_best_is_suggested(client: Client) -> None:
    response = post(client, {"points": BLOBS.tolist(), "candidates": [3, 4, 5]})
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["X-Config-Version"] == answer["config_version"]
    assert "X-KMeans-Clusters" not in response.headers
    assert "X-KMeans-Warning" not in response.headers
    assert (answer["suggested"], answer["sample"]) == (4, None)
    assert answer["reason"].startswith("4 clusters have the highest silhouette, 0.9")
    for candidate in answer["candidates"]:
        model = fitted(BLOBS, candidate["clusters"])
        assert candidate["inertia"] == pytest.approx(model.inertia_)
        assert candidate["sizes"] == np.bincount(model.labels_).tolist()
        expected = silhouette_score(BLOBS, model.labels_)
        assert candidate["silhouette"] == pytest.approx(expected)
        assert candidate.keys() == {"clusters", "inertia", "silhouette", "sizes"}


@pytest.mark.django_db
def test_the_example_of_the_schema_is_real(client: Client) -> None:
    request, response = (example.value for example in schema.ADVICE_EXAMPLES)
    answer = post(client, request).json()
    for candidate in answer["candidates"]:
        candidate["silhouette"] = round(candidate["silhouette"], 3)
        candidate["inertia"] = round(candidate["inertia"], 3)
    assert answer == response | {"config_version": answer["config_version"]}


@pytest.mark.django_db
def test_without_candidates_two_to_ten_are_compared(client: Client) -> None:
    answer = post(client, {"points": BLOBS.tolist()}).json()
    assert [each["clusters"] for each in answer["candidates"]] == list(range(2, 11))
    answer = post(client, {"points": REFERENCE_POINTS[:4]}).json()
    assert [each["clusters"] for each in answer["candidates"]] == [2, 3, 4]
    assert answer["candidates"][-1]["silhouette"] is None


@pytest.mark.django_db
def test_with_details_each_candidate_has_its_labels(client: Client) -> None:
    content = {"points": REFERENCE_POINTS, "candidates": [4, 3]}
    answer = post(client, content, PATH + "?details=true").json()
    for candidate in answer["candidates"]:
        assert candidate["results"] == REFERENCE_LABELS[candidate["clusters"]]
        assert len(candidate["centers"]) == candidate["clusters"]


@pytest.mark.django_db
def test_the_reason_is_in_the_language_of_the_caller(client: Client) -> None:
    content = {"points": REFERENCE_POINTS, "candidates": [1]}
    answer = post(client, content, **{"accept-language": "zh-CN"}).json()
    assert answer["suggested"] is None
    assert answer["reason"].startswith("没有")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("candidates", "pointer"),
    [
        ([], "candidates"),
        ([0], "candidates[0]"),
        ([2, 1001], "candidates[1]"),
        ([2, 3, 2], "candidates[2]"),
        ([2, 2.5], "candidates[1]"),
        ([2, "3"], "candidates[1]"),
        ([2.0], "candidates[0]"),
        ([10**400], "candidates[0]"),
        (list(range(1, 102)), "candidates"),
        ([True], "candidates[0]"),
        (3, "candidates"),
        (None, "candidates"),
        ({"from": 2}, "candidates"),
    ],
)
def test_candidates_that_are_no_numbers_of_clusters_are_refused(
    client: Client, candidates: Any, pointer: str
) -> None:
    response = post(client, {"points": REFERENCE_POINTS, "candidates": candidates})
    assert assert_problem(response, 400, "invalid-candidates")["pointer"] == pointer


@pytest.mark.django_db
def test_the_work_of_all_candidates_is_limited(client: Client, settings: Any) -> None:
    content = {"points": REFERENCE_POINTS, "candidates": [2, 3]}
    settings.KMEANS_MAX_WORK = 9 * (2 + 32) * (2 + 3) * 10
    assert post(client, content).status_code == 200
    settings.KMEANS_MAX_WORK -= 1
    assert "* 5 clusters *" in assert_problem(post(client, content), 422, "too-much-work")["detail"]
    assert_problem(post(client, {"points": [[1, 2]], "candidates": [2]}), 422, "too-few-points")


@pytest.mark.django_db
def test_as_many_candidates_as_are_accepted_meet_a_limit_that_says_what_to_change(
    client: Client, settings: Settings
) -> None:
    content = {"points": BLOBS.tolist(), "candidates": list(range(1, CANDIDATES_MAX + 1))}
    answer = post(client, content).json()
    assert [each["clusters"] for each in answer["candidates"]] == content["candidates"]
    settings.KMEANS_FIT_TIMEOUT_SECONDS = 0.1
    problem = assert_problem(post(client, content), 503, "fit-timeout")
    assert problem["detail"].endswith("; send fewer points, dimensions or candidates")


@pytest.mark.django_db(transaction=True)
def test_it_is_recorded_without_labels(client: Client, recorded: Recorded) -> None:
    response = post(client, {"points": REFERENCE_POINTS, "candidates": [2]})
    [row] = recorded()
    assert (row.model, row.status, row.outcome) == ("skl-kmeans-advice", 200, "ok")
    assert (row.points, row.clusters, row.labels) == (9, None, None)
    assert row.payload == REFERENCE_POINTS
    assert row.config_version == response.headers["X-Config-Version"]


@pytest.mark.django_db
def test_a_shift_changes_nothing(client: Client) -> None:
    points = BLOBS.round(3)
    answers = [post(client, {"points": (points + shift).tolist()}).json() for shift in (0, 1.7e9)]
    here, there = ([each["silhouette"] for each in answer["candidates"]] for answer in answers)
    assert there == pytest.approx(here, abs=1e-3)
    assert answers[0]["suggested"] == answers[1]["suggested"] == 4


@pytest.mark.django_db
def test_one_point_has_too_few_whatever_the_config(client: Client, configure: Configure) -> None:
    for clusters in (1, 3):
        configure(f"clusters: {clusters}\n")
        problem = assert_problem(post(client, {"points": [[1, 2]]}), 422, "too-few-points")
        assert problem["detail"] == "1 point cannot form 2 clusters; send at least 2"


def test_many_points_are_measured_on_a_sample() -> None:
    points = np.random.default_rng(9).normal(size=(advice.SAMPLE_MAX + 500, 2))
    points[: len(points) // 2] += 20
    labels: list[int] = []

    def fit_predict(given: Any, parameters: KMeansParameters) -> Any:
        labels.append(parameters.clusters)
        return (given[:, 0] > 10).astype(np.int32)

    [found] = advice.compare(points, KMeansParameters(), [2], fit_predict, lambda: None)
    assert labels == [2]
    assert found.silhouette == pytest.approx(silhouette_score(points, points[:, 0] > 10), abs=0.02)
    assert found.partition.sizes.sum() == len(points)


@pytest.mark.django_db
def test_details_describe_the_clusters(client: Client, configure: Configure) -> None:
    configure("clusters: 4\n")
    path = "/api/skl-kmeans?details=true"
    response = post(client, {"points": REFERENCE_POINTS}, path)
    model = fitted(REFERENCE_POINTS, 4)
    answer = response.json()
    assert answer["results"] == REFERENCE_LABELS[4] == model.labels_.tolist()
    assert answer["clusters"] == 4
    assert answer["sizes"] == np.bincount(model.labels_).tolist()
    assert answer["centers"] == [pytest.approx(each) for each in model.cluster_centers_.tolist()]
    assert answer["inertia"] == pytest.approx(model.inertia_)
    assert answer["config_version"] == response.headers["X-Config-Version"]
    assert len(answer) == 6


@pytest.mark.django_db
def test_details_name_clusters_without_points(client: Client) -> None:
    content = {"points": [[1, 2], [1, 2], [3, 4]]}
    response = post(client, content, "/api/skl-kmeans?details=true")
    answer = response.json()
    assert sorted(answer["sizes"]) == [0, 1, 2]
    assert answer["centers"].count(None) == 1
    assert answer["inertia"] == 0
    assert response.headers["X-KMeans-Warning"].startswith("only 2 of 3 clusters have points")


@pytest.mark.django_db
def test_details_are_asked_for_by_true_only(client: Client) -> None:
    content = {"points": REFERENCE_POINTS}
    for query in ("", "?details=false", "?other=true"):
        response = post(client, content, "/api/skl-kmeans" + query)
        assert response.json() == {"results": REFERENCE_LABELS[3]}
    for value in ("1", "True", "yes", ""):
        response = post(client, content, f"/api/skl-kmeans?details={value}")
        assert "`details`" in assert_problem(response, 400, "invalid-query")["detail"]


def test_kept_parameters_follow_the_config(
    client: Client, configure: Configure, recorded: Recorded, transactional_db: None
) -> None:
    configure("clusters: 2\nn_init: 1\nmax_iter: 7\ntol: 0.5\ninit: random\nrandom_state: 4\n")
    points = np.random.default_rng(1).normal(size=(60, 2)).tolist()
    answer = post(client, {"points": points}, "/api/skl-kmeans").json()
    model = KMeans(2, n_init=1, max_iter=7, tol=0.5, init="random", random_state=4)
    assert answer["results"] == model.fit_predict(points).tolist()
    [row] = recorded()
    assert row.parameters == {
        "n_init": 1, "max_iter": 7, "tol": 0.5, "init": "random", "random_state": 4,
    }  # fmt: skip
    assert RequestRecord.objects.count() == 1
