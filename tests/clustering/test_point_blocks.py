"""Bodies that are read in blocks get the same answer as from the strict parser."""

import json
import os
import re
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.request import Request

from clustering.api.body import point_blocks
from clustering.api.parsers import PointsParser
from tests.support.json_bodies import (
    Literals,
    factory,
    is_same,
    literals,
    outcome,
    parse_with_json,
    points_text,
    spaces,
    thoroughly,
)
from tests.support.service import PYTHON, ROOT

needs_simdjson = pytest.mark.skipif(
    not point_blocks.HAS_SIMDJSON, reason="without simdjson, nothing is read in blocks"
)


@st.composite
def plain_bodies(draw: st.DrawFn, points: str) -> bytes:
    """Return a body that contains only points, as nearly all callers send it."""
    before, name, colon, end, after = (draw(spaces) for _ in range(5))
    return f'{before}{{{name}"points"{colon}:{colon}{points}{end}}}{after}'.encode()


def is_read_in_blocks(literal: str) -> bool:
    return not re.fullmatch(r"-?\d+", literal) or -(2**63) <= int(literal) < 2**64


@needs_simdjson
@given(st.data(), literals(), st.integers(1, 200))
@thoroughly
def test_a_plain_body_is_read_in_blocks(
    data: st.DataObject, points: Literals, block_bytes: int
) -> None:
    body = data.draw(plain_bodies(points_text(data, points)))
    found = point_blocks.read(body, block_bytes)
    if found is not None:
        assert is_same(found, parse_with_json(body))
    whole = point_blocks.read(body, len(body))
    assert (whole is not None) == all(is_read_in_blocks(each) for point in points for each in point)
    outcome(body)


TOKENS = [
    "[", "]", "{", "}", ",", ":", '"', "[]", ",[", "],", "],[", "[1]", "-", "+", ".", "e", "0", "9",
    ".5", "e1", "1 2", " ", "\n", "\x00", "\x0b", "\u00a0", "\ufeff", "null", "true", '""', "NaN",
    "1e999", '"points"', ',"x":1', "/**/", "18446744073709551616",
]  # fmt: skip


@given(st.data(), literals(), st.integers(0, 2), st.booleans())
@thoroughly
def test_a_body_with_faults_gets_the_same_answer_however_it_is_read(
    data: st.DataObject, points: Literals, deleted: int, flips: bool
) -> None:
    body = bytearray(data.draw(plain_bodies(points_text(data, points))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        if flips:
            body[place] ^= data.draw(st.integers(1, 255))
        else:
            body[place : place + deleted] = data.draw(st.sampled_from(TOKENS)).encode()
    outcome(bytes(body))


LARGE = np.random.default_rng(9).normal(scale=1e3, size=(20_000, 2))
LARGE_BODY = json.dumps({"points": LARGE.tolist()}).encode()


@needs_simdjson
def test_a_large_body_is_read_in_blocks() -> None:
    assert len(LARGE_BODY) > 2 * PointsParser.block_bytes
    assert len(LARGE_BODY) >= PointsParser.blocks_from_bytes
    found = point_blocks.read(LARGE_BODY, PointsParser.block_bytes)
    assert found is not None
    assert is_same(found, LARGE)
    request = factory.post("/api/skl-kmeans", LARGE_BODY, content_type="application/json")
    data: Any = Request(request, parsers=[PointsParser()]).data
    assert isinstance(data["points"], np.ndarray)


@given(st.data(), st.sampled_from(TOKENS))
@settings(thoroughly, max_examples=30)
def test_a_fault_in_a_large_body_gets_the_same_answer_however_it_is_read(
    data: st.DataObject, token: str
) -> None:
    place = data.draw(st.integers(0, len(LARGE_BODY)))
    deleted = data.draw(st.integers(0, 2))
    outcome(LARGE_BODY[:place] + token.encode() + LARGE_BODY[place + deleted :])


def test_a_body_of_spaces_is_left_to_the_other_parser() -> None:
    spaces = b" " * 1000
    for body in (b'{%s"points":[[1]]}', b'{"points":%s[[1]]}', b'{"points":[[1]]%s}'):
        assert point_blocks.read(body % spaces, 4096) is None
        assert is_same(outcome(body % spaces), np.array([[1.0]]))


@needs_simdjson
def test_points_beyond_the_limits_take_no_memory() -> None:
    body = b'{"points":[' + b",".join([b"[1]"] * 200_000) + b"]}"
    for name in ("KMEANS_MAX_POINTS", "KMEANS_MAX_DIMENSIONS"):
        with override_settings(**{name: 0}):
            tracemalloc.start()
            try:
                found = point_blocks.read(body, 4096)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert found is not None
            assert found.shape == (200_000, 1)
            assert peak < 200_000


@needs_simdjson
def test_without_simdjson_the_answers_are_the_same(tmp_path: Path) -> None:
    """Run some of these tests, one of them a skipped one, where simdjson is missing."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['simdjson'] = None\n")
    files = [Path(__file__), Path(__file__).with_name("test_parser.py")]
    names = "valid_body or not_a_number or invalid_json or take_no_memory"
    run = subprocess.run(
        [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", names, *files],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "3 passed, 1 skipped" in run.stdout
