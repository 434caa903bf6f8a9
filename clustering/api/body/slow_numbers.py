"""Numbers for which msgspec needs up to a thousand times as long as for others.

Beyond the range of its fast path, it computes with up to 800 digits: 20 µs for `1e300`. Python
needs 1 µs, and both round correctly.
"""

import re
from collections.abc import Iterable
from math import isfinite
from typing import Final

# One for each letter: a pattern that begins with one letter is found much faster.
_SLOW: Final = [
    re.compile(rb"%b(?:[+-]?\d{3}|(?<=[\d.]{20}[eE])[+-]?\d\d)" % letter) for letter in (b"e", b"E")
]
_NUMBER: Final = re.compile(rb"(?<=[\[,\s])-?(?:0|[1-9]\d*+)(?:\.\d++)?[eE][+-]?\d++(?=[\],\s])")
_NO_NUMBER: Final = bytes(ord(" ") if chr(byte) in "[]{}," else byte for byte in range(256))


def are_in(text: bytes) -> bool:
    """Return whether the text has numbers that are slow."""
    small, large = _SLOW
    return bool((b"e" in text and small.search(text)) or (b"E" in text and large.search(text)))


def replace(text: bytes) -> bytes:
    """Return the text with zeros for numbers with an exponent; it is valid JSON as before.

    Numbers beyond the range of floats stay.
    """
    return _NUMBER.sub(lambda found: b"0" if isfinite(float(found[0])) else found[0], text)


def restore(numbers: Iterable[float], text: bytes) -> list[float]:
    """Return the numbers of the text, arrays of numbers; `numbers` are those after `replace`."""
    literals = text.translate(_NO_NUMBER).split()
    return [
        float(literal) if b"e" in literal or b"E" in literal else number
        for number, literal in zip(numbers, literals, strict=True)
    ]
