"""Another model beside k-means, as docs/extending.md shows it, in a running service."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import ROOT, Service, running
from tests.support.waiting import wait_until

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.support.mini_batch.settings", "WORKERS": "1"}
QUEUE = {"KMEANS_QUEUE_SIZE": "2", "KMEANS_QUEUE_TIMEOUT_SECONDS": "60", "THREADS": "5"}
PATH = "/api/mini-batch-k-means"
K_MEANS = "/api/skl-kmeans"
SMALL = json.dumps({"points": REFERENCE_POINTS}).encode()
# A second or more of k-means, in the lane of large requests.
LARGE = json.dumps(
    {"points": [[i * 7919 % 10007, i * 104729 % 10009] for i in range(600_000)]}
).encode()
HISTORY = """
from clustering.models import RequestRecord
for row in RequestRecord.objects.order_by("pk"):
    print(row.model, row.status, row.problem, row.clusters)
"""
CREATE_KEY = """
from clustering.models import ApiKey
print(ApiKey.objects.create_key(name="a caller")[1])
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, SETTINGS | QUEUE) as made:
        yield made


def post(
    service: Service, body: bytes = SMALL, path: str = PATH, key: str | None = None
) -> tuple[int, dict[str, Any]]:
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Api-Key {key}"
    request = urllib.request.Request(service.url + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def problem(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    """Return the status and the code of a problem document."""
    status, document = answer
    assert document["status"] == status
    return status, document["type"].removeprefix("urn:skl-kmeans:problem:")


def sample(service: Service, name: str, **labels: str) -> float | None:
    """Return the value of a metric with these labels."""
    wanted = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    for line in service.read("/metrics").splitlines():
        if line.startswith(f"{name}{{{wanted}}} "):
            return float(line.rsplit(" ", 1)[1])
    return None


def shell(service: Service, code: str) -> list[str]:
    made = service.manage("shell", "-v", "0", "-c", code)
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()


def test_it_is_answered_measured_recorded_and_described(service: Service) -> None:
    status, body = post(service)
    assert (status, len(set(body["results"]))) == (200, 3)
    assert service.labels() == REFERENCE_LABELS[3]
    assert problem(post(service, b'{"points": [[1, 2]]}')) == (422, "too-few-points")
    assert problem(post(service, b'{"points": [[true, 2]]}')) == (400, "invalid-points")

    requests = "skl_kmeans_requests_total"
    answered = {"status": "200", "outcome": "ok"}
    assert sample(service, requests, model="mini-batch-k-means", **answered) == 1
    assert sample(service, requests, model="skl-kmeans", **answered) == 1
    seconds = "skl_kmeans_request_duration_seconds"
    assert sample(service, f"{seconds}_count", model="mini-batch-k-means") == 3
    expected = [
        "mini-batch-k-means 200 None 3",
        "skl-kmeans 200 None 3",
        "mini-batch-k-means 422 too-few-points None",
        "mini-batch-k-means 400 invalid-points None",
    ]
    wait_until(lambda: shell(service, HISTORY) == expected)

    paths = yaml.safe_load(service.read("/api/schema/"))["paths"]
    own, other = paths[PATH]["post"], paths[K_MEANS]["post"]
    assert own["summary"] == "Cluster points with mini-batch k-means"
    assert own["responses"].keys() == other["responses"].keys()
    assert own["requestBody"] == other["requestBody"]

    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    assert len(set(post(service)[1]["results"])) == 4


def test_it_waits_in_the_same_queue_and_is_refused_when_that_is_full(service: Service) -> None:
    gauge = "skl_kmeans_waiting_requests"
    assert sample(service, gauge, model="mini-batch-k-means") == 0
    with ThreadPoolExecutor() as pool:
        others = [pool.submit(post, service, LARGE, K_MEANS) for _ in range(2)]
        wait_until(lambda: sample(service, gauge, model="skl-kmeans") == 1)
        waiting = pool.submit(post, service, LARGE)
        wait_until(lambda: sample(service, gauge, model="mini-batch-k-means") == 1)
        assert problem(post(service, LARGE)) == (503, "overloaded")
        assert [answer.result()[0] for answer in (*others, waiting)] == [200, 200, 200]
    assert post(service)[0] == 200
    refused = {"model": "mini-batch-k-means", "status": "503", "outcome": "overloaded"}
    assert sample(service, "skl_kmeans_requests_total", **refused) == 1
    row = "mini-batch-k-means 503 overloaded None"
    wait_until(lambda: row in shell(service, HISTORY))


def test_it_has_the_limits_and_wants_the_api_keys(tmp_path: Path) -> None:
    limits = {"KMEANS_MAX_BODY_BYTES": "1000", "API_KEYS_REQUIRED": "true"}
    with running(tmp_path, SETTINGS | limits) as service:
        (key,) = shell(service, CREATE_KEY)
        assert problem(post(service)) == (401, "unauthorized")
        assert problem(post(service, key="wrong")) == (401, "unauthorized")
        assert post(service, key=key)[0] == 200
        assert problem(post(service, b" " * 1001, key=key)) == (413, "body-too-large")


def test_commands_load_it_without_scikit_learn() -> None:
    code = (
        "import sys, django; django.setup(); "
        "from serving.contract import served_models; assert len(served_models()) == 3; "
        "sys.exit('sklearn' in sys.modules)"
    )
    environment = os.environ | SETTINGS
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
