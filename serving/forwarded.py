"""What trusted proxies report: the address of the caller, and the URL that the caller uses.

`X-Forwarded-…` fields come before `Forwarded` (RFC 7239): a proxy that sets only the former passes
on what callers send as the latter.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from serving import conf

_SCHEME_FIELDS: Final = (
    "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SCHEME",
    "HTTP_X_FORWARDED_SSL", "HTTP_FRONT_END_HTTPS",
)  # fmt: skip
_MEANS_HTTPS: Final = frozenset({"https", "wss", "ssl", "on"})
# A comma, or a parameter of `Forwarded` and its value.
_PARAMETER: Final = re.compile(r'(,)|(\w+)=("[^"]*"|[^",;\s]*)')
# No empty segment: `//name` would be another host.
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


def address_of(environ: Mapping[str, Any]) -> str:
    """Return the nearest address that is not a trusted proxy.

    Each proxy appends the address of its caller, so only the entries that trusted proxies wrote, at
    the right end, can be trusted.
    """
    address: str = environ.get("REMOTE_ADDR", "")
    if listed := environ.get("HTTP_X_FORWARDED_FOR", ""):
        hops = listed.split(",")
    else:
        hops = [element.get("for", "") for element in _elements(environ)]
    while hops and _is_trusted(address):
        try:
            address = str(_parse(hops.pop()))
        except ValueError:
            break
    return address


def apply(environ: dict[str, Any]) -> None:
    """Set scheme, Host and SCRIPT_NAME to those of the caller's URL, as a trusted proxy reports it.

    Of a list, the first value counts: the proxy nearest to the caller wrote it. A caller that
    forges it only gets wrong links itself.
    """
    if not _is_trusted(environ.get("REMOTE_ADDR", "")):
        return
    forwarded = _elements(environ)[0]
    if scheme := _first(environ, *_SCHEME_FIELDS) or forwarded.get("proto"):
        environ["wsgi.url_scheme"] = "https" if scheme.lower() in _MEANS_HTTPS else "http"
    if host := _first(environ, "HTTP_X_FORWARDED_HOST") or forwarded.get("host"):
        environ["HTTP_HOST"] = host
    host, port = environ.get("HTTP_HOST", ""), _first(environ, "HTTP_X_FORWARDED_PORT")
    if host and not re.search(r":\d*$", host) and port.isdigit() and port not in ("80", "443"):
        environ["HTTP_HOST"] = f"{host}:{port}"
    # Each proxy appends what it has removed from the path.
    parts = environ.get("HTTP_X_FORWARDED_PREFIX", "").split(",")
    prefix = "".join(f"/{part.strip().strip('/')}" for part in parts if part.strip(" /"))
    if _PREFIX.fullmatch(prefix):
        environ["SCRIPT_NAME"] = prefix


def _elements(environ: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the parameters of each element of `Forwarded`."""
    elements: list[dict[str, str]] = [{}]
    for comma, name, value in _PARAMETER.findall(environ.get("HTTP_FORWARDED", "")):
        if comma:
            elements.append({})
        else:
            elements[-1][name.lower()] = value.strip('"')
    return elements


def _first(environ: Mapping[str, Any], *fields: str) -> str:
    values = (environ.get(field, "").partition(",")[0].strip() for field in fields)
    return next(filter(None, values), "")


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address that may have a port, and brackets then; raise ValueError."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: str) -> bool:
    networks = conf.load().trusted_proxies.value
    if not networks:
        return False
    try:
        parsed = _parse(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
