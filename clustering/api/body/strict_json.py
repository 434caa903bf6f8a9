"""JSON by msgspec: strict, and with the place of the first fault."""

import codecs
import re

import msgspec

from serving.problems import Problem


class Body(msgspec.Struct):
    """A whole body; other members are passed over."""

    points: list[list[float]]


decoder = msgspec.json.Decoder(Body)
_MSGSPEC_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?$", re.DOTALL)


def decode(body: bytes) -> list[list[float]]:
    """Return the points of a body as nested lists; raise Problem with the place of a fault.

    Holds the interpreter's lock, and makes an object for each number: only for small bodies.
    """
    try:
        points = decoder.decode(body).points
        if not body.isascii():
            # msgspec does not look into the strings that it passes over.
            body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise problem_of(error) from error
    return points


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
            raise problem_of(whole) from error
        start += n_bytes


def problem_of(error: msgspec.DecodeError | UnicodeDecodeError | RecursionError) -> Problem:
    """Return the problem that an error of `decode` is answered with."""
    if isinstance(error, RecursionError):
        return Problem("invalid-json", "the body is nested too deeply")
    if not isinstance(error, msgspec.ValidationError):
        return Problem("invalid-json", f"the body is not JSON: {error}")
    found = _MSGSPEC_ERROR.fullmatch(str(error))
    what, where = (found["what"], found["where"]) if found else (str(error), None)
    if what == "Number out of range":
        return Problem("overflow", "the number is too large for a 64-bit float", pointer=where)
    if "missing required field" in what:
        return Problem("invalid-points", "is required", pointer="points")
    return Problem("invalid-points", what.replace("`", ""), pointer=where or None)
