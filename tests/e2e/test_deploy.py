"""The service runs as in the image, and exports what the alerts and the dashboard use."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from serving.problems import status_by_code
from tests.support.documents import DOCUMENTS
from tests.support.forward_proxy import BEHIND_A_DEAD_PROXY
from tests.support.service import PYTHON, ROOT, Service, free_port
from tests.support.waiting import wait_until

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
ALERTS = yaml.safe_load((DEPLOY / "prometheus-alerts.yaml").read_text())
# What the documented `docker run` runs in a container.
(DOCKER_RUN,) = re.findall(r'^    sh -c "(.*)"$', DOCUMENTS["docs/deployment.md"], re.MULTILINE)
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())

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
    """A service that runs as in the image, with the documented command."""
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root may make a file system read-only")
    folder = tmp_path_factory.mktemp("container")
    (folder / "tmp").mkdir()
    (folder / "state").mkdir()
    path = f"{PYTHON.parent}:{os.environ['PATH']}"
    service = Service(
        folder,
        {"TMPDIR": str(folder / "tmp"), "HOME": "/nonexistent", "PATH": path, "WORKERS": "1"},
    )
    with service.log_path.open("ab") as log:
        service.process = subprocess.Popen(
            ["unshare", "-m", "bash", "-c", READ_ONLY, "bash", "sh", "-c", DOCKER_RUN],
            cwd=ROOT,
            env=service.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        # It migrates, and nothing has compiled its modules for it, as the image's build does.
        wait_until(lambda: service.get("/livez") == 200, 150, service.log)
        yield service
        assert service.stop() == 0
    finally:
        service.close()


def test_the_image_is_healthy_behind_a_proxy_while_it_answers(live: Service) -> None:
    (command,) = re.findall(r"^HEALTHCHECK .*?CMD (.*?)$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    python, *arguments = json.loads(command)
    assert python == "python"
    for port, healthy in ((live.port, True), (free_port(), False)):
        env = os.environ | BEHIND_A_DEAD_PROXY | {"PORT": str(port)}
        checked = subprocess.run([PYTHON, *arguments], env=env, capture_output=True, check=False)
        assert (checked.returncode == 0) is healthy, checked.stderr


@pytest.fixture(scope="module")
def exported(container: Service) -> set[str]:
    """The names of the samples at /metrics."""
    container.labels()
    lines = container.read("/metrics").splitlines()
    names = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    return names | {"nacos_verified_age_seconds"}  # has no value without a Nacos


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


def test_it_serves_where_only_the_images_folders_can_be_written(container: Service) -> None:
    assert container.clusters_in_force() == {3}
    assert "cannot be written" not in container.log()
    (check,) = re.findall(r"^    CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    _, *arguments = json.loads(check)
    environment = os.environ | {"PORT": str(container.port)}
    assert subprocess.run([PYTHON, *arguments], env=environment, check=False).returncode == 0


def test_alerts_and_panels_use_what_is_exported(exported: set[str]) -> None:
    codes = {*status_by_code(), "ok", "applied", "rejected", "internal-error"}
    values = {"source": {"file"}, "fate": {"queued", "written", "dropped"}, "outcome": codes}
    for expression in expressions():
        found = list(selectors(promql_parser.parse(expression)))
        assert found, expression
        for selector in found:
            # Prometheus itself has `up`.
            assert selector.name in exported | {"up"}, expression
            for matcher in selector.matchers.matchers:
                assert matcher.value in values.get(matcher.name, {matcher.value}), expression
