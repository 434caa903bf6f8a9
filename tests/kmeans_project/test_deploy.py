"""What deploy/ holds fits the service, as far as that can be told without Docker or a cluster."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from kmeans_project import __version__
from nacos_integration.agent.supervisor import LEAVE_SECONDS
from nacos_integration.management.commands.nacos import CONFIRM_SECONDS
from nacos_integration.management.commands.serve import KILL_SECONDS
from serving.problems import STATUS_BY_CODE
from tests.kmeans_project.test_docs import documented_settings
from tests.support.service import PYTHON, ROOT, SERVE, Service
from tests.support.waiting import wait_until
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
ALERTS = yaml.safe_load((DEPLOY / "prometheus-alerts.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
POD_SPECS = {
    name: manifest["spec"]["template"]["spec"]
    for name, manifest in MANIFESTS.items()
    if "template" in manifest.get("spec", {})
}
OURS = {name: each for name, each in COMPOSE["services"].items() if "build" in each}
# Variables that Python itself reads.
PYTHONS = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}

# The file system as the image has it under a read-only root: it can be written in STATE_DIR, TMPDIR
# and /dev/shm alone.
READ_ONLY = """
set -e
mount --make-rprivate /
mount --bind "$STATE_DIR" "$STATE_DIR"
mount -t tmpfs tmpfs "$TMPDIR"
cut -d' ' -f2 /proc/self/mounts | while read -r target; do
    case "$target" in
        /proc* | /sys* | /dev* | "$STATE_DIR" | "$TMPDIR") ;;
        *) mount -o remount,ro,bind "$target" ;;
    esac
done
! touch manage.py 2> /dev/null
exec "$@"
"""


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that runs as in the image."""
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root may make a file system read-only")
    folder = tmp_path_factory.mktemp("container")
    (folder / "tmp").mkdir()
    (folder / "state").mkdir()
    service = Service(
        folder, {"TMPDIR": str(folder / "tmp"), "HOME": "/nonexistent", "WORKERS": "1"}
    )
    assert service.manage("migrate", "-v", "0").returncode == 0
    with service.log_path.open("ab") as log:
        service.process = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", READ_ONLY, "bash", PYTHON, *SERVE],
            cwd=ROOT,
            env=service.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        # Nothing has compiled its modules for it, as the image's build does.
        wait_until(lambda: service.get("/livez") == 200, 100, service.log)
        yield service
        assert service.stop() == 0
    finally:
        service.close()


@pytest.fixture(scope="module")
def exported(container: Service) -> set[str]:
    """The names of the samples at /metrics."""
    container.labels()
    lines = container.read("/metrics").splitlines()
    names = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    return names | {"nacos_verified_age_seconds"}  # has no value without a Nacos


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
    assert steps[:3] == [LEAVE_SECONDS, drain, stop + KILL_SECONDS]
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


def expressions() -> Iterator[str]:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


def selectors(node: object) -> Iterator[Any]:
    """Yield the vector selectors in a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for name in ("lhs", "rhs", "expr", "vector_selector", "args"):
        inner = getattr(node, name, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None and type(each).__module__.startswith("promql_parser"):
                yield from selectors(each)


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


def test_it_serves_where_only_the_images_folders_can_be_written(container: Service) -> None:
    assert container.clusters_in_force() == {3}
    assert "cannot be written" not in container.log()
    (check,) = re.findall(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    _, *arguments = json.loads(check)
    environment = os.environ | {"PORT": str(container.port)}
    assert subprocess.run([PYTHON, *arguments], env=environment, check=False).returncode == 0


def test_alerts_and_panels_use_what_is_exported(exported: set[str]) -> None:
    codes = {*STATUS_BY_CODE, "ok", "applied", "rejected", "internal-error"}
    values = {"source": {"file"}, "fate": {"queued", "written", "dropped"}, "outcome": codes}
    for expression in expressions():
        found = list(selectors(promql_parser.parse(expression)))
        assert found, expression
        for selector in found:
            # Prometheus itself has `up`.
            assert selector.name in exported | {"up"}, expression
            for matcher in selector.matchers.matchers:
                assert matcher.value in values.get(matcher.name, {matcher.value}), expression
