"""Checks what registration and live config need, and says what to do about each problem."""

import email.utils
import ipaddress
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils.module_loading import import_string

from nacos_integration import address, http_client
from nacos_integration.agent import probe
from nacos_integration.agent.own_address import OwnAddress
from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError
from nacos_integration.sdk.client import NacosClient
from nacos_integration.state.status import is_agent_running

TIMEOUT_SECONDS = 3.0
ANSWER_MAX_BYTES = 64 * 1024
# Servers check the times in tokens and, more strictly, in signatures.
CLOCK_SECONDS = 30.0
NAMESPACE_PATHS = ("/nacos/v3/admin/core/namespace/list", "/nacos/v1/console/namespaces")


@dataclass(frozen=True)
class Finding:
    """The result of one check: `ok` is None if it could not be made."""

    ok: bool | None
    what: str
    advice: str = ""


def examine(conf: Conf) -> Iterator[Finding]:
    """Yield a finding for each check, the basic ones first."""
    if not conf.uses_nacos:
        yield Finding(None, "Nacos is not configured", f"Set {conf.names['server_addr']}.")
        return
    ip = OwnAddress(conf).ip
    yield _own_ip(conf, ip)
    if ip and conf.register_enabled and is_agent_running():
        yield _reachable(conf, ip)
    yield from _servers(conf)
    # A folder of its own, because a running agent uses another.
    with TemporaryDirectory(prefix="nacos-doctor-") as folder:
        client = NacosClient(conf, Path(folder), ip)
        try:
            yield from _config(conf, client)
            yield _namespace(conf, client)
            if conf.register_enabled:
                yield _listing(conf, client, ip)
        finally:
            client.close()


def _own_ip(conf: Conf, ip: str) -> Finding:
    what = f"the registered ip {ip}"
    if not ip:
        return Finding(False, "there is no ip to register", OwnAddress(conf).problem())
    if ipaddress.IPv4Address(ip).is_loopback:
        return Finding(
            False,
            f"{what} is loopback: callers on other hosts would call themselves",
            f"Set {conf.names['service_ip']}, or {conf.names['preferred_networks']}.",
        )
    if address.is_own(ip):
        return Finding(True, f"{what} is an address of this host")
    return Finding(
        False,
        f"{what} is not an address of this host",
        f"Right only behind address translation; else unset or correct {conf.names['service_ip']}. "
        f"This host has: {', '.join(address.own_addresses()) or 'none'}.",
    )


def _reachable(conf: Conf, ip: str) -> Finding:
    asked = probe.address_to_ask(conf, ip)
    host, _, port = asked.rpartition(":")
    problem = address.connection_problem(host.strip("[]"), int(port))
    if problem is None:
        return Finding(True, f"{asked}, where callers are sent, is open")
    return Finding(
        False,
        f"{asked}, where callers are sent, is closed: {problem}",
        f"Start the service; {conf.names['bind_host']} is {conf.bind_host}, which must include it.",
    )


def _servers(conf: Conf) -> Iterator[Finding]:
    for server in conf.server_addr:
        host, _, port = server.rpartition(":")
        try:
            date = _clock(conf, server)
        except OSError as error:
            yield Finding(
                False,
                f"{server} is unreachable: {error}",
                "Check that Nacos runs there, the address, and the firewall.",
            )
            continue
        yield Finding(True, f"{server} answers")
        if date is not None:
            seconds = abs(time.time() - date)
            yield Finding(
                seconds < CLOCK_SECONDS,
                f"the clocks here and on {server} are {seconds:.0f} s apart",
                "" if seconds < CLOCK_SECONDS else "Set both by NTP: tokens and signatures expire.",
            )
        grpc_port = int(port) + address.GRPC_PORT_OFFSET
        problem = address.connection_problem(host, grpc_port)
        yield Finding(
            problem is None,
            f"{host}:{grpc_port} for gRPC is {'open' if problem is None else f'closed: {problem}'}",
            "" if problem is None else "Open it too: it is always main port + 1000.",
        )


def _config(conf: Conf, client: NacosClient) -> Iterator[Finding]:
    name = f"the config {conf.group}/{conf.data_id}"
    try:
        text = client.get_config()
    except NacosError as error:
        yield Finding(False, f"{name} cannot be read: {error}", "See the message.")
        return
    yield Finding(True, f"Nacos lets {conf.username or 'a client without a user'} read the config")
    if text is None or not text.strip():
        yield Finding(
            None,
            f"{name} does not exist in namespace {conf.namespace or 'public'}",
            "The default is in force. Create the config, or check namespace and group.",
        )
        return
    try:
        value, remarks = import_string(conf.config_handler).parse(text)
    except ValueError as error:
        yield Finding(False, f"{name} is rejected: {error}", "Correct it in Nacos' console.")
    else:
        yield Finding(True, f"{name} is accepted: {'; '.join([str(value), *remarks])}")


def _namespace(conf: Conf, client: NacosClient) -> Finding:
    what = f"the namespace {conf.namespace or 'public'}"
    if not conf.namespace:
        return Finding(True, f"{what} always exists")
    for path in NAMESPACE_PATHS:
        try:
            body = client.get_http(path, {})
        except NacosError:
            continue
        known = [entry["namespace"] for entry in json.loads(body)["data"]]
        if conf.namespace in known:
            return Finding(True, f"{what} exists")
        return Finding(
            False,
            f"{what} does not exist",
            f"{conf.names['namespace']} is an id, not a name; there are: "
            f"{', '.join(filter(None, known))}.",
        )
    return Finding(
        None, f"this user has no permission to check {what}", "Check it in Nacos' console."
    )


def _listing(conf: Conf, client: NacosClient, ip: str) -> Finding:
    what = f"{ip}:{conf.service_port} in service {conf.service_name}"
    try:
        if client.find_instance():
            return Finding(True, f"the registry lists {what}")
        disabled = client.find_disabled_instance()
    except NacosError as error:
        return Finding(False, f"the registry is unavailable: {error}", "See the message.")
    if disabled:
        return Finding(False, f"{what} is disabled", "Enable it in Nacos' console.")
    return Finding(None, f"the registry does not list {what}", "It does while the service runs.")


def _clock(conf: Conf, server: str) -> float | None:
    """Return the server's time in seconds since the epoch, None if it sends none."""
    tls = None
    if conf.tls_enabled:
        tls = ssl.create_default_context(cafile=conf.tls_ca_file)
        tls.load_cert_chain(conf.tls_cert_file, conf.tls_key_file)
    try:
        answer = http_client.get(
            server, "/nacos/", seconds=TIMEOUT_SECONDS, max_bytes=ANSWER_MAX_BYTES, tls=tls
        )
        return email.utils.parsedate_to_datetime(answer.headers["Date"] or "").timestamp()
    except ValueError:
        return None
