"""The parser and the field together, as the view uses them, against the standard library's json."""

import json
import re
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from django.test import override_settings
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from clustering.api import point_blocks
from clustering.api.parsers import PointsParser
from clustering.api.serializers import KMeansRequestSerializer
from serving import problems

Problem = dict[str, Any]
Outcome = NDArray[np.float64] | Problem
Literals = list[list[str]]

# The same examples at each run, however busy the machine is.
thoroughly = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
factory = APIRequestFactory()


class StrictParser(PointsParser):
    """Never reads in blocks, and so tells of each fault."""

    blocks_from_bytes = sys.maxsize


class BlocksParser(PointsParser):
    """Tries to read each body in blocks."""

    blocks_from_bytes = 0


class SmallBlocksParser(BlocksParser):
    """Tries to read each body in blocks so small that a short one has several."""

    block_bytes = 40


def outcome(body: bytes) -> Outcome:
    """Return the array that the view would go on with, else the problem document it answers.

    Fails where that depends on the way in which the body is read.
    """
    strict = outcome_by(StrictParser(), body)
    for parser in (PointsParser(), BlocksParser(), SmallBlocksParser()):
        found = outcome_by(parser, body)
        assert is_same(found, strict) if isinstance(strict, np.ndarray) else found == strict
    return strict


def outcome_by(parser: PointsParser, body: bytes) -> Outcome:
    request = factory.post("/api/skl-kmeans", body, content_type="application/json")
    try:
        data = Request(request, parsers=[parser]).data
        serializer = KMeansRequestSerializer(data=data)
        serializer.is_valid(raise_exception=True)
    except APIException as error:  # any other one fails the test
        problem = problems.answer(error, {}).problem
        assert 400 <= problem["status"] < 500
        assert problem["detail"]
        return problem
    points: NDArray[np.float64] = serializer.validated_data["points"]
    return points


def refused(body: bytes) -> tuple[int, str | None]:
    """Return the status and the pointer of the problem that the body gets."""
    problem = outcome(body)
    assert isinstance(problem, dict), "accepted"
    return problem["status"], problem.get("pointer")


def by_the_standard_library(body: bytes) -> NDArray[np.float64]:
    # Only because Python's int() has a limit of digits, which JSON does not have.
    content = json.loads(body, parse_int=lambda digits: 0 if digits == "-0" else float(digits))
    return np.array(content["points"], dtype=np.float64)


def is_same(found: Outcome, expected: NDArray[np.float64]) -> bool:
    """Return whether it is this array, bit for bit."""
    return (
        isinstance(found, np.ndarray)
        and found.dtype == expected.dtype == np.float64
        and found.shape == expected.shape
        and found.tobytes() == expected.tobytes()
    )


spaces = st.text(" \t\r\n", max_size=2)
# Where a sloppy reader goes wrong: beside the middle between two floats, at the ends of the range.
DIFFICULT_NUMBERS = [
    "-0", "-0.0", "0e0", "-0E+5", "0e999999999999", "1e-400", "1e-99999999999999999999", "5e-324",
    "2.4703282292062327e-324", "2.4703282292062328e-324", "2.2250738585072011e-308",
    "9007199254740993", "9007199254740992.99999999999999999999", "18446744073709551616",
    "1.7976931348623158e308", "1" + "0" * 308, "0." + "0" * 400 + "1", "0." + "1" * 1000,
    "1" + "0" * 300 + "e-300",
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
    """Return points of one length, each number as it is written."""
    dimensions = draw(st.integers(min_dimensions, 4))
    point = st.lists(numbers, min_size=dimensions, max_size=dimensions)
    return draw(st.lists(point, min_size=min_points, max_size=6))


@st.composite
def arrays(draw: st.DrawFn, items: list[str]) -> str:
    return "[" + ",".join(draw(spaces) + item + draw(spaces) for item in items) + "]"


@st.composite
def members(draw: st.DrawFn, name: str, value: str, *, escape: bool = True) -> str:
    """Return a member, any character of whose name may be escaped."""
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
    """Return a body with this text for the points, in which all else is right."""
    ignored = st.lists(ignored_members(), max_size=2)
    all_members = [*draw(ignored), draw(members(name, points)), *draw(ignored)]
    inner = ",".join(draw(spaces) + member + draw(spaces) for member in all_members)
    return f"{draw(spaces)}{{{inner}}}{draw(spaces)}".encode()


def points_of(data: st.DataObject, points: Literals) -> str:
    return data.draw(arrays([data.draw(arrays(point)) for point in points]))


def with_points(data: st.DataObject, points: Literals) -> bytes:
    return data.draw(bodies(points_of(data, points)))


def a_place(data: st.DataObject, points: Literals) -> tuple[int, int]:
    return (
        data.draw(st.integers(0, len(points) - 1)),
        data.draw(st.integers(0, len(points[0]) - 1)),
    )


@given(st.data(), literals())
@thoroughly
def test_a_valid_body_is_read_as_the_standard_library_reads_it(
    data: st.DataObject, points: Literals
) -> None:
    body = with_points(data, points)
    assert is_same(outcome(body), by_the_standard_library(body))


@given(st.data(), literals(), literals())
@thoroughly
def test_of_a_name_given_twice_the_last_counts(
    data: st.DataObject, first: Literals, last: Literals
) -> None:
    inner = ",".join(data.draw(members("points", points_of(data, each))) for each in (first, last))
    body = f"{{{inner}}}".encode()
    assert is_same(outcome(body), by_the_standard_library(body))


NO_NUMBERS = [
    "true", "false", "null", '"1"', '""', "[1]", "[]", "[[]]", "{}", '{"a":1}',
    # What comes first counts.
    "nulll", "[1,]", "{a:1}",
]  # fmt: skip
NO_JSON = [
    "NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "+1", "01", "-01", "00", "1.", ".5", "1e",
    "1e+", "-", "--1", "0x1", "1_000", "1f", "1 2", "\u0661", ",", "tru", "True", "None", "'1'",
    "//", "1/**/", "\x00", "\ufeff1", '"\\x"', '"\\ud800"', '"\x01"',
]  # fmt: skip
BEYOND_FLOATS = [
    "1e309", "-1e400", "1.7976931348623159e308", "1" + "0" * 309, "-" + "1" * 5000, "1e9999999999",
]  # fmt: skip


@given(st.data(), literals(), st.sampled_from(NO_NUMBERS))
@thoroughly
def test_what_is_no_number_is_pointed_at(data: st.DataObject, points: Literals, wrong: str) -> None:
    i, j = a_place(data, points)
    points[i][j] = wrong
    assert refused(with_points(data, points)) == (400, f"points[{i}][{j}]")


@given(st.data(), literals(), st.sampled_from(BEYOND_FLOATS))
@thoroughly
def test_a_number_beyond_floats_is_pointed_at(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, j = a_place(data, points)
    points[i][j] = wrong
    assert refused(with_points(data, points)) == (422, f"points[{i}][{j}]")


@given(st.data(), literals(), st.sampled_from(NO_JSON))
@thoroughly
def test_of_what_is_no_json_the_byte_is_told(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, j = a_place(data, points)
    points[i][j] = "@"
    body = with_points(data, points)
    assume(body.count(b"@") == 1)
    place = body.index(b"@")
    problem = outcome(body.replace(b"@", wrong.encode()))
    assert isinstance(problem, dict)
    assert (problem["status"], problem.get("pointer")) == (400, None)
    told = re.search(r"\(byte (\d+)\)", problem["detail"])
    assert told
    # At the latest at the next thing after it: `1.` is wrong only where no digit follows.
    assert place <= int(told[1]) <= place + len(wrong.encode()) + 3


@given(st.data(), literals(), st.sampled_from(["true", "null", '"1"', "{}", "1", "-0.5", '"[1]"']))
@thoroughly
def test_what_is_no_point_is_pointed_at(data: st.DataObject, points: Literals, wrong: str) -> None:
    i, _ = a_place(data, points)
    items = [data.draw(arrays(point)) for point in points]
    items[i] = wrong
    assert refused(data.draw(bodies(data.draw(arrays(items))))) == (400, f"points[{i}]")


@given(st.data(), literals())
@thoroughly
def test_an_empty_point_is_pointed_at(data: st.DataObject, points: Literals) -> None:
    i, _ = a_place(data, points)
    points[i] = []
    assert refused(with_points(data, points)) == (400, f"points[{i}]")


@given(st.data(), literals(min_points=2, min_dimensions=2), st.sampled_from([-1, 1, 3]))
@thoroughly
def test_a_point_of_another_length_is_pointed_at(
    data: st.DataObject, points: Literals, more: int
) -> None:
    i = data.draw(st.integers(1, len(points) - 1))  # the first one tells the length
    points[i] = points[i][:more] if more < 0 else points[i] + ["0"] * more
    assert refused(with_points(data, points)) == (422, f"points[{i}]")


@given(st.data(), st.sampled_from(["null", "true", "0", '"[[1]]"', "{}", "[]", '{"points":[[1]]}']))
@thoroughly
def test_points_that_are_none_are_pointed_at(data: st.DataObject, wrong: str) -> None:
    assert refused(data.draw(bodies(wrong))) == (400, "points")


@given(st.data(), literals(), st.sampled_from(["Points", "point", "points ", "", "p\u00f6ints"]))
@thoroughly
def test_missing_points_are_pointed_at(data: st.DataObject, points: Literals, name: str) -> None:
    assert refused(data.draw(bodies(points_of(data, points), name))) == (400, "points")


@given(values.filter(lambda value: not isinstance(value, dict)), spaces, spaces)
@thoroughly
def test_another_top_level_is_refused(value: Any, before: str, after: str) -> None:
    assert refused((before + json.dumps(value) + after).encode()) == (400, None)


@given(st.data(), literals())
@thoroughly
def test_a_part_of_a_body_is_refused(data: st.DataObject, points: Literals) -> None:
    body = with_points(data, points).rstrip()
    part = body[: data.draw(st.integers(0, len(body) - 1))]
    # Nothing at all is a body that was not sent, and so `points` are missing.
    assert refused(part) == (400, None if part else "points")


@given(st.data(), literals(), st.binary(min_size=1, max_size=4))
@thoroughly
def test_what_follows_a_body_is_refused(data: st.DataObject, points: Literals, more: bytes) -> None:
    assume(more.strip(b" \t\r\n"))
    assert refused(with_points(data, points) + more) == (400, None)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    """A byte order mark too (RFC 8259, section 8.1), though the standard library takes them."""
    body = '{"points": [[1, 2]]}'.encode(encoding)
    assert by_the_standard_library(body).tolist() == [[1, 2]]
    assert refused(body) == (400, None)


@pytest.mark.parametrize(
    "wrong",
    [b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc3", b"\xe2\x82"],
)
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"x": "@", "points": [[1]]}', None),
        (b'{"points": [[1]], "@": 1}', None),
        (b'{"points": [["@"]]}', "points[0][0]"),
    ],
)
def test_what_is_no_utf_8_is_refused_where_it_is_ignored_too(
    body: bytes, pointer: str | None, wrong: bytes
) -> None:
    assert refused(body.replace(b"@", wrong)) == (400, pointer)


def assert_not_laxer_than_the_standard_library(body: bytes) -> None:
    found = outcome(body)
    if isinstance(found, np.ndarray):
        assert is_same(found, by_the_standard_library(body))


@given(
    st.binary(max_size=100) | st.text('{}[]":,points0123456789.eE+-\\u truefalsn\t').map(str.encode)
)
@example(b"[" * 100_000)
@example(b'{"points":' + b"[" * 100_000)
@example(b'{"points":[[1]],"x":' + b"[" * 100_000)
@example(b'{"x":' * 100_000)
@thoroughly
def test_any_bytes_are_read_as_the_standard_library_reads_them_or_refused(body: bytes) -> None:
    assert_not_laxer_than_the_standard_library(body)


@given(st.data(), literals())
@thoroughly
def test_so_is_a_body_with_some_bytes_changed(data: st.DataObject, points: Literals) -> None:
    body = bytearray(with_points(data, points))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        end = place + data.draw(st.sampled_from([0, 1, 1, 5]))
        body[place:end] = data.draw(st.text('{}[]":,09.e-\\u \x00\xff', max_size=2)).encode(
            "latin-1"
        )
        assume(body)
    assert_not_laxer_than_the_standard_library(bytes(body))


@given(st.data(), literals())
@thoroughly
def test_limits_hold_to_the_very_number(data: st.DataObject, points: Literals) -> None:
    body = with_points(data, points)
    n_points, n_dimensions = len(points), len(points[0])
    for name, limit, pointer in (
        ("KMEANS_MAX_POINTS", n_points, "points"),
        ("KMEANS_MAX_DIMENSIONS", n_dimensions, "points[0]"),
        ("KMEANS_MAX_BODY_BYTES", len(body), None),
    ):
        with override_settings(**{name: limit}):
            assert isinstance(outcome(body), np.ndarray)
        with override_settings(**{name: limit - 1}):
            assert refused(body) == (400 if pointer else 413, pointer)


@st.composite
def plain_bodies(draw: st.DrawFn, points: str) -> bytes:
    """Return a body of nothing but points, as nearly all callers send it."""
    before, name, colon, end, after = (draw(spaces) for _ in range(5))
    return f'{before}{{{name}"points"{colon}:{colon}{points}{end}}}{after}'.encode()


def is_read_in_blocks(literal: str) -> bool:
    return not re.fullmatch(r"-?\d+", literal) or -(2**63) <= int(literal) < 2**64


@given(st.data(), literals(), st.integers(1, 200))
@thoroughly
def test_a_plain_body_is_read_in_blocks(
    data: st.DataObject, points: Literals, block_bytes: int
) -> None:
    body = data.draw(plain_bodies(points_of(data, points)))
    found = point_blocks.read(body, block_bytes)
    if found is not None:
        assert is_same(found, by_the_standard_library(body))
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
def test_a_plain_body_with_faults_gets_one_verdict_however_it_is_read(
    data: st.DataObject, points: Literals, deleted: int, flips: bool
) -> None:
    body = bytearray(data.draw(plain_bodies(points_of(data, points))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        if flips:
            body[place] ^= data.draw(st.integers(1, 255))
        else:
            body[place : place + deleted] = data.draw(st.sampled_from(TOKENS)).encode()
    outcome(bytes(body))


LARGE = np.random.default_rng(9).normal(scale=1e3, size=(20_000, 2))
LARGE_BODY = json.dumps({"points": LARGE.tolist()}).encode()


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
def test_a_fault_anywhere_in_a_large_body_gets_one_verdict(data: st.DataObject, token: str) -> None:
    place = data.draw(st.integers(0, len(LARGE_BODY)))
    deleted = data.draw(st.integers(0, 2))
    outcome(LARGE_BODY[:place] + token.encode() + LARGE_BODY[place + deleted :])


def test_points_beyond_the_limits_take_no_room() -> None:
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
