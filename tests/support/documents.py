"""The project's documents, and what is in them."""

import re
from collections.abc import Iterator

from tests.support.service import ROOT

DOCS = ROOT / "docs"
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in [
        *ROOT.glob("*.md"),
        *DOCS.glob("*.md"),
        *ROOT.glob("examples/*/*.md"),
        ROOT / "nacos_integration" / "README.md",
    ]
}
OPERATING = DOCUMENTS["docs/operating.md"]


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
