"""The translation catalogues are complete, and the compiled ones are up to date."""

import gettext
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import PYTHON, ROOT

APPS = ("clustering", "kmeans_project", "nacos_integration", "serving")
CATALOGUE = Path("locale", "zh_Hans", "LC_MESSAGES", "django.po")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")
RENEW = "run `make messages`, translate what is empty or fuzzy, and run it again"


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the apps after `make messages`."""
    assert shutil.which("xgettext"), "xgettext is missing: apt-get install gettext"
    folder = tmp_path_factory.mktemp("renewed")
    for app in APPS:
        shutil.copytree(ROOT / app, folder / app, ignore=shutil.ignore_patterns("__pycache__"))
    commands = re.findall(r"manage\.py (\w+messages .*)", (ROOT / "Makefile").read_text())
    assert len(commands) == 2
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    del environment["DJANGO_SETTINGS_MODULE"]
    for command in commands:
        subprocess.run(
            [PYTHON, "-m", "django", *shlex.split(command)], cwd=folder, env=environment, check=True
        )
    return folder


def translations(catalogue: Path) -> dict[str, str]:
    """Return the translations in a compiled catalogue by their msgids."""
    with catalogue.with_suffix(".mo").open("rb") as file:
        compiled: Any = gettext.GNUTranslations(file)
    # A text that has a plural is there as (singular, number of the form).
    by_key = {key: text for key, text in compiled._catalog.items() if key}
    return {key[0] if isinstance(key, tuple) else key: text for key, text in by_key.items()}


@pytest.mark.parametrize("app", APPS)
def test_the_catalogue_has_exactly_the_texts_of_the_source(app: str, renewed: Path) -> None:
    def entries(folder: Path) -> str:
        return re.sub(r'"POT-Creation-Date: .*\n', "", (folder / app / CATALOGUE).read_text())

    assert entries(ROOT) == entries(renewed), RENEW


@pytest.mark.parametrize("app", APPS)
def test_every_text_is_translated(app: str) -> None:
    catalogue = ROOT / app / CATALOGUE
    for which in ("--untranslated", "--only-fuzzy", "--only-obsolete"):
        found = subprocess.run(
            ["msgattrib", which, catalogue], capture_output=True, text=True, check=True
        )
        assert not found.stdout, RENEW


@pytest.mark.parametrize("app", APPS)
def test_the_compiled_catalogue_is_up_to_date(app: str, renewed: Path) -> None:
    compiled = translations(ROOT / app / CATALOGUE)
    assert compiled == translations(renewed / app / CATALOGUE), RENEW
    for original, translated in compiled.items():
        placeholders = sorted(PLACEHOLDER.findall(original))
        assert placeholders == sorted(PLACEHOLDER.findall(translated)), original


def test_a_text_has_the_same_translation_in_all_catalogues() -> None:
    """Django merges the catalogues, so one of two translations would never be shown."""
    merged: dict[str, str] = {}
    for app in APPS:
        for original, translated in translations(ROOT / app / CATALOGUE).items():
            assert merged.setdefault(original, translated) == translated, original
