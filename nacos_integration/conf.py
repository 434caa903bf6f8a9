"""Typed settings of this app, from `settings.NACOS`, with what is wrong with them."""

import hashlib
import ipaddress
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from nacos_integration import address


@dataclass(frozen=True)
class Conf:
    """The settings. Durations are in seconds; secrets stay out of the repr."""

    server_addr: tuple[str, ...]
    namespace: str
    group: str
    data_id: str
    username: str
    password: str = field(repr=False)
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    tls_enabled: bool
    tls_ca_file: str
    tls_cert_file: str
    tls_key_file: str
    register_enabled: bool
    service_name: str
    service_ip: str
    service_port: int
    preferred_networks: tuple[str, ...]
    cluster_name: str
    weight: float
    ephemeral: bool
    metadata: dict[str, str]
    beat_interval_seconds: float
    verify_interval_seconds: float
    reread_interval_seconds: float
    sync_timeout_seconds: float
    config_file: str
    config_handler: str
    bind_host: str
    bind_port: int
    state_dir: Path
    launch_id: str

    @property
    def uses_nacos(self) -> bool:
        """Whether a Nacos is configured; else the config comes from `config_file`."""
        return bool(self.server_addr)

    @property
    def source_name(self) -> str:
        """Where the config comes from, as it is written on record."""
        return "nacos" if self.uses_nacos else "file"

    @property
    def config_key(self) -> str:
        """What identifies the config: the last good one of another key is not ours."""
        if not self.uses_nacos:
            return f"file:{Path(self.config_file).absolute()}"
        servers = ",".join(sorted(self.server_addr))
        return f"nacos:{servers}/{self.namespace or 'public'}/{self.group}/{self.data_id}"

    @property
    def instance(self) -> str:
        """The address that identifies this instance: `ip:port`."""
        return f"{self.service_ip or self.bind_host}:{self.service_port}"

    @property
    def applied_path(self) -> Path:
        """The applied config file; its name holds the key, so a change of key starts afresh."""
        key = hashlib.sha256(self.config_key.encode()).hexdigest()[:12]
        return self.state_dir / "applied" / f"{self.service_port}-{key}.json"

    @property
    def agent_dir(self) -> Path:
        """The folder of the agent's lock, status and scratch files."""
        return self.state_dir / "agents" / self.instance.replace(":", "-")


def problems(raw: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (check id, what is wrong, what to do) for each wrong setting."""
    found: list[tuple[str, str, str]] = []

    def add(number: int, message: str, hint: str) -> None:
        found.append((f"nacos_integration.E{number:03}", message, hint))

    for entry in raw["server_addr"]:
        try:
            address.normalise(entry)
        except ValueError as error:
            add(1, f"NACOS_SERVER_ADDR: {error}", "Use host:port, several separated by commas.")
    tls_files = ("tls_ca_file", "tls_cert_file", "tls_key_file")
    if raw["tls_enabled"]:
        for name in tls_files:
            # The SDK opens all three whatever the server asks for.
            if not Path(raw[name] or "/").is_file():
                add(
                    2,
                    f"NACOS_{name.upper()}: {raw[name] or 'not set'}: no such file",
                    "TLS needs a CA certificate, a client certificate and its key.",
                )
    if bool(raw["username"]) != bool(raw["password"]):
        add(3, "NACOS_USERNAME and NACOS_PASSWORD go together", "Set both or neither.")
    if bool(raw["access_key"]) != bool(raw["secret_key"]):
        add(3, "NACOS_ACCESS_KEY and NACOS_SECRET_KEY go together", "Set both or neither.")
    try:
        if raw["service_ip"]:
            ipaddress.IPv4Address(raw["service_ip"])
        for network in raw["preferred_networks"]:
            ipaddress.IPv4Network(network, strict=False)
    except ValueError as error:
        add(
            4,
            f"NACOS_SERVICE_IP or NACOS_PREFERRED_NETWORKS: {error}",
            "Use an IPv4 address such as 10.0.0.5, a network such as 10.0.0.0/16.",
        )
    if not 1 <= raw["service_port"] <= 65535:
        add(5, f"NACOS_SERVICE_PORT: {raw['service_port']} is no port", "Use 1 to 65535.")
    if not 0 <= raw["weight"] <= 10000:
        add(6, f"NACOS_SERVICE_WEIGHT: {raw['weight']}", "Nacos takes 0 to 10000.")
    for name in ("beat_interval", "verify_interval", "reread_interval", "sync_timeout"):
        if not 0.1 <= raw[f"{name}_seconds"] <= 3600:
            add(
                7,
                f"NACOS_{name.upper()}_SECONDS: {raw[f'{name}_seconds']}",
                "Use 0.1 to 3600 seconds.",
            )
    for name in ("service_name", "group", "data_id", "cluster_name"):
        if not raw[name] or "@@" in raw[name] or any(c.isspace() for c in raw[name]):
            add(8, f"NACOS_{name.upper()}: {raw[name]!r}", "No blanks, no @@, not empty.")
    try:
        import_string(raw["config_handler"])
    except ImportError as error:
        add(9, f"config_handler: {error}", "Name a class with a `parse` classmethod.")
    return found


@cache
def load() -> Conf:
    """Return the settings, with server addresses normalised and the service's ip found.

    Raises ImproperlyConfigured that names every wrong setting.
    """
    raw: dict[str, Any] = settings.NACOS
    if found := problems(raw):
        raise ImproperlyConfigured(
            "\n".join(f"{message} ({hint}) [{id}]" for id, message, hint in found)
        )
    values = {f.name: raw[f.name] for f in fields(Conf)}
    values["server_addr"] = tuple(address.normalise(entry) for entry in raw["server_addr"])
    if values["namespace"] == "public":
        # The default namespace has no id in the config centre of a 2.x server.
        values["namespace"] = ""
    values["preferred_networks"] = tuple(raw["preferred_networks"])
    if values["server_addr"] and not values["service_ip"]:
        values["service_ip"] = address.service_ip(
            values["server_addr"][0], values["preferred_networks"]
        )
    return Conf(**values)
