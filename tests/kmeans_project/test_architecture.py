"""Which room may know which."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacos_integration

ROOT = Path(__file__).parents[2]
# What each package may import of the others. Arrows go downwards only.
MAY_IMPORT = {
    "kmeans_project": {"clustering", "nacos_integration", "serving"},
    "clustering": {"serving", *(f"nacos_integration.{name}" for name in nacos_integration.__all__)},
    "nacos_integration": set(),
    "serving": set(),
}
MODULES_AT_THE_TOP = 16
SOURCES = [
    *(path for folder in MAY_IMPORT for path in sorted((ROOT / folder).rglob("*.py"))),
    ROOT / "manage.py",
    ROOT / "gunicorn.conf.py",
]
# By dotted name, packages by their own.
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCES
    if path.parent != ROOT
}


def imports(path: Path) -> Iterator[str]:
    """Yield what a file imports anywhere, as dotted names: `from a import b` is `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(path: Path) -> set[str]:
    """Return which modules of the four packages a file imports."""
    found = set()
    for imported in imports(path):
        candidates = (imported, imported.rpartition(".")[0])
        found |= {next((name for name in candidates if name in MODULES), "")}
    return found - {""}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_in(imported: str, package: str) -> bool:
    return imported == package or imported.startswith(f"{package}.")


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_go_downwards_only(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        for imported in imports(path):
            if imported.partition(".")[0] in MAY_IMPORT:
                allowed = {package, *MAY_IMPORT[package]}
                assert any(is_in(imported, room) for room in allowed), f"{name(path)}: {imported}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: imported_modules(path) - {module} for module, path in MODULES.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_the_engine_knows_nothing_but_arrays() -> None:
    for path in sorted((ROOT / "clustering" / "engine").glob("*.py")):
        for imported in imports(path):
            assert not imported.startswith(("django", "rest_framework")), name(path)
        for imported in imported_modules(path):
            assert is_in(imported, "clustering.engine"), f"{name(path)}: {imported}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_one_room_imports_the_sdk(path: Path) -> None:
    if path.parent != ROOT / "nacos_integration" / "sdk":
        assert not {imported for imported in imports(path) if is_in(imported, "v2")}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_is_sorted_into_rooms(package: str) -> None:
    modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert len(modules) <= MODULES_AT_THE_TOP, sorted(modules)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_two_modules_know_the_environment(path: Path) -> None:
    """One reads environment variables, and one sets them."""
    code = path.read_text()
    if name(path) == "kmeans_project/environment.py":
        code = code.replace("import environ\n", "").replace("os.environ.items()", "")
    elif name(path) == "kmeans_project/prepare.py":
        code = re.sub(r"os\.environ(\.setdefault\(|\[[^]]+\] = )", "", code)
    elif name(path) == "nacos_integration/launch/gunicorn_process.py":
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
    code = (
        "import sys, django; django.setup(); "
        "from serving.contract import served_models; assert served_models(); "
        "sys.exit('sklearn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
