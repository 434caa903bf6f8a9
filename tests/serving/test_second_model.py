"""Another algorithm beside k-means, as docs/extending.md shows it."""

from django.test import Client, override_settings

from tests.conftest import Configure
from tests.support.reference import REFERENCE_POINTS


@override_settings(ROOT_URLCONF="tests.support.mini_batch.endpoint")
def test_another_algorithm_follows_the_config_and_answers_problems(configure: Configure) -> None:
    def post(points: object) -> tuple[int, dict[str, object]]:
        answer = Client().post(
            "/api/mini-batch-k-means", {"points": points}, content_type="application/json"
        )
        return answer.status_code, answer.json()

    for clusters in (3, 4):
        configure(f"clusters: {clusters}\n")
        status, body = post(REFERENCE_POINTS)
        labels = body["results"]
        assert status == 200
        assert isinstance(labels, list)
        assert len(labels) == len(REFERENCE_POINTS)
        assert len(set(labels)) == clusters
    assert post([[1, 2]])[1]["type"] == "urn:skl-kmeans:problem:too-few-points"
    assert post([[True, 2]])[1]["type"] == "urn:skl-kmeans:problem:invalid-points"
