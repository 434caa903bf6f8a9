"""Shows stored English texts in the language of a page.

A text, such as the outcome of a request, is stored with its values filled in. Here its message is
found again, among those that the catalogues of the installed apps translate, without Django's own.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Final

from django.apps import apps
from django.utils.translation import get_language, gettext, ngettext, override, to_locale

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[a-z]|\{(\w+)\}")
_MAX_CACHED: Final = 1000


@dataclass(frozen=True)
class _Message:
    # The English text, and the singular if that is another one.
    text: str
    singular: str = ""

    @cached_property
    def literals(self) -> list[str]:
        """Return the text around the placeholders."""
        return _PLACEHOLDER.sub("\0", self.text).split("\0")

    def values(self, stored: str) -> dict[str, str] | None:
        """Return the values that were filled in, None if `stored` is not this message."""
        if not all(literal in stored for literal in self.literals):
            return None  # a regular expression would be slower, and most messages end here
        names = [first or second for first, second in _PLACEHOLDER.findall(self.text)]
        pattern = re.escape(self.literals[0])
        for i, (name, literal) in enumerate(zip(names, self.literals[1:], strict=True)):
            group = f"(?P={name})" if name in names[:i] else f"(?P<{name}>.*?)"
            pattern += group + re.escape(literal)
        found = re.fullmatch(pattern, stored, re.DOTALL)
        return found.groupdict() if found else None

    def translated(self) -> str:
        return ngettext(self.singular, self.text, 2) if self.singular else gettext(self.text)


def translated(stored: str) -> str:
    """Return a stored English text in the active language, unchanged if no message is like it.

    Values that are texts of their own are translated too; one word may be a name, and is left.
    """
    return _translated(stored, get_language() or "en")


@lru_cache(_MAX_CACHED)
def _translated(stored: str, language: str) -> str:
    with override(language):
        for message in _messages(language):
            values = message.values(stored)
            if values is not None:
                return _filled_in(message.translated(), values, language)
    return stored


def _filled_in(template: str, values: dict[str, str], language: str) -> str:
    def value(placeholder: re.Match[str]) -> str:
        text = values[placeholder[1] or placeholder[2]]
        return _translated(text, language) if " " in text else text

    return _PLACEHOLDER.sub(value, template)


@cache
def _messages(language: str) -> list[_Message]:
    """Return all messages, the most exact first.

    Those are the ones that do not begin with a value, and have the longest literal text.
    """
    found: set[_Message] = set()
    for app in apps.get_app_configs():
        if app.name.startswith("django."):
            continue  # many messages, none of which is stored
        path = Path(app.path, "locale", to_locale(language), "LC_MESSAGES", "django.mo")
        if path.exists():
            found.update(_messages_of(path.read_bytes()))
    return sorted(
        found, key=lambda message: (not message.literals[0], -sum(map(len, message.literals)))
    )


def _messages_of(catalogue: bytes) -> Iterator[_Message]:
    """Yield the messages of a GNU .mo file; Python's gettext forgets the plurals."""
    count, start = struct.unpack_from("=II", catalogue, 8)
    for i in range(count):
        length, offset = struct.unpack_from("=II", catalogue, start + 8 * i)
        key = catalogue[offset : offset + length].decode()
        if key and "\4" not in key:  # one with a context has no text of a Problem
            singular, _, plural = key.partition("\0")
            yield _Message(singular)
            if plural:
                yield _Message(plural, singular)
