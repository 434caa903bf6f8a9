"""Parses a request body, up to a size limit, and more strictly than JSON libraries do."""

import re
from collections.abc import Mapping
from typing import IO, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from clustering.api import limits, point_blocks
from serving.problems import Problem, too_large


class _Body(msgspec.Struct):
    points: list[list[float]]


_decoder = msgspec.json.Decoder(_Body)
_MSGSPEC_ERROR = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?$", re.DOTALL)


class PointsParser(BaseParser):
    """Parses `{"points": [[x, y], …]}`; a bool or a string is not accepted as a number.

    Returns an array or nested lists for the serializer. Raises Problem, whose pointer is the place
    of the first error.
    """

    media_type = "application/json"
    # For smaller bodies, msgspec alone is faster.
    blocks_from_bytes = 1024
    block_bytes = 256 * 1024

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, NDArray[np.float64] | list[list[float]]]:
        assert parser_context, "DRF's views pass one"
        body = self._read(stream, parser_context)
        points: NDArray[np.float64] | list[list[float]] | None = None
        if len(body) >= self.blocks_from_bytes:
            points = point_blocks.read(body, self.block_bytes)
        return {"points": _decode(body) if points is None else points}

    @staticmethod
    def _read(stream: IO[Any], context: Mapping[str, Any]) -> bytes:
        # DRF limits the size only in its own parsers.
        limit = limits.MAX_BODY_BYTES
        meta = context["request"].META
        if (coding := meta.get("HTTP_CONTENT_ENCODING", "identity").lower()) != "identity":
            raise UnsupportedMediaType(coding, f"the content coding {coding} is not accepted")
        announced = meta.get("CONTENT_LENGTH") or "0"
        if announced.isdigit() and int(announced) > limit.value:
            raise too_large(limit)
        body: bytes = stream.read(limit.value + 1)
        if len(body) > limit.value:
            raise too_large(limit)
        return body


def _decode(body: bytes) -> list[list[float]]:
    """Return the points of a body as nested lists; raise Problem with the place of an error."""
    try:
        points = _decoder.decode(body).points
        if not body.isascii():
            # msgspec does not check the encoding of strings that it skips.
            body.decode()
    except msgspec.ValidationError as error:
        raise _problem_of(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("invalid-json", f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise Problem("invalid-json", "the body is nested too deeply") from error
    return points


def _problem_of(error: msgspec.ValidationError) -> Problem:
    found = _MSGSPEC_ERROR.fullmatch(str(error))
    what, where = (found["what"], found["where"]) if found else (str(error), None)
    if what == "Number out of range":
        return Problem("overflow", "the number is too large for a 64-bit float", pointer=where)
    if "missing required field" in what:
        return Problem("invalid-points", "is required", pointer="points")
    return Problem("invalid-points", what.replace("`", ""), pointer=where or None)
