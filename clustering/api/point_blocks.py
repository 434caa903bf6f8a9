"""Reads bodies that hold nothing but points, block by block, without an object for each number."""

import re
import time
from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

try:
    import simdjson
except ImportError:
    HAS_SIMDJSON = False
else:
    HAS_SIMDJSON = True

_HEAD = re.compile(rb'[ \t\r\n]{0,999}\{[ \t\r\n]*"points"[ \t\r\n]*:[ \t\r\n]*\[')
_TAIL = re.compile(rb"[ \t\r\n]{0,999}\][ \t\r\n]*\}[ \t\r\n]*")
# A hundred times what a block of 256 KiB needs usually.
_MAX_SECONDS: Final = 0.02
_NUMBERS_AND_SPACES: Final = b"0123456789+-.eE \t\r\n"


def read(body: bytes, block_bytes: int) -> NDArray[np.float64] | None:
    """Return the points of `{"points":[[x, y], …]}`, of shape (n_points, n_dimensions).

    None for all that needs a closer look: other members, anything but numbers, integers beyond 64
    bits, numbers that are slow to read, points of different length, no points, a point larger than
    a block, and what is no JSON.
    None for every body if simdjson is not installed.
    What is beyond KMEANS_MAX_POINTS or KMEANS_MAX_DIMENSIONS comes as zeros, which take no room.

    The interpreter's lock is held for no longer than a block takes, and no more room is needed
    besides the body and the array than for a few blocks.
    """
    if not HAS_SIMDJSON:
        return None
    head = _HEAD.match(body)
    end = body.rfind(b"]", 0, max(0, body.rfind(b"]"))) + 1
    if not head or not _TAIL.fullmatch(body, end):
        return None
    start = head.end()
    end_of_first = body.find(b"]", start)
    if end_of_first - start > block_bytes:
        return None
    n_points = _count_openings(body, start, block_bytes)
    n_dimensions = body.count(b",", start, end_of_first) + 1
    is_within_limits = (
        n_points <= settings.KMEANS_MAX_POINTS and n_dimensions <= settings.KMEANS_MAX_DIMENSIONS
    )
    shape = (n_points, n_dimensions)
    points = np.empty(shape) if is_within_limits else np.broadcast_to(0.0, shape)
    # Not kept for other requests: it is not safe to share between threads, and quickly made.
    parser = simdjson.Parser()
    n_read = 0
    # Each block begins with the comma after the one before, so that this is checked as well.
    opening = b"[[],"
    while start < end:
        stop = body.rfind(b"]", start, min(start + block_bytes, end)) + 1
        text = b"".join((opening, memoryview(body)[start:stop], b"]"))
        block = _parse(parser, text, n_dimensions)
        if block is None:
            return None
        if is_within_limits:
            points[n_read : n_read + len(block)] = block
        n_read += len(block)
        opening = b"[[]"
        start = stop
    return points


def _count_openings(body: bytes, start: int, block_bytes: int) -> int:
    return sum(
        int(np.count_nonzero(np.frombuffer(body[i : i + block_bytes], np.uint8) == ord("[")))
        for i in range(start, len(body), block_bytes)
    )


def _parse(parser: "simdjson.Parser", text: bytes, n_dimensions: int) -> NDArray[np.float64] | None:
    """Return the points of `[[],[x, y], …]`, or None where the text is not that."""
    # simdjson flattens, and knows more than numbers: so that there are only numbers, and where, is
    # seen from what is left without them.
    skeleton = text.translate(None, _NUMBERS_AND_SPACES)
    point = b",[" + b"," * (n_dimensions - 1) + b"]"
    n_points = (len(skeleton) - len(b"[[]]")) // len(point)
    if not n_points or skeleton != b"[[]" + point * n_points + b"]":
        return None
    started = time.thread_time()
    try:
        array = parser.parse(text)
        assert isinstance(array, simdjson.Array)
        numbers = np.frombuffer(array.as_buffer(of_type="d"))
    except (ValueError, RuntimeError):
        return None
    # Numbers of more than 19 digits with an exponent may need 20 µs each.
    if time.thread_time() - started > _MAX_SECONDS:
        return None
    # `[]` and `[1]` leave the same.
    if numbers.size != n_points * n_dimensions:
        return None
    return numbers.reshape(n_points, n_dimensions)
