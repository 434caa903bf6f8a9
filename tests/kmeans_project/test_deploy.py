"""What deploy/ holds fits the service, as far as that can be told without Docker or a cluster."""

import base64
import json
import re
import shlex
import shutil
import stat
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
from tests.support.documents import DOCUMENTS, documented_settings, section
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
SETTINGS = DEPLOY / "kubernetes" / "settings.env"
(SCRAPE_JOB,) = yaml.safe_load((DEPLOY / "prometheus-scrape.yaml").read_text())["scrape_configs"]
POD_MONITOR = yaml.safe_load((DEPLOY / "prometheus-podmonitor.yaml").read_text())
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANAGE = DEPLOY / "systemd" / "skl-kmeans-manage"
POD_SPECS = {
    name: manifest["spec"]["template"]["spec"]
    for name, manifest in MANIFESTS.items()
    if "template" in manifest.get("spec", {})
}
OURS = {name: each for name, each in COMPOSE["services"].items() if "build" in each}
DOCUMENT = DOCUMENTS["docs/deployment.md"]
# Variables that Python itself reads.
PYTHONS = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def variables(example: Path) -> dict[str, str]:
    """Return the variables that a file sets."""
    return dict(re.findall(r"^(\w+)=(.*)$", example.read_text(), re.MULTILINE))


def one_line_each(code: str) -> str:
    """Return commands of a shell, each on one line."""
    return code.replace("\\\n", "")


def docker_run() -> list[str]:
    """Return the words of the documented `docker run`."""
    code = section(DOCUMENT, "Image").split("```")[1]
    (command,) = re.findall("^docker run .*", one_line_each(code), re.MULTILINE)
    return shlex.split(command)


def option(words: list[str], name: str) -> str:
    """Return what follows an option."""
    return words[words.index(name) + 1]


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
    # The name of the ConfigMap is known only within the kustomization.
    (box,) = POD_SPECS["migrate.yaml"]["containers"]
    assert box["envFrom"] == [{"secretRef": {"name": "skl-kmeans"}}]


def test_a_changed_setting_rolls_out(tmp_path: Path) -> None:
    generator = {"name": "skl-kmeans", "envs": [SETTINGS.name]}
    assert KUSTOMIZATION["configMapGenerator"] == [generator]
    assert "generatorOptions" not in KUSTOMIZATION  # which could turn off the hash in the name
    (box,) = POD_SPECS["deployment.yaml"]["containers"]
    assert {"configMapRef": {"name": "skl-kmeans"}} in box["envFrom"]
    if not shutil.which("kubectl"):
        pytest.skip("install kubectl to build the kustomization too")
    folder = tmp_path / "kubernetes"
    shutil.copytree(SETTINGS.parent, folder)
    referred = []
    for more in ("", "\nTIME_ZONE=Asia/Shanghai\n"):
        with (folder / SETTINGS.name).open("a") as settings:
            settings.write(more)
        built = subprocess.run(
            ["kubectl", "kustomize", folder], capture_output=True, text=True, check=True
        )
        by_kind = {each["kind"]: each for each in yaml.safe_load_all(built.stdout)}
        assert by_kind["ConfigMap"]["data"] == variables(folder / SETTINGS.name)
        (box,) = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"]
        (name,) = [
            each["configMapRef"]["name"] for each in box["envFrom"] if "configMapRef" in each
        ]
        assert name == by_kind["ConfigMap"]["metadata"]["name"]
        referred.append(name)
    assert referred[0] != referred[1]


def test_replicas_are_spread_over_zones_and_nodes() -> None:
    template = MANIFESTS["deployment.yaml"]["spec"]["template"]
    constraints = template["spec"]["topologySpreadConstraints"]
    keys = [each["topologyKey"] for each in constraints]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for each in constraints:
        # A cluster of one node runs all of them.
        assert (each["maxSkew"], each["whenUnsatisfiable"]) == (1, "ScheduleAnyway")
        assert each["labelSelector"]["matchLabels"] == template["metadata"]["labels"]


def test_the_alerts_are_about_the_job_that_scrapes_the_pods() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus-alerts.yaml").read_text())["groups"][0]["rules"]
    expressions = {rule["alert"]: rule["expr"] for rule in rules}
    (job,) = set(re.findall(r'job="([^"]*)"', " ".join(expressions.values())))
    assert expressions["KMeansInstanceDown"] == f'up{{job="{job}"}} == 0'
    assert expressions["KMeansAbsent"] == f'absent(up{{job="{job}"}})'

    # What Prometheus knows of a pod of the Deployment, and of one of the migration.
    assert SCRAPE_JOB["job_name"] == job
    assert SCRAPE_JOB["kubernetes_sd_configs"] == [{"role": "pod"}]
    keep, *others = SCRAPE_JOB["relabel_configs"]
    assert keep["action"] == "keep"
    assert {other["target_label"] for other in others} == {"namespace", "pod"}
    (box,) = POD_SPECS["deployment.yaml"]["containers"]
    scraped = {}
    for manifest in ("deployment.yaml", "migrate.yaml"):
        labels = MANIFESTS[manifest]["spec"]["template"]["metadata"]["labels"]
        found = {
            "__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", name): value
            for name, value in labels.items()
        }
        found["__meta_kubernetes_pod_container_port_name"] = box["ports"][0]["name"]
        found["__meta_kubernetes_pod_phase"] = "Running"
        value = ";".join(found[label] for label in keep["source_labels"])
        scraped[manifest] = bool(re.fullmatch(keep["regex"], value))
    assert scraped == {"deployment.yaml": True, "migrate.yaml": False}

    monitor = POD_MONITOR["spec"]
    labels = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    assert labels[monitor["jobLabel"]] == job
    assert monitor["selector"]["matchLabels"] == labels
    assert monitor["podMetricsEndpoints"][0]["port"] == box["ports"][0]["name"]


def test_the_alerts_fit_into_a_rule_of_the_operator() -> None:
    alerts = (DEPLOY / "prometheus-alerts.yaml").read_text()
    code = "\n".join(re.findall(r"^#   (.*)$", alerts, re.MULTILINE))
    command = code.removesuffix(" | kubectl apply -f -")
    assert command != code
    made = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert yaml.safe_load(made) == {
        "apiVersion": POD_MONITOR["apiVersion"],
        "kind": "PrometheusRule",
        "metadata": POD_MONITOR["metadata"],
        "spec": yaml.safe_load(alerts),
    }


def test_every_platform_names_the_hosts_of_the_admin() -> None:
    systemd = variables(DEPLOY / "systemd" / "skl-kmeans.env.example")
    given = [
        option(docker_run(), "-e").removeprefix("DJANGO_ALLOWED_HOSTS="),
        variables(DEPLOY / ".env.example")["DJANGO_ALLOWED_HOSTS"],
        variables(SETTINGS)["DJANGO_ALLOWED_HOSTS"],
        systemd["DJANGO_ALLOWED_HOSTS"],
    ]
    for hosts in given:
        # Also that of `kubectl port-forward` and of a port of Docker.
        assert "localhost" in hosts.split(",")
    for service in OURS.values():
        assert service["environment"]["DJANGO_ALLOWED_HOSTS"] == "${DJANGO_ALLOWED_HOSTS:?}"


def test_the_document_makes_the_first_admin_on_every_platform() -> None:
    create = "python manage.py createsuperuser"
    name = option(docker_run(), "--name")
    (instance, *_) = [name for name, each in OURS.items() if "command" not in each]
    deployment = MANIFESTS["deployment.yaml"]["metadata"]["name"]
    for heading, command in {
        "Image": f"docker exec -it {name} {create}",
        "Compose": f"docker compose -f deploy/compose.yaml exec {instance} {create}",
        "Kubernetes": f"kubectl exec -it deployment/{deployment} -- {create}",
        "systemd": f"{MANAGE.name} createsuperuser",
    }.items():
        assert command in section(DOCUMENT, heading)


def test_commands_run_as_the_unit_does() -> None:
    unit = (DEPLOY / "systemd" / "skl-kmeans.service").read_text()
    set_by_unit = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    words = shlex.split(one_line_each(MANAGE.read_text()).partition("exec ")[2])
    options = [word for word in words if word.startswith("--")]
    environment = set_by_unit["Environment"].split()
    assert {word.removeprefix("--setenv=") for word in options if "--setenv=" in word} == {
        *environment
    }
    assert f"--uid={set_by_unit['User']}" in options
    assert f"--working-directory={set_by_unit['WorkingDirectory']}" in options
    assert f"--property=EnvironmentFile={set_by_unit['EnvironmentFile']}" in options
    started = set_by_unit["ExecStart"].removesuffix("serve") + "$@"
    assert shlex.join(words[len(options) + 1 :]) == shlex.join(shlex.split(started))
    assert MANAGE.stat().st_mode & 0o111
    if shutil.which("systemd-run"):
        known = subprocess.run(
            ["systemd-run", "--help"], capture_output=True, text=True, check=True
        ).stdout
        for word in options:
            assert word.partition("=")[0] in known


def test_systemd_has_the_python_of_the_image() -> None:
    (version,) = re.findall(r"^FROM python:(\d+\.\d+)-", DOCKERFILE, re.MULTILINE)
    document = section(DOCUMENT, "systemd")
    assert f"python{version} -m venv" in document
    assert f"Python {version} or newer" in document


def test_docker_runs_the_image_as_it_is_made() -> None:
    words = docker_run()
    port = default("PORT")
    assert option(words, "-p") == f"{port}:{port}"
    (state,) = re.findall(r"STATE_DIR=(\S+)", DOCKERFILE)
    assert option(words, "-v") == f"skl-kmeans:{state}"
    assert option(words, "--tmpfs") == "/tmp"
    image = words.index(f"skl-kmeans:{__version__}")
    migrate, serve = words[-1].split(" && exec ")
    assert words[image + 1 : -1] == ["sh", "-c"]
    assert [migrate, serve] == ["python manage.py migrate --no-input", "python manage.py serve"]


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
    named |= set(variables(SETTINGS))
    named.add(option(docker_run(), "-e").partition("=")[0])
    named |= set(MANIFESTS["secret.example.yaml"]["stringData"])
    named |= set(variables(DEPLOY / "systemd" / "skl-kmeans.env.example"))
    for unit in UNITS:
        (line,) = re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE)
        named |= set(re.findall(r"(\w+)=", line))
    assert "NACOS_SERVICE_IP" in named
    assert named - PYTHONS <= documented_settings()


def test_the_example_has_what_compose_asks_for() -> None:
    asked = re.findall(r"\$\{(\w+):\?\}", (DEPLOY / "compose.yaml").read_text())
    given = variables(DEPLOY / ".env.example")
    assert set(asked) == set(given)


def test_one_command_makes_the_secrets_of_compose(tmp_path: Path) -> None:
    assert "\nsh deploy/make-secrets.sh\n" in section(DOCUMENT, "Compose")
    for name in ("make-secrets.sh", ".env.example"):
        shutil.copy(DEPLOY / name, tmp_path)
    command = ["sh", str(tmp_path / "make-secrets.sh")]
    subprocess.run(command, check=True)
    made = tmp_path / ".env"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    example, given = variables(DEPLOY / ".env.example"), variables(made)
    secrets = [given[name] for name, value in example.items() if value == "change-me"]
    assert len(secrets) == len(set(secrets)) == 6
    assert all(re.fullmatch("[0-9a-f]{64}", secret) for secret in secrets)
    assert len(base64.b64decode(given["NACOS_AUTH_TOKEN"], validate=True)) >= 32
    assert given["NACOS_PASSWORD"] == "${NACOS_ADMIN_PASSWORD}"
    assert list(given) == list(example)

    # The databases in the volumes know the first ones.
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "deploy/.env exists" in again.stderr
    assert variables(made) == given


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
    paths.append(POD_MONITOR["spec"]["podMetricsEndpoints"][0]["path"])
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
    assert int(option(docker_run(), "--stop-timeout")) > needed
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
    own += re.findall(r"\bskl-kmeans:\d\S+", DOCUMENT)
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
