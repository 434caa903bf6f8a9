"""Why a config is rejected, or what is to say about one that is applied, in the active language.

The agent records reasons in English. A page judges the text again for its reader's language.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import override

from nacos_integration import conf

# Of a config text. A larger one is a mistake; Nacos itself takes 100 KiB.
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
    """Return the recorded reason in the active language, in English if it cannot be found again."""
    with override("en"):
        found = next((reason for reason in _reasons(text, key) if reason() == recorded), None)
    return found() if found else recorded


def _reasons(text: str, key: str) -> Iterator[Callable[[], str]]:
    """Yield what may be said of a text, each as a function for the active language."""
    yield partial(of_empty, key)
    yield partial(of_none, key)
    yield partial(_judged, text)


def _judged(text: str) -> str:
    try:
        _value, remarks = import_string(conf.load().config_handler).parse(text)
    except ValueError as error:
        return str(error)
    except Exception:  # noqa: BLE001 (the agent has logged it)
        return ""
    return of_remarks(remarks)
