"""The documents say what is so."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from nacos_integration.checks import REQUIRED
from nacos_integration.conf import DEFAULTS, Conf
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import PYTHON, ROOT, Service, running

DOCS = ROOT / "docs"
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("examples/*/*.md")]
}
OPERATING = DOCUMENTS["docs/operating.md"]
# Set by the launchers for their own children.
INTERNAL = {
    "SERVE_LIFELINE_FD",
    "SERVE_LAUNCH_ID",
    "STATE_DIR_IS_TEMPORARY",
    "RUN_MAIN",
    "PROMETHEUS_MULTIPROC_DIR",
}


def section(document: str, heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def first_cells(table: str) -> str:
    return "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))


def documented_settings() -> set[str]:
    return set(re.findall(r"`([A-Z_]{4,})`", first_cells(section(OPERATING, "Settings"))))


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Yield each block of code in a language, with its document."""
    for name, text in DOCUMENTS.items():
        for code in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield name, code


def anchors(document: str) -> set[str]:
    """Return the anchors that a document's headings get."""
    without_code = re.sub(r"^```.*?^```", "", document, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def manage_commands() -> set[tuple[str, str]]:
    """Return what follows each `manage.py` in the documents, as far as it is a command."""
    return {
        (name, command.split("  ")[0].strip())
        for name, text in DOCUMENTS.items()
        for command in re.findall(r"manage\.py ([a-z_]+[^`\n#&;,:|]*)", text)
    }


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("live"), {"WORKERS": "1"}) as service:
        yield service


def test_every_setting_is_in_the_table_and_no_other() -> None:
    source = (ROOT / "kmeans_project" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) - INTERNAL
    assert len(read) > 30
    assert read == documented_settings()


def test_every_setting_named_anywhere_exists() -> None:
    prefixes = "NACOS|KMEANS|HISTORY|SERVE|DJANGO|HTTP|LOG|STATE|DATABASE|READY"
    # Of the tests and of Nacos' own image, and a file of this project.
    others = {"NACOS_SERVER_JAR", "NACOS_LAUNCH", "SERVE_LIFELINE_FD", "NACOS_"}
    for name, text in DOCUMENTS.items():
        if name not in ("CHANGELOG.md", "docs/extending.md"):
            named = set(re.findall(rf"`((?:{prefixes})_[A-Z_]*)\b", text))
            assert named - others <= documented_settings(), name


def test_every_key_of_nacos_integration_is_described() -> None:
    described = set(re.findall(r"`(\w+)`", section(
        DOCUMENTS["docs/extending.md"], "`nacos_integration` in another Django project"
    )))  # fmt: skip
    table = {name.removeprefix("NACOS_").lower() for name in documented_settings()}
    table |= {name.removeprefix("service_") for name in table}
    for key in Conf.__dataclass_fields__:
        assert key in described | table, key
    assert set(REQUIRED) <= described
    assert not set(REQUIRED) & set(DEFAULTS)


def test_links_within_the_repository_lead_somewhere() -> None:
    for name, text in DOCUMENTS.items():
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
            path = (ROOT / name).parent / target if target else ROOT / name
            assert path.exists(), f"{name}: {target}"
            if anchor:
                assert anchor in anchors(path.read_text()), f"{name}: {target}#{anchor}"


def test_every_page_is_in_the_index() -> None:
    for path in DOCS.glob("*.md"):
        assert path.name == "README.md" or f"({path.name})" in DOCUMENTS["docs/README.md"]


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name, text in DOCUMENTS.items():
        for target in re.findall(r"(?:^|`)make ([\w-]+)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name}: {target}"


def test_make_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}\t", listed.stdout, re.MULTILINE), target


def test_every_management_command_named_exists_with_its_options() -> None:
    found = manage_commands()
    assert ("docs/reliability.md", "nacos offline --this-launch") in found
    for document, command in found:
        name, *arguments = shlex.split(command)
        assert name in get_commands(), f"{document}: {command}"
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        if arguments:
            try:
                parser.parse_args(arguments)
            except SystemExit:
                pytest.fail(f"{document}: {command}")


def test_every_file_named_exists() -> None:
    folders = "clustering|config|deploy|docs|kmeans_project|nacos_integration|tests|tools"
    made = {"deploy/.env"}
    for name, text in DOCUMENTS.items():
        for path in set(re.findall(rf"\b(?<!/)((?:{folders})/[\w./*-]*\w)", text)) - made:
            assert list(ROOT.glob(path)), f"{name}: {path}"


def test_code_in_the_documents_is_code() -> None:
    for name, code in blocks("python"):
        compile(code, name, "exec")
    for _, code in blocks("yaml"):
        yaml.safe_load(code)
    for _, code in blocks("json"):
        json.loads(code)
    for name, code in blocks("sh"):
        checked = subprocess.run(["bash", "-n", "-c", code], capture_output=True, check=False)
        assert checked.returncode == 0, f"{name}: {checked.stderr.decode()}"


def test_what_extending_shows_is_what_the_tests_run() -> None:
    tested = ROOT / "tests" / "support"
    shown = {code for name, code in blocks("python") if name == "docs/extending.md"}
    files = [tested / "mini_batch" / "endpoint.py", *(tested / "greeter").glob("*.py")]
    assert shown == {path.read_text() for path in files if path.name != "manage.py"}


@pytest.mark.parametrize("code", [code for _, code in blocks("sh") if "curl" in code])
def test_curl_examples_run(code: str, live: Service) -> None:
    code = code.replace("localhost:9999", f"localhost:{live.port}")
    run = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(run.stdout)) == {"results"}


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
    run = subprocess.run([program, file], capture_output=True, text=True, check=True)
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
