"""Parses bodies with nothing but points, block by block, without an object for each number."""

import re
import time
from collections.abc import Callable
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

# No more spaces: `re` holds the GIL, and the parser for any JSON reads the rest.
_SPACE: Final = rb"[ \t\r\n]{0,999}"
_HEAD = re.compile(_SPACE.join((b"", rb"\{", b'"points"', b":", rb"\[")))
_TAIL = re.compile(_SPACE.join((b"", rb"\]", rb"\}", b"")))
# A hundred times what a block of 256 KiB needs usually.
_MAX_SECONDS: Final = 0.02
_NUMBERS_AND_SPACES: Final = b"0123456789+-.eE \t\r\n"


def read(
    body: bytes, block_bytes: int, check: Callable[[], None] = lambda: None
) -> NDArray[np.float64] | None:
    """Return the points of `{"points":[[x, y], …]}`, of shape (n_points, n_dimensions).

    Returns None if the parser for any JSON must decide: invalid JSON, other members, values that
    are not numbers, integers beyond 64 bits, numbers that are slow to read, points of different
    length, no points, or a point larger than a block. Always returns None if simdjson is not
    installed. If there are more points than KMEANS_MAX_POINTS or KMEANS_MAX_DIMENSIONS allow, the
    array has the right shape, but zeros that take no memory. `check` is called between blocks, and
    may raise.

    Holds the GIL for one block at a time, and needs memory for a few blocks besides the body and
    the array.
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
    # Not reused for other requests: it is not thread-safe, and cheap to make.
    parser = simdjson.Parser()
    n_read = 0
    # Each block begins with the comma that ends the one before, so the comma is checked too.
    opening = b"[[],"
    while start < end:
        if n_read:
            check()
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
    """Return the points of `[[],[x, y], …]`, or None if the text is anything else."""
    # simdjson flattens nested arrays, and accepts other values than numbers. So the structure is
    # checked in the characters that remain without numbers and spaces.
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
    # `[]` and `[1]` have the same structure.
    if numbers.size != n_points * n_dimensions:
        return None
    return numbers.reshape(n_points, n_dimensions)
