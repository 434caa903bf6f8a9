"""Reads any body in parts, with the answers of `strict_json` for the whole."""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final, NoReturn

import msgspec
import numpy as np
from numpy.typing import NDArray

from clustering.api import slow_numbers, strict_json
from clustering.api.gathered_points import GatheredPoints
from clustering.api.json_structure import Block, read_block


class _Part(msgspec.Struct):
    points: list[list[float]] | msgspec.UnsetType = msgspec.UNSET


_part_decoder = msgspec.json.Decoder(_Part)
_CLOSING: Final = bytes.maketrans(b"[{", b"]}")
_BYTE = re.compile(r"\(byte (\d+)\)$")
_POINT = re.compile(r"points\[(\d+)\](?:\[(\d+)\])?")
_SPACES: Final = b" \t\r\n"
# No decoder goes as deep.
_MAX_DEPTH: Final = 100_000
# `points`, with each character escaped.
_LONGEST_NAME: Final = 36
# `false`
_LITERAL: Final = 5
# A fault shows within a few bytes.
_LOOKAHEAD_BYTES: Final = 64


def read(body: bytes, block_bytes: int) -> NDArray[np.float64]:
    """Return the points of a body, of shape (n_points, n_dimensions).

    Raises Problem for the first fault, as `strict_json.decode` and `PointsField` do.

    The interpreter's lock is held for no longer than a few blocks take, and no more room is needed
    besides the body and the array than for a few blocks. Only what has no comma is read at once,
    and of that only the ends of strings and spaces that are longer than two blocks.
    """
    points = _Reader(body).read(block_bytes)
    _check_utf_8(body, block_bytes)
    return points.points()


class _Reader:
    """Cuts the body at commas, and makes a document of each part by what is open at its ends."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        # The part: texts with their place in the body.
        self._texts: list[tuple[bytes, int]] = []
        # What is open at its start: brackets, and the points in one of which they are, if any.
        self._stack = b""
        self._open_points: GatheredPoints | None = None
        # The last points: a part with all of them, or what has been gathered.
        self._found: bytes | GatheredPoints | None = None

    def read(self, block_bytes: int) -> GatheredPoints:
        start = 0
        block = Block(b"", [], b"", in_string=False, is_part_of_string=False)
        while start < len(self._body):
            block = read_block(self._body, start, block_bytes, block.stack, block.in_string)
            begin = 0
            for place, stack in block.cuts:
                self._texts.append((block.text[begin:place], start + begin))
                self._take(start + place, stack)
                begin = place
            self._keep(block.text[begin:], start + begin, block)
            start += len(block.text)
            if len(block.stack) > _MAX_DEPTH:
                self._fail(start)
        self._take(start, b"")
        if isinstance(self._found, bytes):
            points = strict_json.decoder.decode(self._found).points
            self._found = GatheredPoints()
            self._found.add(list(map(len, points)), chain.from_iterable(points), is_open=False)
        assert self._found
        return self._found

    def _keep(self, text: bytes, start: int, block: Block) -> None:
        """Keep the end of a block for the next part, less of it where that says as much."""
        if block.is_part_of_string and len(text) > _LONGEST_NAME:
            try:
                _part_decoder.decode(b'{"":"' + text + b'"}')
            except msgspec.DecodeError:
                self._texts.append((text, start))
                self._fail(start + len(text))
            text = b"#"
        elif not block.in_string and len(text) > _LITERAL and not text.strip(_SPACES):
            # A literal that breaks off before is reported some bytes later.
            self._texts.append((text[:_LITERAL], start))
            start += len(text) - _LITERAL
            text = text[-_LITERAL:]
        self._texts.append((text, start))

    def _take(self, stop: int, stack: bytes) -> None:
        """Take the part up to `stop`, where `stack` is open."""
        text = b"".join(text for text, _ in self._texts)
        if stack and text.rstrip(_SPACES).endswith((b"[", b"{")):
            # A comma follows; without it, the part would be valid.
            self._fail(stop)
        is_slow = slow_numbers.are_in(text)
        closing = stack[::-1].translate(_CLOSING)
        is_last = stop == len(self._body)
        decoder = strict_json.decoder if is_last and not self._found else _part_decoder
        try:
            points = decoder.decode(
                self._opening() + (slow_numbers.replace(text) if is_slow else text) + closing
            ).points
        except (msgspec.DecodeError, RecursionError):
            self._fail(stop)
        if points is not msgspec.UNSET:
            if len(self._stack) <= 1 and len(stack) <= 1:
                self._found = self._opening() + text + closing
            else:
                self._gather(points, stack, text if is_slow else None)
        if len(stack) <= 1:
            self._open_points = None
        self._stack = stack
        self._texts = []

    def _gather(self, points: list[list[float]], stack: bytes, slow: bytes | None) -> None:
        if not self._open_points:
            self._found = self._open_points = GatheredPoints()
        lengths = list(map(len, points))
        numbers: Iterator[float] = chain.from_iterable(points)
        if len(self._stack) > 1:  # without the zero that the opening has
            next(numbers)
            lengths[0] -= 1
            if self._open_points.open_length is None:
                del lengths[0]
        if slow:
            numbers = iter(slow_numbers.restore(numbers, slow.rpartition(b":")[2]))
        self._open_points.add(lengths, numbers, is_open=stack == b"{[[")

    def _opening(self) -> bytes:
        """Return what makes a document of the part, which begins with a comma except at first."""
        if not self._stack:
            return b""
        if self._open_points:
            return b'{"points":[[0' + (b"]" if self._stack == b"{[" else b"")
        return self._stack.replace(b"{", b'{"":') + b"0"

    def _fail(self, stop: int) -> NoReturn:
        """Raise Problem with the first fault, which is before `stop`."""
        self._texts.append((self._body[stop : stop + _LOOKAHEAD_BYTES], stop))
        decoder = _part_decoder if self._found else strict_json.decoder
        try:
            decoder.decode(self._opening() + b"".join(text for text, _ in self._texts))
        except msgspec.ValidationError as error:
            problem = strict_json.problem_of(error)
            if self._open_points and problem.pointer:
                problem.pointer = _POINT.sub(self._pointer_in_body, problem.pointer)
            raise problem from error
        except msgspec.DecodeError as error:
            message = _BYTE.sub(self._byte_in_body, str(error))
            raise strict_json.problem_of(msgspec.DecodeError(message)) from error
        except RecursionError as error:
            raise strict_json.problem_of(error) from error
        raise AssertionError("this part has no fault")

    def _pointer_in_body(self, found: re.Match[str]) -> str:
        assert self._open_points
        i, j = int(found[1]), found[2]
        open_length = self._open_points.open_length
        # Less the zero that the opening has.
        if open_length is None:
            i -= 1
        elif j and not i:
            j = str(int(j) - 1 + open_length)
        return f"points[{self._open_points.n_points + i}]" + (f"[{j}]" if j else "")

    def _byte_in_body(self, found: re.Match[str]) -> str:
        place = int(found[1]) - len(self._opening())
        for text, start in self._texts:
            in_body = start + place
            if place < len(text):
                break
            place -= len(text)
        return f"(byte {in_body})"


def _check_utf_8(body: bytes, block_bytes: int) -> None:
    """Raise Problem for the first byte that is not UTF-8: msgspec does not look into strings."""
    if body.isascii():
        return
    start = 0
    while start < len(body):
        stop = start + block_bytes
        try:
            _, n_bytes = codecs.utf_8_decode(body[start:stop], "strict", stop >= len(body))
        except UnicodeDecodeError as error:
            place = start + error.start, start + error.end
            whole = UnicodeDecodeError(error.encoding, body, *place, error.reason)
            raise strict_json.problem_of(whole) from error
        start += n_bytes
