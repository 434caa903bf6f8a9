"""Bodies that are read in parts get the answers of `strict_json`, which decodes the whole."""

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from django.test import override_settings

from clustering.api.body import strict_blocks, strict_json
from clustering.api.serializers import PointsField
from serving.problems import Problem
from tests.support.service import PYTHON, ROOT

Answer = tuple[object, ...]
NUMBERS = [
    "0", "-0", "-0.0", "1", "2", "-3.5", "1e5", "12345678901234567890123e-20", "9" * 25, "1e300",
    "-2.5e-300", "1E+300", "123e305", "0e-999", "1e-400", "1e999", "1.7976931348623159e308",
]  # fmt: skip
CHARACTERS = [
    "a", "\u00e9", "\U0001f600", "\\n", "\\u00e9", "\\\\", '\\"', "\\/", "\\ud83d\\ude00", "[", "]",
    "{", "}", ",", ":", ", 1e300,",
]  # fmt: skip
TOKENS = [
    "[", "]", "{", "}", ",", ":", '"', "\\", "\\u", "\\ud83d", "\\ude00", "-", ".", "e", "0", " ",
    "1e300", "1e999", "nul", "null", "true", "fals", "\x00", "\n", "\xff", '"points":', '"x":1,',
    "],[", "[[", "[1]", "[]", '""', "points", "\x0b1e300,",
]  # fmt: skip


class Bodies:
    """Random bodies, half of them with faults."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self._with_faults(self._body())

    def _space(self) -> str:
        choices = ["", "", "", "", "", "", " ", "\n", " \t\r", " " * self._random.randrange(150)]
        return self._random.choice(choices)

    def _list(self, items: list[str], brackets: str = "[]") -> str:
        spaced = ",".join(self._space() + item + self._space() for item in items)
        return brackets[0] + spaced + brackets[1]

    def _points(self) -> str:
        n_dimensions = self._random.randrange(1, 4)
        sizes = [n_dimensions] * self._random.randrange(7)
        if sizes and self._random.random() < 0.1:
            sizes[-1] = self._random.randrange(5)
        return self._list([self._list(self._random.choices(NUMBERS, k=size)) for size in sizes])

    def _string(self) -> str:
        n_characters = self._random.choice([0, 1, 3, 10, 60, 150])
        return '"' + "".join(self._random.choices(CHARACTERS, k=n_characters)) + '"'

    def _member(self, name: str, value: str) -> str:
        return name + self._space() + ":" + self._space() + value

    def _value(self, depth: int = 0) -> str:
        kind = self._random.random()
        if depth > 3 or kind < 0.3:
            return self._random.choice([*NUMBERS, "true", "false", "null", "[]", "{}"])
        if kind < 0.5:
            return self._string()
        values = [self._value(depth + 1) for _ in range(self._random.randrange(4))]
        if kind < 0.7:
            return self._list(values)
        if kind < 0.9:
            return self._list([self._member(self._string(), each) for each in values], "{}")
        return self._points()

    def _body(self) -> bytes:
        members = [
            self._member(self._string(), self._value())
            for _ in range(self._random.choice([0, 1, 1, 2, 3]))
        ]
        members += [
            self._member(self._random.choice(['"points"', '"p\\u006fints"']), self._points())
            for _ in range(self._random.choice([0, 1, 1, 1, 1, 2]))
        ]
        self._random.shuffle(members)
        return (self._space() + self._list(members, "{}") + self._space()).encode()

    def _with_faults(self, text: bytes) -> bytes:
        body = bytearray(text)
        for _ in range(self._random.choice([0, 0, 0, 1, 1, 2])):
            place = self._random.randrange(len(body) + 1)
            kind = self._random.random()
            if kind < 0.7:
                deleted = self._random.choice([0, 0, 1, 2, 5])
                token = self._random.choice(TOKENS).encode("latin-1")
                body[place : place + deleted] = token
            elif kind < 0.8:
                del body[place:]
            elif kind < 0.9:
                body[place : place + 1] = self._random.randbytes(1)
            else:
                other = self._random.randrange(len(body) + 1)
                body[place:place] = body[other : other + self._random.randrange(20)]
        return bytes(body)


def of_the_whole(body: bytes) -> Answer:
    try:
        points = PointsField().to_internal_value(strict_json.decode(body).points)
    except Problem as problem:
        return problem.code, str(problem.detail), problem.pointer
    return points.shape, points.tobytes()


def in_parts(body: bytes, block_bytes: int) -> Answer:
    try:
        points = strict_blocks.read(body, block_bytes).points
        assert isinstance(points, np.ndarray)
    except Problem as problem:
        return problem.code, str(problem.detail), problem.pointer
    return points.shape, points.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_the_answer_does_not_depend_on_the_blocks(seed: int) -> None:
    kinds = set()
    for body, _ in zip(Bodies(seed), range(500), strict=False):
        expected = of_the_whole(body)
        kinds.add(expected[0] if isinstance(expected[0], str) else "accepted")
        for block_bytes in (12, 17, 40, 100, 1000):
            assert in_parts(body, block_bytes) == expected, (block_bytes, body)
    assert kinds == {"accepted", "invalid-json", "invalid-points", "overflow", "ragged-points"}


@pytest.mark.parametrize("seed", range(2))
def test_the_limits_do_not_depend_on_the_blocks(seed: int) -> None:
    kinds = set()
    with override_settings(KMEANS_MAX_POINTS=3, KMEANS_MAX_DIMENSIONS=2):
        for body, _ in zip(Bodies(seed), range(500), strict=False):
            expected = of_the_whole(body)
            kinds.add(expected[0])
            for block_bytes in (12, 40, 1000):
                assert in_parts(body, block_bytes) == expected, (block_bytes, body)
    assert {"too-many-points", "too-many-dimensions"} <= kinds


@pytest.mark.parametrize(
    ("before", "pointer"),
    [(b"[", "points[0][0]"), (b"[5,", "points[0][1]"), (b"[1,2],[3,4],[5,", "points[2][1]")],
)
def test_a_number_of_a_point_may_not_have_too_many_digits(before: bytes, pointer: str) -> None:
    digits = b"1" * (2 * 65536)
    answer = in_parts(b'{"points":[' + before + b"0." + digits + b"]]}", 65536)
    assert answer == ("invalid-points", "the number has too many digits", pointer)
    integer = b'{"points":[' + before + digits + b"]]}"
    assert in_parts(integer, 65536) == of_the_whole(integer)


def test_a_number_elsewhere_may_have_any_digits() -> None:
    for number in (b"1" * 200_000, b"-0." + b"1" * 200_000, b"0" * 200_000):
        body = b'{"x":[' + number + b'],"points":[[1,2]]}'
        assert in_parts(body, 65536) == of_the_whole(body)


UNITS = {
    "lists": (b'{"x":1,"points":[', b"[],", b"[]]}"),
    "points": (b'{"x":1,"points":[', b"[1,2],", b"[1,2]]}"),
    "wrong-at-the-end": (b'{"points":[', b"[1,2],", b"[true]]}"),
    "one-point": (b'{"points":[[', b"0,", b"true]]}"),
    "slow-numbers": (b'{"points":[[', b"1e300,", b"0]]}"),
    "many-digits": (b'{"points":[', b"[1.23456789012345678901e+250,1],", b"[1,2]]}"),
    "many-members": (b"{", b'"points":[[1e300]],', b'"points":[[1]]}'),
    "lists-elsewhere": (b'{"x":[', b"[],", b'1],"points":[[1]]}'),
    "string": (b'{"x":"', b"\\n", b'","points":[[1]]}'),
    "name": (b'{"', b"\\u0041", b'":1,"points":[[1]]}'),
    "spaces": (b'{"x":', b"\n", b'1,"points":[[1]]}'),
    "digits": (b'{"points":[[0.', b"1", b"]]}"),
    "brackets": (b'{"x":', b"[", b""),
    "after-the-end": (b'{"points":[[1]]}', b",", b""),
}
N_BYTES: Final = 12 * 1024 * 1024


@pytest.mark.parametrize("shape", UNITS)
def test_a_large_body_takes_bounded_memory(shape: str, tmp_path: Path) -> None:
    head, unit, tail = UNITS[shape]
    (tmp_path / "body").write_bytes(head + unit * (N_BYTES // len(unit)) + tail)
    command = [str(PYTHON), "-m", "tests.support.cost_of_parsing", str(tmp_path / "body")]
    cost = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    # As lists, each of these needs more than 20 times its size.
    assert cost["growth"] < 6 * N_BYTES


@pytest.mark.parametrize(
    "body",
    [
        '{"candidates": [2, 3, 4], "points": %s}',
        '{"points": %s, "candidates": [2, 3, 4]}',
        ' { "points" :%s , "a": {"b": [1, {}]}, "candidates" : [2, 3, 4] , "c": null}',
        '{"a": "[,", "b": 1, "candidates": [2, 3, 4], "c": 2, "d": 3, "points": %s}',
    ],
)
def test_other_members_are_found_in_parts(body: str) -> None:
    text = (body % json.dumps([[i, i / 3] for i in range(40)])).encode()
    whole = strict_json.decode(text).others
    assert bytes(whole["candidates"]) == b"[2, 3, 4]"
    for block_bytes in range(40, 200):
        found = strict_blocks.read(text, block_bytes, members=list(whole)).others
        assert found.keys() == whole.keys()
        assert {name: bytes(value) for name, value in found.items()} == {
            name: bytes(value) for name, value in whole.items()
        }


def test_many_other_members_are_not_kept() -> None:
    body = '{"points": [[1]], ' + ",".join(f'"{i}": 0' for i in range(10_000)) + "}"
    assert len(strict_blocks.read(body.encode(), 4096).others) < 20
    for name in ("0", "9999"):
        assert name in strict_blocks.read(body.encode(), 4096, members=[name]).others


def test_the_value_of_a_member_that_is_read_is_whole_or_refused() -> None:
    long = '{"points": [[1]], "candidates": [2, ' + " " * 9000 + "3], %s}"
    for more in ('"a": 1', '"points": [[1]]'):
        body = (long % more).encode()
        with pytest.raises(Problem, match="too long") as raised:
            strict_blocks.read(body, 4096, members=["candidates"])
        assert raised.value.pointer == "candidates"
        assert "candidates" in strict_blocks.read(body, 4096).others
