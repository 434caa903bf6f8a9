"""The parser and the field, as the view uses them, compared with the json module."""

import json
import re
from typing import Any

import numpy as np
import pytest
from django.test import override_settings
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support.json_bodies import (
    Literals,
    arrays,
    bodies,
    draw_index,
    is_same,
    literals,
    members,
    outcome,
    parse_with_json,
    points_text,
    refused,
    spaces,
    thoroughly,
    values,
    with_points,
)


@given(st.data(), literals())
@thoroughly
def test_a_valid_body_gives_the_array_of_the_json_module(
    data: st.DataObject, points: Literals
) -> None:
    body = with_points(data, points)
    assert is_same(outcome(body), parse_with_json(body))


@given(st.data(), literals(), literals())
@thoroughly
def test_the_last_of_two_equal_names_counts(
    data: st.DataObject, first: Literals, last: Literals
) -> None:
    inner = ",".join(
        data.draw(members("points", points_text(data, each))) for each in (first, last)
    )
    body = f"{{{inner}}}".encode()
    assert is_same(outcome(body), parse_with_json(body))


NOT_NUMBERS = [
    "true", "false", "null", '"1"', '""', "[1]", "[]", "[[]]", "{}", '{"a":1}',
    # The first fault counts.
    "nulll", "[1,]", "{a:1}",
]  # fmt: skip
NOT_FINITE = ["NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"]
NOT_JSON = [
    "+1", "01", "-01", "00", "1.", ".5", "1e",
    "1e+", "-", "--1", "0x1", "1_000", "1f", "1 2", "\u0661", ",", "tru", "True", "None", "'1'",
    "//", "1/**/", "\x00", "\ufeff1", '"\\x"', '"\\ud800"', '"\x01"',
]  # fmt: skip
BEYOND_FLOATS = [
    "1e309", "-1e400", "1.7976931348623159e308", "1" + "0" * 309, "-" + "1" * 5000, "1e9999999999",
]  # fmt: skip


@given(st.data(), literals(), st.sampled_from(NOT_NUMBERS))
@thoroughly
def test_the_pointer_names_what_is_not_a_number(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, j = draw_index(data, points)
    points[i][j] = wrong
    assert refused(with_points(data, points)) == (400, f"points[{i}][{j}]")


@given(st.data(), literals(), st.sampled_from(BEYOND_FLOATS))
@thoroughly
def test_the_pointer_names_a_number_beyond_floats(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, j = draw_index(data, points)
    points[i][j] = wrong
    assert refused(with_points(data, points)) == (422, f"points[{i}][{j}]")


@given(st.data(), literals(), st.sampled_from(NOT_FINITE))
@thoroughly
def test_the_pointer_names_what_is_not_finite(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, j = draw_index(data, points)
    points[i][j] = wrong
    problem = outcome(with_points(data, points))
    assert isinstance(problem, dict)
    assert (problem["status"], problem.get("pointer")) == (400, f"points[{i}][{j}]")
    assert problem["detail"] == f"{wrong} is not JSON: numbers must be finite"


def test_a_nan_in_another_member_has_no_pointer() -> None:
    for other in ('"x": NaN', '"x": [[NaN]]', '"x": {"points": [[NaN]]}'):
        assert refused(f'{{"points": [[1]], {other}}}'.encode()) == (400, None)


@given(st.data(), literals(), st.sampled_from(NOT_JSON))
@thoroughly
def test_the_byte_of_invalid_json_is_reported(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, j = draw_index(data, points)
    points[i][j] = "@"
    body = with_points(data, points)
    assume(body.count(b"@") == 1)
    place = body.index(b"@")
    problem = outcome(body.replace(b"@", wrong.encode()))
    assert isinstance(problem, dict)
    assert (problem["status"], problem.get("pointer")) == (400, None)
    reported = re.search(r"\(byte (\d+)\)", problem["detail"])
    assert reported
    # At the latest at the next token: `1.` is invalid only because no digit follows.
    assert place <= int(reported[1]) <= place + len(wrong.encode()) + 3


@given(st.data(), literals(), st.sampled_from(["true", "null", '"1"', "{}", "1", "-0.5", '"[1]"']))
@thoroughly
def test_the_pointer_names_what_is_not_a_point(
    data: st.DataObject, points: Literals, wrong: str
) -> None:
    i, _ = draw_index(data, points)
    items = [data.draw(arrays(point)) for point in points]
    items[i] = wrong
    assert refused(data.draw(bodies(data.draw(arrays(items))))) == (400, f"points[{i}]")


@given(st.data(), literals())
@thoroughly
def test_the_pointer_names_an_empty_point(data: st.DataObject, points: Literals) -> None:
    i, _ = draw_index(data, points)
    points[i] = []
    assert refused(with_points(data, points)) == (400, f"points[{i}]")


@given(st.data(), literals(min_points=2, min_dimensions=2), st.sampled_from([-1, 1, 3]))
@thoroughly
def test_the_pointer_names_a_point_of_another_length(
    data: st.DataObject, points: Literals, more: int
) -> None:
    i = data.draw(st.integers(1, len(points) - 1))  # the first one defines the length
    points[i] = points[i][:more] if more < 0 else points[i] + ["0"] * more
    assert refused(with_points(data, points)) == (422, f"points[{i}]")


@given(st.data(), st.sampled_from(["null", "true", "0", '"[[1]]"', "{}", "[]", '{"points":[[1]]}']))
@thoroughly
def test_the_pointer_names_points_that_are_not_a_list(data: st.DataObject, wrong: str) -> None:
    assert refused(data.draw(bodies(wrong))) == (400, "points")


@given(st.data(), literals(), st.sampled_from(["Points", "point", "points ", "", "p\u00f6ints"]))
@thoroughly
def test_the_pointer_names_missing_points(data: st.DataObject, points: Literals, name: str) -> None:
    assert refused(data.draw(bodies(points_text(data, points), name))) == (400, "points")


@given(values.filter(lambda value: not isinstance(value, dict)), spaces, spaces)
@thoroughly
def test_a_body_that_is_not_an_object_is_refused(value: Any, before: str, after: str) -> None:
    assert refused((before + json.dumps(value) + after).encode()) == (400, None)


@given(st.data(), literals())
@thoroughly
def test_a_truncated_body_is_refused(data: st.DataObject, points: Literals) -> None:
    body = with_points(data, points).rstrip()
    part = body[: data.draw(st.integers(0, len(body) - 1))]
    # An empty body has no points.
    assert refused(part) == (400, None if part else "points")


@given(st.data(), literals(), st.binary(min_size=1, max_size=4))
@thoroughly
def test_trailing_bytes_are_refused(data: st.DataObject, points: Literals, more: bytes) -> None:
    assume(more.strip(b" \t\r\n"))
    assert refused(with_points(data, points) + more) == (400, None)


def test_a_byte_order_mark_is_ignored() -> None:
    """As RFC 8259 allows in section 8.1; some programs on Windows send one."""
    found = outcome('{"points": [[1, 2]]}'.encode("utf-8-sig"))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [[1, 2]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_than_utf_8_are_refused(encoding: str) -> None:
    """The json module accepts them."""
    body = '{"points": [[1, 2]]}'.encode(encoding)
    assert parse_with_json(body).tolist() == [[1, 2]]
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
def test_invalid_utf_8_is_refused_even_in_ignored_members(
    body: bytes, pointer: str | None, wrong: bytes
) -> None:
    assert refused(body.replace(b"@", wrong)) == (400, pointer)


def assert_at_least_as_strict_as_json(body: bytes) -> None:
    found = outcome(body)
    if isinstance(found, np.ndarray):
        assert is_same(found, parse_with_json(body))


@given(
    st.binary(max_size=100) | st.text('{}[]":,points0123456789.eE+-\\u truefalsn\t').map(str.encode)
)
@example(b"[" * 100_000)
@example(b'{"points":' + b"[" * 100_000)
@example(b'{"points":[[1]],"x":' + b"[" * 100_000)
@example(b'{"x":' * 100_000)
@thoroughly
def test_any_bytes_are_refused_or_give_the_array_of_the_json_module(body: bytes) -> None:
    assert_at_least_as_strict_as_json(body)


@given(st.data(), literals())
@thoroughly
def test_changed_bytes_are_refused_or_give_the_array_of_the_json_module(
    data: st.DataObject, points: Literals
) -> None:
    body = bytearray(with_points(data, points))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        end = place + data.draw(st.sampled_from([0, 1, 1, 5]))
        body[place:end] = data.draw(st.text('{}[]":,09.e-\\u \x00\xff', max_size=2)).encode(
            "latin-1"
        )
        assume(body)
    assert_at_least_as_strict_as_json(bytes(body))


@given(st.data(), literals())
@thoroughly
def test_limits_are_exact(data: st.DataObject, points: Literals) -> None:
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
