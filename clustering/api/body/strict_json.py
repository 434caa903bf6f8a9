"""JSON by msgspec: strict, and with the place of the first fault."""

import codecs
import re
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from serving.problems import Problem

# The other members of a body: their JSON by name.
Members = dict[str, msgspec.Raw]


class Content(NamedTuple):
    """The points of a body, and its other members."""

    points: NDArray[np.float64] | list[list[float]]
    others: Members


class Body(msgspec.Struct):
    """A whole body; other members are passed over."""

    points: list[list[float]]


class _OnlyPoints(msgspec.Struct, forbid_unknown_fields=True):
    points: list[list[float]]


decoder = msgspec.json.Decoder(Body)
_usual_decoder = msgspec.json.Decoder(_OnlyPoints)
_members_decoder = msgspec.json.Decoder(Members)
_MSGSPEC_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?$", re.DOTALL)
_BYTE = re.compile(r"\(byte (\d+)\)$")
# What many programs write for numbers that JSON does not have.
_NOT_FINITE = re.compile(rb"(?<=[\[,:\s])-?(?:NaN|Infinity|nan|inf)(?=[\],}\s])")
# msgspec reads so many bytes of such a number before it refuses it.
_READ_BEFORE: Final = 4
_EXPECTED = re.compile(r"Expected `(?P<expected>.*?)`, got `(?P<found>.*?)`$")
_WORDS: Final = {
    "float": _("a number"),
    "int": _("a number"),
    "str": _("a string"),
    "bool": _("a boolean"),
    "array": _("an array"),
    "object": _("an object"),
    "null": _("null"),
}
_WHOLE: Final = _("a whole number")


def decode(body: bytes) -> Content:
    """Return the content of a body; raise Problem with the place of a fault.

    Holds the interpreter's lock, and makes an object for each number: only for small bodies.
    """
    has_others = False
    try:
        try:
            points = _usual_decoder.decode(body).points
        except (msgspec.ValidationError, UnicodeDecodeError):  # it decodes the name for the error
            points = decoder.decode(body).points
            has_others = True
        if not body.isascii():
            # msgspec does not look into the strings that it passes over.
            body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise problem_of(error, body) from error
    return Content(points, members_of(body) if has_others else {})


def members_of(text: bytes) -> Members:
    """Return all members but the points of an object, JSON without faults.

    Returns none if a name is not UTF-8.
    """
    try:
        members = _members_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    members.pop("points", None)
    return members


def check_utf_8(body: bytes, block_bytes: int) -> None:
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
            raise problem_of(whole, body) from error
        start += n_bytes


def problem_of(
    error: msgspec.DecodeError | UnicodeDecodeError | RecursionError,
    text: bytes,
    in_body: Callable[[int], int] = int,
) -> Problem:
    """Return the problem that an error of decoding `text` is answered with.

    `in_body` returns the place in the body of a place in `text`.
    """
    if isinstance(error, RecursionError):
        return Problem("invalid-json", _("the body is nested too deeply"))
    if not isinstance(error, msgspec.ValidationError):
        if (found := _BYTE.search(str(error))) and (problem := _not_finite(text, int(found[1]))):
            return problem
        what = _BYTE.sub(lambda byte: f"(byte {in_body(int(byte[1]))})", str(error))
        return Problem("invalid-json", format_lazy(_("the body is not JSON: {error}"), error=what))
    what, where = _parts_of(error)
    where = where and where.removeprefix(".")
    if what == "Number out of range":
        detail = _("the number is too large for a 64-bit float")
        return Problem("overflow", detail, pointer=where)
    if "missing required field" in what:
        return Problem("invalid-points", _("is required"), pointer="points")
    return Problem("invalid-points", _in_words(what, where), pointer=where or None)


def problem_of_member(name: str, code: str, error: msgspec.DecodeError) -> Problem:
    """Return the problem of an error of decoding a member, whose JSON is valid."""
    what, where = _parts_of(error)
    return Problem(code, _in_words(what, name), pointer=name + (where or ""))


def _parts_of(error: msgspec.DecodeError) -> tuple[str, str | None]:
    """Return what is wrong, and where."""
    found = _MSGSPEC_ERROR.fullmatch(str(error))
    return (found["what"], found["where"]) if found else (str(error), None)


def _in_words(what: str, where: str | None) -> str | Promise:
    """Return what msgspec found `where` in the body, with JSON's names of types."""
    if "out of range" in what:
        return _("the number is too large")
    if not (types := _EXPECTED.fullmatch(what)):
        return what.replace("`", "")
    if (types["expected"], types["found"]) == ("int", "float"):
        return _("must be a whole number, written without a point or an exponent")
    return format_lazy(
        _("must be {expected}, not {found}")
        if where
        else _("the body must be {expected}, not {found}"),
        expected=_WHOLE if types["expected"] == "int" else _word(types["expected"]),
        found=_word(types["found"]),
    )


def _word(name: str) -> str | Promise:
    return _WORDS.get(name, name)


def _not_finite(text: bytes, place: int) -> Problem | None:
    """Return the problem if the syntax error at this place is a NaN or an infinity."""
    first = max(0, place - _READ_BEFORE)
    matches = (_NOT_FINITE.match(text, start) for start in range(first, place + 1))
    if not (found := next(filter(None, matches), None)):
        return None
    pointer = None
    try:
        decoder.decode(text[: found.start()] + b"true]]}")
    except msgspec.ValidationError as error:  # a boolean among the points
        pointer = (_parts_of(error)[1] or "").removeprefix(".") or None
    except (msgspec.DecodeError, RecursionError):
        pass
    detail = _("{value} is not JSON: numbers must be finite")
    return Problem("invalid-json", format_lazy(detail, value=found[0].decode()), pointer=pointer)
