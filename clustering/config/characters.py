"""Characters in a config text that look like others, such as those of an input method."""

import unicodedata

from django.utils.translation import gettext as _


def name_odd_character(text: str) -> str:
    """Say where the first such character is, outside of comments, and what to use; else ""."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        for before, character in zip(" " + line, line, strict=False):
            if character == "#" and before in " \t":
                break
            if _is_odd(character):
                return _("line %(number)d has %(character)s: %(advice)s") % {
                    "number": number,
                    "character": _name(character),
                    "advice": _advice(character),
                }
    return ""


def ascii_of(text: str) -> str:
    """Return `text` with such characters replaced by those that they look like."""
    return unicodedata.normalize("NFKC", text).strip()


def _is_odd(character: str) -> bool:
    if character.isascii():
        return character == "\t"
    category = unicodedata.category(character)
    return category in ("Zs", "Cf", "Nd") or ascii_of(character).isascii()


def _name(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if character == "\t":
        return _("a tab (%(code)s)") % {"code": code}
    name = unicodedata.name(character, "").lower()
    shown = f"{character} " if character.isprintable() else ""
    return f"{shown}({code} {name})"


def _advice(character: str) -> str:
    category = unicodedata.category(character)
    if character == "\t" or category == "Zs":
        return _("use spaces")
    if category == "Cf":
        return _("remove it")
    replacement = unicodedata.digit(character) if category == "Nd" else ascii_of(character)
    return _("use %(replacement)s") % {"replacement": replacement}
