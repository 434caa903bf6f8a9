"""Checks what registration and live config need, and says what to do about each problem."""

import email.utils
import ipaddress
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils.module_loading import import_string

from nacos_integration import address, http_client
from nacos_integration.agent import probe
from nacos_integration.agent.own_address import OwnAddress
from nacos_integration.agent.probe import Answer
from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError
from nacos_integration.http_client import Response
from nacos_integration.sdk import http_api
from nacos_integration.sdk.client import NacosClient
from nacos_integration.state.status import is_agent_running
from nacos_integration.state.status import read as read_status

# Servers check the times in tokens and, more strictly, in signatures.
CLOCK_SECONDS = 30.0
# They need no login: the first is of Nacos 3, the second of Nacos 2.
STATE_PATHS = ("/v3/admin/core/state/readiness", "/v1/ns/operator/metrics")


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
    launch_id = read_status().get("launch_id") if is_agent_running() else None
    if ip and conf.register_enabled and launch_id:
        # As the agent: this command does not belong to the launch.
        yield _reachable(replace(conf, launch_id=launch_id), ip)
    yield from _servers(conf)
    # A folder of its own, because a running agent uses another.
    with TemporaryDirectory(prefix="nacos-doctor-") as folder:
        client = NacosClient(conf, Path(folder), ip)
        try:
            yield from _config(conf, client)
            for namespace, setting in conf.namespaces.items():
                yield _namespace(client, namespace, setting)
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
    answer = probe.check(conf, asked)
    if answer in (Answer.READY, Answer.NOT_READY):
        return Finding(True, f"{asked}, where callers are sent, answers")
    if answer is Answer.STRANGER:
        return Finding(
            False,
            f"{asked}, where callers are sent, is {answer.value}",
            f"Stop that program, or change {conf.names['bind_port']}.",
        )
    return Finding(
        False,
        f"{asked}, where callers are sent, is closed: {answer.value}",
        f"Start the service; {conf.names['bind_host']} is {conf.bind_host}, which must include it.",
    )


def _servers(conf: Conf) -> Iterator[Finding]:
    for server in conf.server_addr:
        host, _, port = server.rpartition(":")
        advice = (
            f"Check {conf.names['proxy']}, and what the proxy allows."
            if conf.proxy
            else "Check that Nacos runs there, the address, and the firewall."
        )
        try:
            answer = _state(conf, server)
        except NacosError as error:
            yield Finding(False, str(error), advice)
            continue
        yield _answer(conf, server, answer.status)
        date = _date(answer)
        if date is not None:
            seconds = abs(time.time() - date)
            yield Finding(
                seconds < CLOCK_SECONDS,
                f"the clocks here and on {server} are {seconds:.0f} s apart",
                "" if seconds < CLOCK_SECONDS else "Set both by NTP: tokens and signatures expire.",
            )
        grpc_server = f"{host}:{int(port) + address.GRPC_PORT_OFFSET}"
        problem = http_client.connection_problem(grpc_server, conf.proxy)
        yield Finding(
            problem is None,
            f"{grpc_server} for gRPC{conf.via} is "
            f"{'open' if problem is None else f'closed: {problem}'}",
            "" if problem is None else "Open it too: it is always main port + 1000.",
        )


def _config(conf: Conf, client: NacosClient) -> Iterator[Finding]:
    name = f"the config {conf.config_group}/{conf.data_id}"
    try:
        text = client.get_config()
    except NacosError as error:
        yield Finding(False, f"{name} cannot be read: {error}", "See the message.")
        return
    yield Finding(True, f"Nacos lets {conf.username or 'a client without a user'} read the config")
    if text is None:
        yield Finding(
            None,
            f"{name} does not exist in namespace {conf.config_namespace or 'public'}",
            "The default is in force. Create the config, or check namespace and group.",
        )
        return
    if not text.strip():
        yield Finding(False, f"{name} is empty", "Correct it in Nacos' console.")
        return
    try:
        value, remarks = import_string(conf.config_handler).parse(text)
    except ValueError as error:
        yield Finding(False, f"{name} is rejected: {error}", "Correct it in Nacos' console.")
    else:
        yield Finding(True, f"{name} is accepted: {'; '.join([str(value), *remarks])}")


def _namespace(client: NacosClient, namespace: str, setting: str) -> Finding:
    what = f"the namespace {namespace}"
    if namespace == "public":
        return Finding(True, f"{what} always exists")
    try:
        known = client.list_namespaces()
    except NacosError:
        return Finding(
            None, f"this user has no permission to check {what}", "Check it in Nacos' console."
        )
    if namespace in known:
        return Finding(True, f"{what} exists")
    return Finding(
        False,
        f"{what} does not exist",
        f"{setting} is an id, not a name; there are: {', '.join(filter(None, known))}.",
    )


def _listing(conf: Conf, client: NacosClient, ip: str) -> Finding:
    what = (
        f"{ip}:{conf.service_port} in service {conf.service_name}, group {conf.discovery_group}, "
        f"namespace {conf.discovery_namespace or 'public'}"
    )
    try:
        if client.find_instance():
            return Finding(True, f"the registry lists {what}")
        disabled = client.find_disabled_instance()
    except NacosError as error:
        return Finding(False, f"the registry is unavailable: {error}", "See the message.")
    if disabled:
        return Finding(False, f"{what} is disabled", "Enable it in Nacos' console.")
    return Finding(None, f"the registry does not list {what}", "It does while the service runs.")


def _state(conf: Conf, server: str) -> Response:
    """Ask the server for its state; raise NacosError if it is unreachable."""
    for path in STATE_PATHS:
        answer = http_api.request(conf, server, "GET", path)
        if answer.status != HTTPStatus.NOT_FOUND:
            break
    return answer


def _answer(conf: Conf, server: str, status: int) -> Finding:
    if status == HTTPStatus.NOT_FOUND:
        return Finding(
            False,
            f"{server}{conf.via} answers 404: no Nacos at {conf.context_path or '/'}",
            f"Set {conf.names['context_path']} as the server's contextPath, and check its port.",
        )
    if status in (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Finding(True, f"{server}{conf.via} answers")
    return Finding(False, f"{server}{conf.via} answers {status}", "Check the server's log.")


def _date(answer: Response) -> float | None:
    """Return the server's time in seconds since the epoch, None if it sends none."""
    try:
        return email.utils.parsedate_to_datetime(answer.headers["Date"] or "").timestamp()
    except ValueError:
        return None
