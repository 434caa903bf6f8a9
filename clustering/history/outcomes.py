"""Outcomes of requests, which the history has in English, in the language of a page."""

import re
from typing import Final

from serving import stored_texts

# As `recording` writes it: perhaps a place in the body, and what is wrong there.
_OUTCOME: Final = re.compile(r"([a-z]+(?:\[\d+\])*: )?(.*)", re.DOTALL)


def translated(outcome: str) -> str:
    """Return an outcome in the active language."""
    found = _OUTCOME.fullmatch(outcome)
    assert found  # it matches any text
    return (found[1] or "") + stored_texts.translated(found[2])
