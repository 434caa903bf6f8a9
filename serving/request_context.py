"""The id of a request, its trace, and the address of its caller."""

import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from serving import forwarded

# Callers may choose it, so it must be harmless in a log line, a header and a database column.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The X-Request-ID of a request, its W3C trace id ("" for none), and the client's address."""

    request_id: str
    trace_id: str
    address: str


# Key of the WSGI environ, set by servers that let requests wait: the `time.perf_counter()` when the
# whole request had arrived.
ARRIVED_AT = "serving.arrived_at"

# The caller of the current request, for log lines and problem documents.
current: ContextVar[Caller | None] = ContextVar("caller", default=None)


def identify(environ: Mapping[str, Any]) -> Caller:
    """Return the caller of the request with this WSGI environ.

    A missing or invalid request id is replaced by a new one.
    """
    request_id = environ.get("HTTP_X_REQUEST_ID", "")
    if not _REQUEST_ID.fullmatch(request_id):
        # It must be unique, but not secret. Unlike a UUID, it needs no system call.
        request_id = f"{random.getrandbits(128):032x}"
    traced = _TRACEPARENT.match(environ.get("HTTP_TRACEPARENT", ""))
    return Caller(request_id, traced[1] if traced else "", forwarded.address_of(environ))
