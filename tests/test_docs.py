"""The documents say what is so."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
# Set by the launchers for their own children.
INTERNAL = {
    "SERVE_LIFELINE_FD",
    "SERVE_LAUNCH_ID",
    "STATE_DIR_IS_TEMPORARY",
    "RUN_MAIN",
    "PROMETHEUS_MULTIPROC_DIR",
}


def test_every_setting_is_in_the_table_and_no_other() -> None:
    source = (ROOT / "kmeans_project" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) - INTERNAL
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([A-Z_]{4,})`", row)}
    assert len(read) > 30
    assert read == documented


def test_links_within_the_repository_lead_somewhere() -> None:
    for document in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("examples/*/*.md"),
    ]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(
            r"(?:^|`)make ([\w-]+)", (ROOT / document).read_text(), re.MULTILINE
        ):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_make_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}\t", listed.stdout, re.MULTILINE), target
