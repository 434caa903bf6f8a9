"""What deploy/ holds fits the service, as far as that can be told without Docker or a cluster."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from kmeans_project import __version__
from nacos_integration.agent.supervisor import DEREGISTER_SECONDS
from nacos_integration.launch.gunicorn_process import KILL_SECONDS
from nacos_integration.management.commands.nacos import CONFIRM_SECONDS
from tests.support.documents import documented_settings
from tests.support.service import ROOT
from tools.nacos_api import PATHS

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS = {
    path.name: yaml.safe_load(path.read_text())
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
}
KUSTOMIZATION = MANIFESTS.pop("kustomization.yaml")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
POD_SPECS = {
    name: manifest["spec"]["template"]["spec"]
    for name, manifest in MANIFESTS.items()
    if "template" in manifest.get("spec", {})
}
OURS = {name: each for name, each in COMPOSE["services"].items() if "build" in each}
# Variables that Python itself reads.
PYTHONS = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def default(name: str) -> str:
    """Return the default of a setting, as it is written in the source."""
    source = (ROOT / "kmeans_project" / "settings.py").read_text()
    found = re.search(rf'env\.\w+\(\s*"{name}", ([^)]+)\)', source)
    assert found, name
    return found[1]


def seconds_of_stop() -> float:
    """Return what `serve` needs at most, after a check that the document adds it up so."""
    document = (ROOT / "docs" / "reliability.md").read_text()
    section = document.partition("## How long a stop takes")[2].partition("\n## ")[0]
    *steps, together = (int(number) for number in re.findall(r"\| (\d+) s \|", section))
    drain, stop = (
        float(default(name)) for name in ("SERVE_DRAIN_SECONDS", "SERVE_STOP_TIMEOUT_SECONDS")
    )
    assert steps[:3] == [DEREGISTER_SECONDS, drain, stop + KILL_SECONDS]
    assert sum(steps) == together
    return together


def manage_commands() -> Iterator[list[str]]:
    """Yield what follows `manage.py` in each command of deploy/."""
    (command,) = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    yield json.loads(command)[2:]
    for service in OURS.values():
        yield service.get("command", ["python", "manage.py", "serve"])[2:]
    for pod in POD_SPECS.values():
        for each in pod["containers"]:
            yield each.get("command", ["python", "manage.py", "serve"])[2:]
            if "lifecycle" in each:
                yield each["lifecycle"]["preStop"]["exec"]["command"][2:]
    for unit in UNITS:
        (command,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
        yield shlex.split(command)[2:]


def test_compose_is_of_the_specification() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         DEPLOY / "compose.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("version", ["1.25", "1.37"])
@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_of_kubernetes_schemas(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_the_kustomization_leaves_out_what_comes_first() -> None:
    assert {*KUSTOMIZATION["resources"], "migrate.yaml", "secret.example.yaml"} == set(MANIFESTS)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="install systemd for this test")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/skl-kmeans/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("/opt/skl-kmeans", str(ROOT)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_command_is_one() -> None:
    found = list(manage_commands())
    assert ["serve"] in found
    assert ["migrate", "--no-input"] in found
    for name, *arguments in found:
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments)


def test_every_variable_is_a_setting() -> None:
    named = set(re.findall(r"\b([A-Z_]+)=", DOCKERFILE))
    for service in OURS.values():
        named |= set(service["environment"])
    for pod in POD_SPECS.values():
        named |= {each["name"] for box in pod["containers"] for each in box.get("env", [])}
    named |= set(MANIFESTS["configmap.yaml"]["data"])
    named |= set(MANIFESTS["secret.example.yaml"]["stringData"])
    example = (DEPLOY / "systemd" / "skl-kmeans.env.example").read_text()
    named |= set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    for unit in UNITS:
        (line,) = re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE)
        named |= set(re.findall(r"(\w+)=", line))
    assert "NACOS_SERVICE_IP" in named
    assert named - PYTHONS <= documented_settings()


def test_the_example_has_what_compose_asks_for() -> None:
    asked = re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "compose.yaml").read_text())
    given = re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE)
    assert set(asked) == set(given)


def test_every_port_and_path_is_real() -> None:
    port = int(default("PORT"))
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert all(service["ports"][0].endswith(f":{port}") for service in OURS.values()
               if "ports" in service)  # fmt: skip
    (box,) = POD_SPECS["deployment.yaml"]["containers"]
    assert box["ports"] == [{"name": "http", "containerPort": port}]
    assert MANIFESTS["service.yaml"]["spec"]["ports"][0]["targetPort"] == "http"
    paths = []
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert box[probe]["httpGet"]["port"] == "http"
        paths.append(box[probe]["httpGet"]["path"])
    annotations = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port)
    paths.append(annotations["prometheus.io/path"])
    assert [resolve(path).url_name for path in paths] == ["startupz", "livez", "readyz", "metrics"]
    # As the tests against a real Nacos 3 use them.
    nacos = COMPOSE["services"]["nacos"]["healthcheck"]["test"][-1]
    assert nacos == f"http://127.0.0.1:8848/nacos{PATHS[3]['ready']}"
    admin = COMPOSE["services"]["nacos-admin"]["entrypoint"][-1]
    assert admin == f"http://nacos:8848/nacos{PATHS[3]['user']}/admin"


def test_every_grace_exceeds_what_a_stop_takes() -> None:
    needed = seconds_of_stop()
    instances = [service for service in OURS.values() if "command" not in service]
    assert len(instances) == 2
    for service in instances:
        assert int(service["stop_grace_period"].removesuffix("s")) > needed
    unit = (DEPLOY / "systemd" / "skl-kmeans.service").read_text()
    assert "KillMode=mixed" in unit
    (timeout,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(timeout) > needed
    # The grace begins with the hook, which waits for the confirmation after Python's own start.
    pod = POD_SPECS["deployment.yaml"]
    assert pod["containers"][0]["lifecycle"]["preStop"]
    assert pod["terminationGracePeriodSeconds"] > needed + CONFIRM_SECONDS + 5


def test_every_image_is_pinned() -> None:
    foreign = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    foreign += [each["image"] for name, each in COMPOSE["services"].items() if name not in OURS]
    for image in foreign:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+[\w.-]*", image), image
    own = [service["image"] for service in OURS.values()]
    own += [box["image"] for pod in POD_SPECS.values() for box in pod["containers"]]
    own += re.findall(r"-t (\S+) \.", DOCKERFILE)
    assert set(own) == {f"skl-kmeans:{__version__}"}


def test_the_image_has_all_that_the_service_needs() -> None:
    copied = [
        name.rstrip("/")
        for sources in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in sources.split()
    ]
    assert all((ROOT / name).exists() for name in copied)
    let_in = (DEPLOY / "Dockerfile.dockerignore").read_text()
    assert {name.rstrip("/") for name in re.findall(r"^!(.+)$", let_in, re.MULTILINE)} == set(
        copied
    )
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms - {"tests", "tools", "benchmarks"} <= set(copied)
    assert {"config", "manage.py", "gunicorn.conf.py"} <= set(copied)


@pytest.mark.parametrize("name", POD_SPECS)
def test_pods_are_confined(name: str) -> None:
    pod = POD_SPECS[name]
    assert pod["enableServiceLinks"] is False, "a Service `nacos` would set NACOS_SERVICE_PORT"
    uid = pod["securityContext"]["runAsUser"]
    assert f"USER {uid}:{uid}\n" in DOCKERFILE
    (box,) = pod["containers"]
    assert box["securityContext"]["readOnlyRootFilesystem"] is True
    (state,) = re.findall(r"STATE_DIR=(\S+)", DOCKERFILE)
    assert {mount["mountPath"] for mount in box["volumeMounts"]} == {state, "/tmp"}
