"""The benchmark runs, and what it writes is well formed; its figures are not looked at."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.support.service import PYTHON, ROOT

SVG = "{http://www.w3.org/2000/svg}"


def test_a_short_run_renews_the_document(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / "performance.md", tmp_path)
    run = subprocess.run(
        [PYTHON, "-m", "benchmarks", "smoke", "--docs", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    text = (tmp_path / "performance.md").read_text()
    tables = [part for part in text.split("\n\n") if "\n| ---" in part]
    assert len(tables) == 7
    for table in tables:
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) == 1, table
    # Whoever took part answered, and rightly.
    assert "\n| wrong responses | none |\n" in text
    compared = [table for table in tables if "| clients | skl-kmeans |" in table]
    assert len(compared) == 2
    for table in compared:
        titles, _, *works = (
            [cell.strip() for cell in line.split("|")]
            for line in table.splitlines()
            if line.startswith("|")
        )
        assert works
        for name in ("skl-kmeans", "parse + fit"):
            assert all(cells[titles.index(name)][:1].isdigit() for cells in works), table
    for path in (tmp_path / "images").glob("*.svg"):
        chart = ET.parse(path).getroot()
        assert chart.tag == f"{SVG}svg"
        assert chart.findtext(f"{SVG}title")
        assert chart.findtext(f"{SVG}desc")
    assert (tmp_path / "images" / "requests-by-points.svg").exists()
