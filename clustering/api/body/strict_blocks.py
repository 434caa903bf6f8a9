"""Reads any body in parts, with the answers of `strict_json` for the whole."""

import gc
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import Final, NoReturn

import msgspec
from django.utils.translation import gettext_lazy as _

from clustering.api.body import slow_numbers, strict_json
from clustering.api.body.gathered_points import GatheredPoints
from clustering.api.body.json_structure import Block, read_block
from clustering.api.body.place_in_body import Place
from serving.problems import Problem

_Points = list[list[float]] | msgspec.UnsetType


class _Part(msgspec.Struct):
    points: _Points = msgspec.UNSET


_part_decoder = msgspec.json.Decoder(_Part)
_CLOSING: Final = bytes.maketrans(b"[{", b"]}")
_SPACES: Final = b" \t\r\n"
# No decoder goes as deep.
_MAX_DEPTH: Final = 100_000
# `points`, with each character escaped.
_LONGEST_NAME: Final = 36
# `false`
_LITERAL: Final = 5
# With so many in one block, a number is refused: no decoder leaves the lock within a number.
_MANY_DIGITS: Final = 32 * 1024
# More than any request needs.
_MAX_MEMBERS: Final = 10
# A fault shows within a few bytes.
_LOOKAHEAD_BYTES: Final = 64


def read(
    body: bytes,
    block_bytes: int,
    check: Callable[[], None] = lambda: None,
    members: Collection[str] = (),
) -> strict_json.Content:
    """Return the points of a body, of shape (n_points, n_dimensions), and its other members.

    Of many other members, it returns the first ones, and those named in `members`. Their values are
    cut if they are larger than a block, and those of `members` are refused then.

    Raises Problem for the first fault, as `strict_json.decode` and `PointsField` do. `check` is
    called between blocks, and may raise.

    The interpreter's lock is held for no longer than a few blocks take, and no more room is needed
    besides the body and the array than for a few blocks. Only what has no comma is read at once,
    and of that only the ends of strings and spaces that are longer than two blocks.
    """
    reader = _Reader(body, block_bytes, members)
    points = reader.read(check)
    strict_json.check_utf_8(body, block_bytes)
    return strict_json.Content(points.points(), reader.others)


class _Reader:
    """Cuts the body at commas, and makes a document of each part by what is open at its ends."""

    def __init__(self, body: bytes, block_bytes: int, members: Collection[str]) -> None:
        self._body = body
        self._block_bytes = block_bytes
        self._members = members
        self.others: strict_json.Members = {}
        # Where the members of the last part began, and which of them goes on, if it is to be kept.
        self._members_start = 0
        self._cut: str | None = None
        # The part: texts with their place in the body.
        self._texts: list[tuple[bytes, int]] = []
        # What is open at its start: brackets, and the points in one of which they are, if any.
        self._stack = b""
        self._open_points: GatheredPoints | None = None
        # The part ends with a block of a string.
        self._is_in_valid_string = False
        # The last points: a part with all of them, or what has been gathered.
        self._found: bytes | GatheredPoints | None = None

    def read(self, check: Callable[[], None]) -> GatheredPoints:
        start = 0
        block = Block(b"", [], b"", in_string=False, is_part_of_string=False)
        while start < len(self._body):
            if start:
                check()
            block = read_block(self._body, start, self._block_bytes, block.stack, block.in_string)
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
        """Keep the end of a block for the next part; if it is long, only what may show a fault."""
        is_part_of_string = block.is_part_of_string and len(text) > _LONGEST_NAME
        if is_part_of_string:
            try:
                _part_decoder.decode(b'{"":"' + text + b'"}')
            except msgspec.DecodeError:
                self._texts.append((text, start))
                self._fail(start + len(text))
            # The first one stays: it may show the fault of an escape before it.
            if self._is_in_valid_string:
                text = b"#"
        elif not block.in_string and len(text) >= _MANY_DIGITS and text.isdigit():
            self._refuse_long_number(start, text[:1] + block.stack[::-1].translate(_CLOSING))
            text = text[:1]
        elif not block.in_string and len(text) > _LITERAL and not text.strip(_SPACES):
            # The first ones stay: they may show the fault of a literal before them.
            self._texts.append((text[:_LITERAL], start))
            start += len(text) - _LITERAL
            text = text[-_LITERAL:]
        self._is_in_valid_string = is_part_of_string
        self._texts.append((text, start))

    def _refuse_long_number(self, start: int, ending: bytes) -> None:
        """Raise Problem if the part ends within a number of a point; others may have any digits."""
        text = b"".join(text for text, _ in self._texts)
        try:
            points = _decode(self._opening() + text + ending)
        except (msgspec.DecodeError, RecursionError):
            self._fail(start)
        if points is not msgspec.UNSET:
            pointer = f"points[{len(points) - 1}][{len(points[-1]) - 1}]"
            pointer = self._place().pointer_in_body(pointer)
            raise Problem("invalid-points", _("the number has too many digits"), pointer)

    def _take(self, stop: int, stack: bytes) -> None:
        """Take the part up to `stop`, where `stack` is open."""
        text = b"".join(text for text, _ in self._texts)
        if stack and text.rstrip(_SPACES).endswith((b"[", b"{")):
            # A comma follows; without it, the part would be valid.
            self._fail(stop)
        is_slow = slow_numbers.are_in(text)
        closing = stack[::-1].translate(_CLOSING)
        try:
            points = _decode(
                self._opening() + (slow_numbers.replace(text) if is_slow else text) + closing,
                points_required=stop == len(self._body) and not self._found,
            )
        except (msgspec.DecodeError, RecursionError):
            self._fail(stop)
        if points is not msgspec.UNSET:
            if len(self._stack) <= 1 and len(stack) <= 1:
                self._found = self._opening() + text + closing
            else:
                self._gather(points, stack, text if is_slow else None)
        self._name_members(self._opening() + text + closing, stop, stack)
        if len(stack) <= 1:
            self._open_points = None
        self._stack = stack
        self._texts = []

    def _name_members(self, document: bytes, stop: int, stack: bytes) -> None:
        """Keep the members that begin in the part up to `stop`, where `stack` is open."""
        if len(self._stack) <= 1:
            self._members_start = self._texts[0][1]
            self._cut = None
        elif self._cut and len(stack) <= 1:
            # The end of a member that was cut.
            if stop - self._members_start > self._block_bytes:
                raise Problem(
                    "invalid-json", _("the value is too long; leave out spaces"), self._cut
                )
            opening, closing = (b'{"":0', b"}" if stack else b"")
            start = self._members_start
            document = (opening if start else b"") + self._body[start:stop] + closing
        else:
            return
        found = strict_json.members_of(document)
        if self._members_start:
            found.pop("", None)  # of the opening
        last = next(reversed(found), None)
        self._cut = last if len(stack) > 1 and last in self._members else None
        for name, value in found.items():
            if name in self._members or len(self.others) < _MAX_MEMBERS:
                self.others[name] = msgspec.Raw(bytes(value))  # a copy: the document has the points

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

    def _place(self) -> Place:
        return Place(len(self._opening()), self._texts, self._open_points)

    def _fail(self, stop: int) -> NoReturn:
        """Raise Problem with the first fault, which is before `stop`."""
        self._texts.append((self._body[stop : stop + _LOOKAHEAD_BYTES], stop))
        text = b"".join([self._opening(), *(text for text, _ in self._texts)])
        try:
            _decode(text, points_required=not self._found)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._place().problem_of(error, text) from error
        raise AssertionError("this part has no fault")


def _decode(text: bytes, *, points_required: bool = False) -> _Points:
    """Decode a document without garbage collections.

    Up to Python 3.11, each 700 new lists start one, and they take most of the time.
    """
    decoder = strict_json.decoder if points_required else _part_decoder
    is_enabled = gc.isenabled()
    if is_enabled:
        gc.disable()
    try:
        return decoder.decode(text).points
    finally:
        if is_enabled:
            gc.enable()
