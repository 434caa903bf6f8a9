"""Finds where a body can be cut, block by block, without an object for each value."""

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

# An escape that is not complete, or a high surrogate without the low one. Where it is used, there
# is no backslash but one that begins an escape.
_OPEN_ESCAPE = re.compile(
    rb"\\(?![/bfnrt]|u[0-9a-f]{4})|\\ud[89ab][0-9a-f]{2}(?!\\u[0-9a-f]{4})", re.IGNORECASE
)
_LONGEST_OPEN_ESCAPE: Final = 11
_TOKENS: Final = bytes(byte if chr(byte) in '[]{},"' else 0 for byte in range(256))
_STEPS: Final = np.array([(chr(byte) in "[{") - (chr(byte) in "]}") for byte in range(256)])

Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]


class Cut(NamedTuple):
    """The place of a comma in a block, and the brackets that are open there, outermost first."""

    place: int
    stack: bytes


class Block(NamedTuple):
    """A block, with its cuts, and the state at its end.

    The cuts are the first and the last comma between members of the body's object, and the last
    comma of all. None of them is within a string.
    """

    text: bytes
    cuts: list[Cut]
    stack: bytes
    in_string: bool
    # Begins and ends within the same string.
    is_part_of_string: bool


def read_block(body: bytes, start: int, size: int, stack: bytes, in_string: bool) -> Block:
    """Return the block from `start`: `size` bytes, or up to 11 less so that no escape is split.

    `stack` and `in_string` are the state at its start. `size` is more than 11. After the
    first fault in the body, what the block says has no meaning.
    """
    text = plain = body[start : start + size]
    if b"\\" in text:
        plain = text.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
        tail = max(0, len(plain) - _LONGEST_OPEN_ESCAPE)
        if start + size < len(body) and (found := _OPEN_ESCAPE.search(plain, tail)):
            text, plain = text[: found.start()], plain[: found.start()]
    tokens = np.frombuffer(plain.translate(_TOKENS), np.uint8)
    places = np.flatnonzero(tokens)
    kinds = tokens[places]
    is_quote = kinds == ord('"')
    n_quotes = int(np.count_nonzero(is_quote))
    if in_string or n_quotes:
        is_outside = ~(is_quote | ((np.cumsum(is_quote) + in_string) % 2 == 1))
        places, kinds = places[is_outside], kinds[is_outside]
    depths = np.cumsum(_STEPS[kinds]) + len(stack)
    return Block(
        text,
        [
            Cut(int(places[i]), _open_brackets(stack, kinds[:i], depths[:i]))
            for i in _choose_commas(kinds, depths)
        ],
        _open_brackets(stack, kinds, depths),
        bool((n_quotes + in_string) % 2),
        in_string and not n_quotes,
    )


def _choose_commas(kinds: Bytes, depths: Indices) -> list[int]:
    commas = np.flatnonzero((kinds == ord(",")) & (depths >= 1))
    between_members = commas[depths[commas] == 1]
    return sorted(
        {*between_members[:1].tolist(), *between_members[-1:].tolist(), *commas[-1:].tolist()}
    )


def _open_brackets(stack: bytes, kinds: Bytes, depths: Indices) -> bytes:
    if not kinds.size:
        return stack
    # The lowest depth from here to the end: a bracket is open if nothing goes below its own.
    lowest = np.minimum.accumulate(depths[::-1])[::-1]
    is_open = (_STEPS[kinds] > 0) & (lowest >= depths)
    return stack[: max(0, int(lowest[0]))] + kinds[is_open].tobytes()
