"""The admin's page of one request, which clusters the points again."""

import html
import json
import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django.fixtures import Settings
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from clustering.history import replay
from clustering.models import RequestRecord
from tests.conftest import Configure
from tests.support.history_records import HISTORY, create_record, create_reference_record
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(admin_client: Client, row: RequestRecord, query: str = "") -> Any:
    return admin_client.get(f"{HISTORY}{row.pk}/change/{query}")


def test_the_points_can_be_sent_again(admin_client: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    row = create_reference_record()
    body = admin_client.get(f"{HISTORY}{row.pk}/points.json").content
    answer = admin_client.post("/api/skl-kmeans", body, content_type="application/json")
    assert answer.json() == {"results": REFERENCE_LABELS[3]}
    assert admin_client.get(f"{HISTORY}{create_record().pk}/points.json").status_code == 404
    assert admin_client.get(f"{HISTORY}{row.pk + 99}/points.json").status_code == 404


def test_a_request_is_clustered_again(admin_client: Client) -> None:
    row = create_reference_record()
    assert "replayed" not in page_of(admin_client, row).context
    context = page_of(admin_client, row, "?clusters=4").context
    assert context["replayed"].labels == REFERENCE_LABELS[4]
    assert context["replayed"].sizes == [2, 4, 2, 1]
    assert 0 < context["agreement"] < 1
    model = KMeans(4, random_state=9, n_init=10).fit(REFERENCE_POINTS)
    assert context["replayed"].inertia == pytest.approx(model.inertia_)
    assert context["original_partition"].sizes == [4, 4, 1]
    assert context["original_partition"].inertia > model.inertia_
    again = page_of(admin_client, row, "?clusters=3").context
    assert again["agreement"] == 1
    assert again["replayed"] == again["original_partition"]
    row.refresh_from_db()
    assert row.labels == REFERENCE_LABELS[3]


@pytest.mark.parametrize(
    ("clusters", "said"),
    [
        ("many", "Enter a whole number."),
        ("", "This field is required."),
        ("0", "`clusters` must be from 1 to 1000 (KMEANS_MAX_CLUSTERS), not 0"),
        ("1001", "`clusters` must be from 1 to 1000 (KMEANS_MAX_CLUSTERS), not 1001"),
        ("10", "9 points cannot form 10 clusters; send at least 10"),
    ],
)
def test_an_invalid_number_of_clusters_is_reported(
    admin_client: Client, clusters: str, said: str
) -> None:
    response = page_of(admin_client, create_reference_record(), f"?clusters={clusters}")
    assert response.status_code == 200
    assert said in html.unescape(response.content.decode())
    assert "replayed" not in response.context


def test_numbers_of_clusters_are_compared(admin_client: Client) -> None:
    row = create_reference_record()
    compared = admin_client.get(f"{HISTORY}{row.pk}/comparison.json").json()
    by_clusters = {candidate["clusters"]: candidate for candidate in compared["candidates"]}
    assert list(by_clusters) == [2, 3, 4, 5, 6, 7, 8, 9]
    model = KMeans(4, random_state=9, n_init=10).fit(REFERENCE_POINTS)
    assert by_clusters[4]["inertia"] == pytest.approx(model.inertia_)
    expected = silhouette_score(REFERENCE_POINTS, model.labels_)
    assert by_clusters[4]["silhouette"] == pytest.approx(expected)
    assert by_clusters[4]["sizes"] == [2, 4, 2, 1]
    assert f"{compared['suggested']} clusters" in compared["reason"]
    assert admin_client.get(f"{HISTORY}{create_record().pk}/comparison.json").status_code == 404


def test_a_comparison_is_for_who_may_see_the_history(client: Client) -> None:
    row = create_reference_record()
    client.force_login(get_user_model().objects.create_user("ada", is_staff=True))
    assert client.get(f"{HISTORY}{row.pk}/comparison.json").status_code == 403


def test_one_request_is_clustered_again_at_a_time(admin_client: Client, settings: Settings) -> None:
    settings.KMEANS_QUEUE_TIMEOUT_SECONDS = 0.01
    with replay._fit_lock:
        page = page_of(admin_client, create_reference_record(), "?clusters=4").content.decode()
        comparison = admin_client.get(f"{HISTORY}{create_reference_record().pk}/comparison.json")
    assert comparison.status_code == 503
    assert comparison.json()["detail"].startswith("other recorded requests are being")
    assert "other recorded requests are being clustered again; try again after 1 s" in page
    assert "replayed" in page_of(admin_client, create_reference_record(), "?clusters=4").context


def test_a_refused_request_is_clustered_with_the_current_clusters(
    admin_client: Client, configure: Configure
) -> None:
    configure("clusters: 2\n")
    row = create_record(
        status=422, outcome="points: too few", points=2, dimensions=1, payload=[[1], [2]]
    )
    page = page_of(admin_client, row)
    assert "points: too few" in page.content.decode()
    assert page.context["replay_form"]["clusters"].value() == 2
    context = page_of(admin_client, row, "?clusters=2").context
    assert sorted(context["replayed"].labels) == [0, 1]
    assert context["agreement"] is None


def test_large_numbers_are_drawn_and_clustered(admin_client: Client) -> None:
    points = [[1e150, -1e150], [1e140, 1e-300], [0.1, -0.0]]
    row = create_record(points=3, dimensions=2, payload=points, status=422)
    row.refresh_from_db()
    page = page_of(admin_client, row, "?clusters=2")
    drawn = re.search(r'id="history-points-data"[^>]*>([^<]*)<', page.content.decode())
    assert drawn
    assert [list(map(float, point)) for point in json.loads(drawn[1])] == points
    assert page.context["replayed"].sizes == [1, 2]


def test_the_page_says_why_points_were_not_kept(admin_client: Client) -> None:
    large = page_of(admin_client, create_record(points=5000, dimensions=8)).content.decode()
    assert "40000 numbers" in large
    assert "the limit is 2000" in large
    assert (
        "before they were read" in page_of(admin_client, create_record(status=400)).content.decode()
    )
