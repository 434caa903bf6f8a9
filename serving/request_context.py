"""The id of a request, its trace, and the address of its caller."""

import ipaddress
import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from serving import conf

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
    return Caller(request_id, traced[1] if traced else "", _address(environ))


def _address(environ: Mapping[str, Any]) -> str:
    """Return the nearest address that is not a trusted proxy.

    Each proxy appends the address of its caller to X-Forwarded-For, so only the entries that
    trusted proxies wrote, at the right end, can be trusted.
    """
    address: str = environ.get("REMOTE_ADDR", "")
    if not conf.load().trusted_proxies.value:
        return address
    hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    while hops and _is_trusted(address):
        hop = hops.pop()
        try:
            address = str(ipaddress.ip_address(hop))
        except ValueError:
            break
    return address


def scheme_of(environ: Mapping[str, Any], default: str) -> str:
    """Return the scheme of the caller's URL, which a trusted proxy reports."""
    forwarded: str = environ.get("HTTP_X_FORWARDED_PROTO", "")
    if forwarded and _is_trusted(environ.get("REMOTE_ADDR", "")):
        return "https" if forwarded.strip().lower() == "https" else "http"
    return default


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in conf.load().trusted_proxies.value)
