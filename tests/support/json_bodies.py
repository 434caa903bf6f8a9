"""Generates bodies with points for hypothesis, and parses them as the view does."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from clustering.api.body import strict_json
from clustering.api.parsers import PointsParser
from clustering.api.serializers import KMeansRequestSerializer
from serving import problems

Problem = dict[str, Any]
Outcome = NDArray[np.float64] | Problem
Literals = list[list[str]]

# The same examples on each run, and no time limit on a busy machine.
thoroughly = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
factory = APIRequestFactory()


class StrictParser(PointsParser):
    """Never reads in blocks: msgspec decodes the whole, and its answers are the right ones."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        assert parser_context
        body = self._read(stream, parser_context).removeprefix(codecs.BOM_UTF8)
        return strict_json.decode(body)._asdict()


class BlocksParser(PointsParser):
    """Reads every body in blocks, if it can."""

    blocks_from_bytes = 0


class SmallBlocksParser(BlocksParser):
    """Reads every body in small blocks, so that a short body has several."""

    block_bytes = 40
    strict_block_bytes = 16


class StrictBlocksParser(PointsParser):
    """Reads every body in parts: for simdjson, the blocks are too small."""

    blocks_from_bytes = 0
    block_bytes = 1
    strict_block_bytes = 12


def outcome(body: bytes) -> Outcome:
    """Return the array that the view gets, or the problem document that it answers.

    Fails if this depends on how the body is read.
    """
    strict = outcome_by(StrictParser(), body)
    parsers = [PointsParser(), BlocksParser()]
    if len(body) < PointsParser.strict_block_bytes:  # larger ones have several of the usual size
        parsers += [SmallBlocksParser(), StrictBlocksParser()]
    for parser in parsers:
        found = outcome_by(parser, body)
        assert is_same(found, strict) if isinstance(strict, np.ndarray) else found == strict
    return strict


def outcome_by(parser: PointsParser, body: bytes) -> Outcome:
    request = factory.post("/api/skl-kmeans", body, content_type="application/json")
    try:
        data = Request(request, parsers=[parser]).data
        serializer = KMeansRequestSerializer(data=data)
        serializer.is_valid(raise_exception=True)
    except APIException as error:  # any other exception fails the test
        problem = problems.answer(error, {}).problem
        assert 400 <= problem["status"] < 500
        assert problem["detail"]
        return problem
    points: NDArray[np.float64] = serializer.validated_data["points"]
    return points


def refused(body: bytes) -> tuple[int, str | None]:
    """Return the status and the pointer of the body's problem."""
    problem = outcome(body)
    assert isinstance(problem, dict), "accepted"
    return problem["status"], problem.get("pointer")


def parse_with_json(body: bytes) -> NDArray[np.float64]:
    # float, because Python's int() limits the number of digits, and JSON does not.
    content = json.loads(body, parse_int=lambda digits: 0 if digits == "-0" else float(digits))
    return np.array(content["points"], dtype=np.float64)


def is_same(found: Outcome, expected: NDArray[np.float64]) -> bool:
    """Return whether the arrays are equal, bit for bit."""
    return (
        isinstance(found, np.ndarray)
        and found.dtype == expected.dtype == np.float64
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


spaces = st.text(" \t\r\n", max_size=2)
# Difficult to parse exactly: near the middle of two floats, and at the ends of the range.
DIFFICULT_NUMBERS = [
    "-0", "-0.0", "0e0", "-0E+5", "0e999999999999", "1e-400", "1e-99999999999999999999", "5e-324",
    "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308",
    "9007199254740993", "9007199254740992.99999999999999999999", "18446744073709551616",
    "1.7976931348623158e308", "1" + "0" * 308, "0." + "0" * 400 + "1", "0." + "1" * 1000,
    "1" + "0" * 300 + "e-300",
    # Those that are slow.
    "1e300", "-2.5E+301", "1e-300", "-0e-300", "7.25e-310", "12345678901234567890123e-40",
    "1.2345678901234567890123e-250", "-9.8765432109876543210987e+250", "0." + "7" * 400 + "e-300",
]  # fmt: skip
numbers = st.one_of(
    st.integers().map(str),
    st.integers(-(10**300), 10**300).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(
        r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
    ).filter(lambda literal: bool(np.isfinite(float(literal)))),
    st.sampled_from(DIFFICULT_NUMBERS),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def literals(draw: st.DrawFn, min_points: int = 1, min_dimensions: int = 1) -> Literals:
    """Return points of equal length, with each number as text."""
    dimensions = draw(st.integers(min_dimensions, 4))
    point = st.lists(numbers, min_size=dimensions, max_size=dimensions)
    return draw(st.lists(point, min_size=min_points, max_size=6))


@st.composite
def arrays(draw: st.DrawFn, items: list[str]) -> str:
    return "[" + ",".join(draw(spaces) + item + draw(spaces) for item in items) + "]"


@st.composite
def members(draw: st.DrawFn, name: str, value: str, *, escape: bool = True) -> str:
    """Return a member of an object; any character of its name may be escaped."""
    escaped = "".join(
        f"\\u{ord(each):04x}" if escape and draw(st.booleans()) else each for each in name
    )
    return f'"{escaped}"{draw(spaces)}:{draw(spaces)}{value}'


@st.composite
def ignored_members(draw: st.DrawFn) -> str:
    name = draw(st.text(max_size=8).filter(lambda name: name != "points"))
    ascii_only = draw(st.booleans())
    value = json.dumps(draw(values), ensure_ascii=ascii_only)
    return draw(members(json.dumps(name, ensure_ascii=ascii_only)[1:-1], value, escape=False))


@st.composite
def bodies(draw: st.DrawFn, points: str, name: str = "points") -> bytes:
    """Return a valid body except for this text of the points."""
    ignored = st.lists(ignored_members(), max_size=2)
    all_members = [*draw(ignored), draw(members(name, points)), *draw(ignored)]
    inner = ",".join(draw(spaces) + member + draw(spaces) for member in all_members)
    return f"{draw(spaces)}{{{inner}}}{draw(spaces)}".encode()


def points_text(data: st.DataObject, points: Literals) -> str:
    return data.draw(arrays([data.draw(arrays(point)) for point in points]))


def with_points(data: st.DataObject, points: Literals) -> bytes:
    return data.draw(bodies(points_text(data, points)))


def draw_index(data: st.DataObject, points: Literals) -> tuple[int, int]:
    return (
        data.draw(st.integers(0, len(points) - 1)),
        data.draw(st.integers(0, len(points[0]) - 1)),
    )
