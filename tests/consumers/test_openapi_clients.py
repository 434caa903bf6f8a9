"""Generators make working clients from the schema; by the commands of the examples' README."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.reference import REFERENCE_LABELS
from tests.support.servers import require
from tests.support.service import ROOT, Service, running

EXAMPLES = ROOT / "examples" / "openapi-clients"
COMMANDS = dict(
    re.findall(
        r"^## (\w+)\n.*?^```sh\n(.*?)^```",
        (EXAMPLES / "README.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
)
NEEDED = {"java": ["java", "mvn"], "typescript": ["node", "npm"], "python": ["python3"]}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as made:
        yield made


@pytest.mark.parametrize("language", NEEDED)
def test_a_generated_client_reads_labels_and_problems(language: str, service: Service) -> None:
    for command in NEEDED[language]:
        require(command, f"install {command} to run the test of the {language} client")
    commands = COMMANDS[language].replace("localhost:9999", f"127.0.0.1:{service.port}")
    run = subprocess.run(
        ["bash", "-euc", commands],
        cwd=EXAMPLES / language,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    # The generators have something to say too.
    answers = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert answers[0] == {
        "results": REFERENCE_LABELS[3],
        "centers": [[11, 12.5], [2.5, 4], [8, 8]],
        "sizes": [4, 4, 1],
    }
    assert all(problem.pop("request_id") in service.log() for problem in answers[1:])
    assert answers[1:] == [
        {
            "type": "urn:skl-kmeans:problem:too-few-points",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "2 points cannot form 3 clusters; send at least 3",
            "pointer": "points",
        },
        {
            "type": "urn:skl-kmeans:problem:invalid-points",
            "title": "Bad Request",
            "status": 400,
            "detail": "has no coordinates",
            "pointer": "points[1]",
        },
    ]
