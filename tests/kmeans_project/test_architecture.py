"""Which room may know which."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacos_integration

ROOT = Path(__file__).parents[2]
FOLDERS = ("clustering", "nacos_integration", "kmeans_project", "serving")
SOURCES = [
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))),
    ROOT / "manage.py",
    ROOT / "gunicorn.conf.py",
]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports(path: Path) -> None:
    found = set(imports(path))
    room = name(path).split("/", maxsplit=1)[0]
    if room == "nacos_integration":
        assert not {i for i in found if i.startswith(("clustering", "kmeans_project"))}
    if room == "clustering":
        others = {i for i in found if i.startswith(("nacos_integration", "kmeans_project"))}
        public = {f"nacos_integration.{name}" for name in nacos_integration.__all__}
        assert others <= public | {"nacos_integration.live_config"}
    if name(path) == "clustering/engine/kmeans.py":
        assert not {i for i in found if i.startswith(("django", "rest_framework"))}
    if not name(path).startswith("nacos_integration/sdk/"):
        assert not {i for i in found if i.startswith("v2")}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_two_modules_know_the_environment(path: Path) -> None:
    """One reads environment variables, and one sets them."""
    code = path.read_text()
    if name(path) == "kmeans_project/environment.py":
        code = code.replace("import environ\n", "").replace("os.environ.items()", "")
    elif name(path) == "kmeans_project/prepare.py":
        code = re.sub(r"os\.environ(\.setdefault\(|\[[^]]+\] = )", "", code)
    elif name(path) == "nacos_integration/launch/serve.py":
        code = code.replace('os.environ | {"SERVE_LIFELINE_FD"', "")  # handed on to a child
    assert not re.search(r"\bos\.environ\b|\bimport environ\b|getenv|putenv", code)


def test_pages_need_no_sdk() -> None:
    """Who serves pages imports them all; the SDK is the agent's alone."""
    code = (
        "import sys, django; django.setup(); "
        "import kmeans_project.urls, kmeans_project.pages.overview; "
        "sys.exit('v2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_who_computes_nothing_needs_no_scikit_learn() -> None:
    """To import it takes commands and the agent longer than all the rest, and 90 MB."""
    code = "import sys, django; django.setup(); sys.exit('sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
