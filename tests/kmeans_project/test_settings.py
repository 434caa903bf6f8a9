"""What the environment may say, and who may change it."""

import json
import stat
import subprocess
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from kmeans_project.environment import Environment, bind_host
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import PYTHON, ROOT, Service


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Environment:
    texts = {
        "PASSWORD": r"$ecret\$5$",
        "YES": "Yes",
        "TYPO": "ture",
        "NOTHING": "",
        "SECONDS": "1e3",
        "UNIT": "30s",
        "ENDLESS": "inf",
        "PORT": "http",
    }
    for name, text in texts.items():
        monkeypatch.setenv(name, text)
    return Environment()


def test_values_are_taken_at_their_word(env: Environment) -> None:
    assert env.str("PASSWORD") == r"$ecret\$5$"
    assert env.bool("YES") is True
    assert env.bool("NOTHING") is False
    assert env.float("SECONDS") == 1000


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("bool", "TYPO", "ture"),
        ("float", "UNIT", "30s"),
        ("float", "ENDLESS", "inf"),
        ("int", "PORT", "http"),
    ],
)
def test_what_is_no_such_value_is_named(env: Environment, kind: str, name: str, text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: .*{text}"):
        getattr(env, kind)(name)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"WORKERS": "0"}, "WORKERS: 0: use at least 1"),
        ({"SERVE_DRAIN_SECONDS": "-1"}, "SERVE_DRAIN_SECONDS: -1.0: use at least 0"),
        ({"TIME_ZONE": "Mars/Olympus"}, "TIME_ZONE: 'Mars/Olympus' is not known here"),
        ({"TIME_ZONE": "../etc/passwd"}, "TIME_ZONE: '../etc/passwd' is not known here"),
        ({"LOG_LEVEL": "foo"}, "LOG_LEVEL: 'FOO': use one of DEBUG, INFO"),
        ({"API_KEYS_REQUIRED": "ture"}, "wrong setting: API_KEYS_REQUIRED: 'ture' is neither"),
        ({"NACOS_NAMESPACE": '"dev"'}, "(NACOS_NAMESPACE): "),
        ({"CSRF_TRUSTED_ORIGINS": "a.example"}, "CSRF_TRUSTED_ORIGINS: 'a.example' is no origin"),
        ({"CSRF_TRUSTED_ORIGINS": "http://a/b"}, "CSRF_TRUSTED_ORIGINS: 'http://a/b' is no origin"),
        ({"CORS_ALLOWED_ORIGINS": "*"}, "CORS_ALLOWED_ORIGINS: '*' is no origin"),
        ({"CORS_ALLOWED_ORIGINS": "https://*.a"}, "CORS_ALLOWED_ORIGINS: 'https://*.a' is no"),
        ({"FORCE_SCRIPT_NAME": "kmeans"}, "FORCE_SCRIPT_NAME: 'kmeans' is no path"),
        ({"FORCE_SCRIPT_NAME": "//a"}, "FORCE_SCRIPT_NAME: '//a' is no path"),
        ({"NACOS_BEAT_INTERVAL_SECONDS": "0"}, "(NACOS_BEAT_INTERVAL_SECONDS): 0"),
    ],
)
def test_a_start_with_a_wrong_setting_ends_with_what_is_wrong(
    setting: dict[str, str], said: str, tmp_path: Path
) -> None:
    ended = Service(tmp_path, setting).manage("serve")
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("NACOS_SERVER_ADR", "Did you mean NACOS_SERVER_ADDR?"),
        ("NACOS_SERVER_ADDRESS", "Did you mean NACOS_SERVER_ADDR?"),
        ("NACOS_NAMESPACE_ID", "Did you mean NACOS_NAMESPACE?"),
        ("NACOS_XYZZY", "docs/operating.md lists all"),
        # What Kubernetes sets for a Service named nacos, and what `make nacos` reads.
        ("NACOS_SERVICE_HOST", None),
        ("NACOS_PORT_8848_TCP_ADDR", None),
        ("NACOS_SERVER_JAR", None),
    ],
)
def test_a_variable_that_nothing_reads_is_named_with_the_nearest(
    name: str, meant: str | None, tmp_path: Path
) -> None:
    checked = Service(tmp_path, {name: "x"}).manage("check")
    assert checked.returncode == 0, checked.stderr
    assert (f"{name} is not a setting" in checked.stderr) is bool(meant)
    assert (meant or "") in checked.stderr


def run(code: str, folder: Path, **environment: str) -> str:
    """Return what a script prints that starts in an empty state directory and nothing prepared."""
    clean = Service(folder).environment
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PROMETHEUS_MULTIPROC_DIR",
        "no_grpc_proxy",
    ):
        clean.pop(name, None)
    ended = subprocess.run(
        [PYTHON, "-c", code],
        cwd=ROOT,
        env=clean | {"DJANGO_SETTINGS_MODULE": "kmeans_project.settings"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"skl-kmeans.yaml"}


def test_importing_settings_changes_nothing(tmp_path: Path) -> None:
    code = """
import os, sys
before = dict(os.environ)
import kmeans_project.settings
assert os.environ == before
print(*sorted(name for name in sys.modules if name.startswith(
    ("clustering", "kmeans_project", "nacos_integration", "serving", "numpy", "prometheus_client")
)))
"""
    packages = {name.partition(".")[0] for name in run(code, tmp_path).split()}
    assert packages == {"kmeans_project"}
    assert not files_in(tmp_path)


def test_a_script_needs_no_file_and_no_key(tmp_path: Path) -> None:
    code = """
import django
django.setup()
from django.conf import settings
print(settings.SECRET_KEY)
"""
    first, second = (run(code, tmp_path) for _ in range(2))
    assert len(first) > 50
    assert first != second, "a key that nobody keeps"
    assert not files_in(tmp_path)


def test_a_script_uses_the_key_of_the_service(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SECRET_KEY, end='')"
    prepared = f"from kmeans_project.prepare import prepare; prepare(); {code}"
    key = run(prepared, tmp_path)
    assert run(code, tmp_path) == run(prepared, tmp_path) == key
    file = tmp_path / "state" / "secret_key"
    assert file.read_text() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert files_in(tmp_path / "state") == {"secret_key"}
    assert run(code, tmp_path, DJANGO_SECRET_KEY="given") == "given"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"),
        ("::", "::"), ("[::]", "::"), ("[0:0::1]", "::1"), ("::1", "::1"),
    ],
)  # fmt: skip
def test_every_spelling_of_an_address(
    given: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", given)
    assert bind_host(Environment()) == host


@pytest.mark.parametrize(
    "given",
    [
        "unix:/tmp/socket", "fd://3", "*", "127.0.0.1:80", "[::]:80", "no-such-host.invalid",
        "fe80::1%eth0", "[::1%lo]",
    ],
)  # fmt: skip
def test_a_host_that_is_no_address_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", given)
    with pytest.raises(ImproperlyConfigured, match="HOST: "):
        bind_host(Environment())


def test_an_empty_secret_key_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "state" / "secret_key"
    file.parent.mkdir()
    file.touch()
    run("from kmeans_project.prepare import prepare; prepare()", tmp_path)
    assert len(file.read_text()) > 50
    assert files_in(file.parent) == {"secret_key"}


@pytest.mark.parametrize("argument", ["serve", "migrate"])
def test_state_is_private(tmp_path: Path, argument: str) -> None:
    code = f"""
import os, sys
os.umask(0o022)
sys.argv = ["manage.py", {argument!r}]
from kmeans_project.prepare import prepare
prepare()
print(oct(os.umask(0)))
"""
    state = tmp_path / "state"
    (state / "applied").mkdir(parents=True)
    left = [state / "db.sqlite3", state / "db.sqlite3-wal", state / "applied" / "1.json"]
    for path in left:
        path.touch(0o644)
        path.chmod(0o644)
    (state / "others.txt").touch()
    (state / "others.txt").chmod(0o644)
    for path in (state, state / "applied"):
        path.chmod(0o755)
    assert run(code, tmp_path) == "0o77\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in left} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (state, state / "applied")} == {0o700}
    assert stat.S_IMODE((state / "others.txt").stat().st_mode) == 0o644


def test_a_folder_that_others_use_stays_open(tmp_path: Path) -> None:
    code = "from kmeans_project.prepare import prepare; prepare()"
    (tmp_path / "state" / "of-others").mkdir(parents=True)
    (tmp_path / "state").chmod(0o755)
    run(code, tmp_path)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "state" / "secret_key").stat().st_mode) == 0o600
    (tmp_path / "state" / "of-others").rmdir()
    (tmp_path / "state").chmod(0o1777)  # such as /tmp
    run(code, tmp_path)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o1777


def test_files_of_the_source_are_for_all(tmp_path: Path) -> None:
    code = """
import os, sys
os.umask(0o022)
sys.argv = ["manage.py", "compilemessages"]
from kmeans_project.prepare import prepare
prepare()
print(oct(os.umask(0)))
"""
    assert run(code, tmp_path) == "0o22\n"


def test_a_given_key_is_not_written(tmp_path: Path) -> None:
    run("from kmeans_project.prepare import prepare; prepare()", tmp_path, DJANGO_SECRET_KEY="k")
    assert not files_in(tmp_path / "state")


def test_a_script_answers_with_three_clusters(tmp_path: Path) -> None:
    code = f"""
import django, json
django.setup()
from django.test import Client
answer = Client().post(
    "/api/skl-kmeans", {{"points": {REFERENCE_POINTS}}}, content_type="application/json"
)
print(json.dumps(answer.json()))
"""
    answer = json.loads(run(code, tmp_path, NACOS_SYNC_TIMEOUT_SECONDS="0.1"))
    assert answer == {"results": REFERENCE_LABELS[3]}
    assert not files_in(tmp_path)


def test_preparing_sets_what_is_not_set(tmp_path: Path) -> None:
    code = """
import json, os, sys
from kmeans_project.prepare import prepare, prepare_metrics
before = dict(os.environ)
prepare()
prepare_metrics()
assert "numpy" not in sys.modules and "prometheus_client" not in sys.modules
once = dict(os.environ)
prepare()
prepare_metrics()
assert os.environ == once
print(json.dumps({name: once[name] for name in once if once[name] != before.get(name)}))
"""
    new = json.loads(run(code, tmp_path, OMP_NUM_THREADS="2"))
    folder = Path(new.pop("PROMETHEUS_MULTIPROC_DIR"))
    assert folder.name.startswith("skl-kmeans-metrics-")
    assert not folder.exists(), "the folder was left behind"
    assert new.pop("SERVE_LAUNCH_ID")
    assert new == {
        "OPENBLAS_NUM_THREADS": "1",
        "no_grpc_proxy": "",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
        "OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "/livez,/readyz,/startupz,/statusz,/health,/metrics",
    }
    given = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "SERVE_LAUNCH_ID": "of-the-parent"}
    new = json.loads(run(code, tmp_path, **given))
    assert not given.keys() & new.keys()


def test_a_state_directory_that_cannot_be_written_is_replaced(tmp_path: Path) -> None:
    code = """
import os
from kmeans_project.prepare import prepare
prepare()
from django.conf import settings
assert settings.STATE_DIR_IS_TEMPORARY
assert os.environ["STATE_DIR"] == str(settings.STATE_DIR)
assert (settings.STATE_DIR / "secret_key").read_text() == settings.SECRET_KEY
print(settings.STATE_DIR)
"""
    private = Path(run(code, tmp_path, STATE_DIR="/proc/state", TMPDIR=str(tmp_path)).strip())
    assert private.parent == tmp_path
    assert not files_in(tmp_path), "the private folder was left behind"
