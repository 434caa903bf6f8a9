"""The service conforms to its schema for generated requests."""

import re
import subprocess

from tests.support.service import PYTHON, Service

EXAMPLES = 300
# What is valid by the schema is answered, or refused for what no schema can say. All else is
# refused, be it for its media type or its size.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "4xx"]
[checks.positive_data_acceptance]
expected-statuses = [200, 422]
[checks.negative_data_rejection]
expected-statuses = [400, 413, 415]
[warnings]
fail-on = true
"""


def test_answers_conform_to_the_schema(service: Service) -> None:
    # Small limits, so that they are met.
    service.environment |= {
        "KMEANS_MAX_POINTS": "20",
        "KMEANS_MAX_DIMENSIONS": "5",
        "KMEANS_MAX_BODY_BYTES": "20000",
    }
    service.start()
    service.wait_until_it_answers()
    config = service.folder / "schemathesis.toml"
    config.write_text(CONFIG)
    # In a process of its own, whose warnings are none of pytest's.
    run = subprocess.run(
        [
            PYTHON, "-m", "schemathesis.cli", "--no-color", "--config-file", config,
            "run", f"http://127.0.0.1:{service.port}/api/schema/",
            "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
            "--max-examples", str(EXAMPLES), "--generation-deterministic",
            "--continue-on-failure", "--request-timeout", "30",
        ],
        cwd=service.folder,
        env=service.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    tested = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert tested, run.stdout
    assert int(tested[1]) >= EXAMPLES
    assert tested[1] == tested[2]
    # There was something of each kind.
    for outcome in ("200 ok", "400 points", "415 ", "422 points"):
        assert f'"message":"{outcome}' in service.log(), outcome
