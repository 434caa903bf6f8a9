"""Addresses of the servers, and the address at which others reach this instance."""

import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Sequence

import psutil

DEFAULT_PORT = 8848
# The gRPC port is the main port plus this, a constant of Nacos.
GRPC_PORT_OFFSET = 1000


def normalise(server_addr: str) -> str:
    """Return `host:port` for an address that may have a scheme, a path, or no port.

    Raises ValueError for an address that the SDK cannot use.
    """
    text = re.sub(r"^https?://", "", server_addr.strip())
    text = re.sub(r"/(nacos/?)?$", "", text)
    match = re.fullmatch(r"(?P<host>[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?", text)
    if not match:
        raise ValueError(f"{server_addr!r} is not host:port (IPv6 is not supported)")
    port = int(match["port"] or DEFAULT_PORT)
    if not 1 <= port <= 65535 - GRPC_PORT_OFFSET:
        raise ValueError(f"{server_addr!r}: gRPC needs port + 1000, so at most 64535")
    if "http" in match["host"]:
        # The SDK looks for "http" anywhere in an address to find a scheme.
        raise ValueError(f"{server_addr!r}: a host name with `http` in it; use its ip instead")
    return f"{match['host']}:{port}"


def normalise_context_path(path: str) -> str:
    """Return the path before those of Nacos' HTTP API: "" for `/`, else without a / at its end.

    Raises ValueError.
    """
    path = path.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9._~/-]*", path):
        raise ValueError(f"{path!r} is not a path such as /nacos")
    return f"/{path}" if path else ""


def split_proxy(url: str) -> urllib.parse.SplitResult:
    """Return the parts of a forward proxy's URL.

    Raises ValueError, without the URL, which may have a password.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        is_right = parts.scheme == "http" and parts.hostname and parts.port and not parts.query
    except ValueError:
        is_right = False
    if not is_right or parts.path not in ("", "/") or any(map(str.isspace, url)):
        raise ValueError("not http://host:port, nor http://user:password@host:port")
    return parts


def service_ip(
    given: str, servers: Sequence[str], preferred_networks: Sequence[str], current: str = ""
) -> tuple[str, bool]:
    """Return the IPv4 address of this host to register, empty while it has none.

    It is what is `given`, else from a preferred network, else the source address of the route to a
    server. Without a route, `current` stays while this host has it. Loopback is an address only
    for a server that is on loopback too. The second value is whether the address is certain: a
    name that resolves, or a route, may show another one later.
    """
    routes = [_source_address(server) for server in servers]
    is_local = any(ip and ipaddress.IPv4Address(ip).is_loopback for ip in routes)
    if given:
        is_usable = is_local or not ipaddress.IPv4Address(given).is_loopback
        return (given, True) if is_usable else ("", False)
    own = own_addresses()
    for network in preferred_networks:
        for ip in own:
            if ipaddress.IPv4Address(ip) in ipaddress.IPv4Network(network, strict=False):
                return ip, True
    for routed in routes:
        if routed and not ipaddress.IPv4Address(routed).is_loopback:
            return routed, True
    # All servers are on this host, or there is no route or no address of a name yet.
    is_certain = None not in routes
    if own:
        return (current if current in own else own[0]), is_certain
    return ("127.0.0.1" if is_local else ""), is_certain


def _source_address(server: str) -> str | None:
    host, _, port = server.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, int(port)))  # UDP: finds the route, sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


def own_addresses() -> list[str]:
    """Return the host's IPv4 addresses that are not loopback, interfaces that are up first."""
    stats = psutil.net_if_stats()
    found = [
        (not stats[name].isup if name in stats else True, entry.address)
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if entry.family == socket.AF_INET and not ipaddress.IPv4Address(entry.address).is_loopback
    ]
    return [ip for _, ip in sorted(found, key=lambda item: item[0])]


def is_own(ip: str) -> bool:
    """Return whether this host has the IPv4 address."""
    return ipaddress.IPv4Address(ip).is_loopback or ip in own_addresses()


def with_port(host: str, port: int) -> str:
    """Return `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
