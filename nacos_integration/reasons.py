"""Why a config is rejected, or what is to say about one that is applied, in the active language.

The agent records reasons in English. A page judges the text again for its reader's language.
"""

from typing import Final

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from nacos_integration import conf

# Of a config text.
MAX_BYTES: Final = 64 * 1024


def of_empty(key: str) -> str:
    """Return the reason for a text without anything in it; `key` is where it is."""
    return _("%(key)s is empty") % {"key": key}


def of_none(key: str) -> str:
    """Return the reason if there is no text any more."""
    return _("there is no config at %(key)s") % {"key": key}


def of_size(size: int) -> str:
    """Return the reason for a text of so many bytes."""
    return _("too large: %(size)d bytes, at most %(limit)d") % {"size": size, "limit": MAX_BYTES}


def of_remarks(remarks: list[str]) -> str:
    """Return the remarks of a handler on a text that it accepts."""
    return "; ".join(remarks)


def translated(text: str, recorded: str, key: str) -> str:
    """Return the recorded reason for a text in the active language, or in English if it is gone."""
    if len(text) >= MAX_BYTES:
        return recorded
    if not text.strip():
        for reason in (of_empty, of_none):
            with override("en"):
                is_it = reason(key) == recorded
            if is_it:
                return reason(key)
        return recorded
    try:
        _value, remarks = import_string(conf.load().config_handler).parse(text)
    except ValueError as error:
        return str(error)
    except Exception:  # noqa: BLE001 (the agent has logged it)
        return recorded
    return of_remarks(remarks) or recorded
