"""The documents say what is so."""

import inspect
import json
import re
import shlex
import subprocess
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class
from gunicorn import arbiter

from nacos_integration.conf import DEFAULTS, Conf
from nacos_integration.validation import REQUIRED
from tests.support.documents import DOCS, DOCUMENTS, blocks, documented_settings, section
from tests.support.service import ROOT

# Set by the launchers for their own children.
INTERNAL = {
    "SERVE_LIFELINE_FD",
    "SERVE_LAUNCH_ID",
    "STATE_DIR_IS_TEMPORARY",
    "RUN_MAIN",
    "PROMETHEUS_MULTIPROC_DIR",
}


def anchors(document: str) -> set[str]:
    """Return the anchors that a document's headings get."""
    without_code = re.sub(r"^```.*?^```", "", document, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def properties(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return Spring's properties that a YAML file sets, by their full names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= properties(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def manage_commands() -> set[tuple[str, str]]:
    """Return what follows each `manage.py` in the documents, as far as it is a command."""
    return {
        (name, command.split("  ")[0].strip())
        for name, text in DOCUMENTS.items()
        for command in re.findall(r"manage\.py ([a-z_]+[^`\"\n#&;,:|]*)", text)
    }


def test_every_setting_is_in_the_table_and_no_other() -> None:
    sources = [path.read_text() for path in (ROOT / "kmeans_project").glob("*.py")]
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', "".join(sources))) - INTERNAL
    assert len(read) > 30
    assert read == documented_settings()


def test_every_setting_named_anywhere_exists() -> None:
    prefixes = "NACOS|KMEANS|HISTORY|SERVE|DJANGO|HTTP|LOG|STATE|DATABASE|READY"
    # Of the tests and of Nacos' own image, and a file of this project.
    others = {"NACOS_SERVER_JAR", "SERVE_LIFELINE_FD", "NACOS_"}
    for name, text in DOCUMENTS.items():
        if name not in ("CHANGELOG.md", "docs/extending.md"):
            named = set(re.findall(rf"`((?:{prefixes})_[A-Z_]*)\b", text))
            assert named - others <= documented_settings(), name


def test_every_key_of_nacos_integration_is_described() -> None:
    readme = section(DOCUMENTS["nacos_integration/README.md"], "Settings")
    described = set(re.findall(r"`(\w+)`", readme))
    table = {name.removeprefix("NACOS_").lower() for name in documented_settings()}
    table |= {name.removeprefix("service_") for name in table}
    for key in Conf.__dataclass_fields__:
        assert key in described | table, key
    assert set(REQUIRED) <= described
    assert not set(REQUIRED) & set(DEFAULTS)


def test_messages_name_the_variable_of_each_key() -> None:
    variables = settings.NACOS["variables"]
    assert set(variables.values()) <= documented_settings()
    # These come from the project itself, or from its launchers.
    own = {
        "config_handler", "home_page", "launch_id", "lifeline_fd", "reloader_child",
        "state_dir_is_temporary", "variables",
    }  # fmt: skip
    assert set(variables) == set(settings.NACOS) - own


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
    packages = "clustering|kmeans_project|nacos_integration|serving"
    folders = f"{packages}|benchmarks|config|deploy|docs|tests|tools"
    made = {"deploy/.env"}
    for name, text in DOCUMENTS.items():
        for path in set(re.findall(rf"\b(?<!/)((?:{folders})/[\w./*-]*\w)", text)) - made:
            assert list(ROOT.glob(path)), f"{name}: {path}"


def test_the_architecture_says_where_to_edit_what() -> None:
    table = section(DOCUMENTS["docs/architecture.md"], "To change X, edit Y")
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 25
    for row in rows:
        paths = re.findall(r"`([\w*-]*[./][\w./*-]*)`", row)
        assert paths, row
        for path in paths:
            assert list(ROOT.glob(path)), path
        for name, path in re.findall(r"`(\w+)` in `([^`]+)`", row):
            assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{name} in {path}"


def test_the_architecture_shows_every_room() -> None:
    picture = section(DOCUMENTS["docs/architecture.md"], "Packages").split("```")[1]
    for package in ("kmeans_project", "clustering", "serving", "nacos_integration"):
        folders = {path.parent.relative_to(ROOT) for path in (ROOT / package).rglob("*.py")}
        for folder in folders:
            if not {"management", "migrations"} & set(folder.parts):
                assert f"{folder.name}/" in picture, folder


def test_log_texts_in_the_documents_are_those_of_the_code() -> None:
    code = inspect.getsource(arbiter)
    for package in ("clustering", "kmeans_project", "nacos_integration", "serving"):
        code += "".join(path.read_text() for path in (ROOT / package).rglob("*.py"))
    quoted = re.findall(r"`([^`]+)` in (?:the log|`nacos status`)", DOCUMENTS["docs/operating.md"])
    assert len(quoted) >= 9
    for text in quoted:
        assert re.search(re.escape(text).replace("…", r"(%s|\{.+?\})"), code), text


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


def test_the_java_consumer_has_the_documented_settings() -> None:
    (documented,) = (code for name, code in blocks("yaml") if name == "docs/calling.md")
    resources = ROOT / "examples" / "java-consumer" / "src" / "main" / "resources"
    of_consumer = properties(yaml.safe_load((resources / "application.yml").read_text()))
    assert properties(yaml.safe_load(documented)).items() <= of_consumer.items()
    # RestClient has settings of its own.
    assert of_consumer["spring.http.client.connect-timeout"] == "1s"
    assert of_consumer["spring.http.client.read-timeout"] == "30s"


def test_what_extending_shows_is_what_the_tests_run() -> None:
    tested = ROOT / "tests" / "support"
    shown = {code for name, code in blocks("python") if name == "docs/extending.md"}
    files = [tested / "mini_batch" / "endpoint.py", *(tested / "greeter").glob("*.py")]
    assert shown == {path.read_text() for path in files if path.name != "manage.py"}
