"""The examples in the documents run against a service, and the tables are those of one."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.documents import DOCUMENTS, OPERATING, blocks, first_cells, section
from tests.support.forward_proxy import BEHIND_A_DEAD_PROXY
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import PYTHON, ROOT, Service


@pytest.mark.parametrize("code", [code for _, code in blocks("sh") if "curl" in code])
def test_curl_examples_run(code: str, live: Service) -> None:
    code = code.replace("localhost:9999", f"localhost:{live.port}")
    run = subprocess.run(
        ["bash", "-c", code],
        env=os.environ | BEHIND_A_DEAD_PROXY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(run.stdout)) == {"results"}


OPERATORS_COMMANDS = sorted(
    {
        command
        for text in (DOCUMENTS["README.md"], OPERATING)
        for command in re.findall(
            r"`(\.venv/bin/python manage\.py [^`]+|make (?:status|doctor|offline|online))`", text
        )
    }
)


@pytest.mark.parametrize("command", OPERATORS_COMMANDS)
def test_operators_commands_run(command: str, live: Service) -> None:
    run = live.shell(command)
    if "line" in command:  # offline, online
        assert run.returncode
        assert 'there is no registry: NACOS["server_addr"] (NACOS_SERVER_ADDR) is unset' in (
            run.stderr
        )
    else:
        assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr


def test_every_action_of_nacos_is_documented() -> None:
    assert {"make status", "make doctor", "make offline", "make online"} <= {*OPERATORS_COMMANDS}
    assert len(OPERATORS_COMMANDS) >= 7


def test_output_that_nobody_reads_is_no_error(live: Service) -> None:
    run = live.shell(".venv/bin/python manage.py nacos status --json | true")
    assert run.stderr == ""


def test_the_reference_is_as_the_readme_says(live: Service) -> None:
    assert json.dumps(live.labels()).replace(" ", "") in DOCUMENTS["README.md"]
    assert json.dumps(REFERENCE_LABELS[4]).replace(" ", "") in DOCUMENTS["README.md"]


def runnable(language: str) -> list[str]:
    return [code for name, code in blocks(language) if name == "docs/calling.md"]


@pytest.mark.parametrize(
    ("program", "suffix", "code"),
    [
        *((str(PYTHON), ".py", code) for code in runnable("python")),
        *(("node", ".mjs", code) for code in runnable("ts")),
    ],
    ids=lambda value: "" if "\n" in value else Path(value).name,
)
def test_callers_run(program: str, suffix: str, code: str, tmp_path: Path, live: Service) -> None:
    if not shutil.which(program):
        pytest.skip(f"install {program} to run this example")
    file = tmp_path / f"caller{suffix}"
    file.write_text(code.replace("localhost:9999", f"localhost:{live.port}"))
    run = subprocess.run(
        [program, file],
        env=os.environ | BEHIND_A_DEAD_PROXY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == live.labels([[1, 2], [2, 3], [9, 9], [10, 11]])


def test_the_tables_have_every_metric_and_alert(live: Service) -> None:
    live.labels()
    families = set(re.findall(r"^# TYPE (\w+) ", live.read("/metrics"), re.MULTILINE))
    tables = set(re.findall(r"`(\w+)`", first_cells(section(OPERATING, "Metrics and alerts"))))
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus-alerts.yaml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    assert tables == families | alerts
    assert (
        set(re.findall(r"`(KMeans[A-Z]\w+)`", section(OPERATING, "When something fails"))) <= alerts
    )
