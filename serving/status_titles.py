"""The titles of problem documents, in the language of the caller."""

import functools
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext, override
from django.utils.translation import gettext_noop as _

# Python's own phrases differ between its versions.
TITLES: Final = {
    400: _("Bad Request"),
    401: _("Unauthorized"),
    403: _("Forbidden"),
    404: _("Not Found"),
    405: _("Method Not Allowed"),
    406: _("Not Acceptable"),
    408: _("Request Timeout"),
    413: _("Content Too Large"),
    414: _("URI Too Long"),
    415: _("Unsupported Media Type"),
    417: _("Expectation Failed"),
    422: _("Unprocessable Content"),
    429: _("Too Many Requests"),
    431: _("Request Header Fields Too Large"),
    # nginx's status. The caller has left, so only the history and the metrics show it.
    499: _("Client Closed Request"),
    500: _("Internal Server Error"),
    501: _("Not Implemented"),
    503: _("Service Unavailable"),
    505: _("HTTP Version Not Supported"),
}
_BY_PRIMARY_TAG: Final = {code.partition("-")[0]: code for code, _name in settings.LANGUAGES}
# A language range of one of LANGUAGES, and its weight (RFC 9110, 12.5.4), without spaces.
_RANGE = re.compile(
    rf"(?:^|,)(\*|{'|'.join(_BY_PRIMARY_TAG)})(?:-[a-z0-9-]+)?(?:;q=([01](?:\.\d*)?))?(?=,|$)"
)


def language_of(environ: Mapping[str, Any]) -> str:
    """Return the language, one of LANGUAGES, that Accept-Language in this WSGI environ prefers.

    Django's own function gives the same, but is too slow for the event loop of a busy worker.
    """
    return _preferred(environ.get("HTTP_ACCEPT_LANGUAGE", "")[:500])


@functools.lru_cache(100)
def _preferred(accepted: str) -> str:
    ranges = [("*", "0"), *_RANGE.findall(accepted.replace(" ", "").lower())]
    tag, _weight = max(ranges, key=lambda found: float(found[1] or 1))
    return _BY_PRIMARY_TAG.get(tag, settings.LANGUAGE_CODE)


def in_english(status: int) -> str:
    """Return the title of a status in English; raise ValueError for an unknown status."""
    return TITLES.get(status) or HTTPStatus(status).phrase


@functools.cache
def title_of(status: int, language: str) -> str:
    """Return the title of a status in one of LANGUAGES."""
    with override(language):
        return gettext(in_english(status))


def load() -> None:
    """Load the translations, which would be too slow during a request."""
    for language, _name in settings.LANGUAGES:
        for status in TITLES:
            title_of(status, language)
