"""Typed settings of this app, from `settings.NACOS`."""

import hashlib
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from nacos_integration import address, validation
from nacos_integration.launch import process
from nacos_integration.state.states import ConfigOrigin

# For keys that `settings.NACOS` omits; `given` derives the defaults of others.
DEFAULTS: Final[dict[str, Any]] = {
    "server_addr": (),
    "context_path": "/nacos",
    "proxy": "",
    "namespace": "",
    "group": "DEFAULT_GROUP",
    "config_namespace": "",
    "config_group": "",
    "discovery_namespace": "",
    "discovery_group": "",
    "username": "",
    "password": "",
    "access_key": "",
    "secret_key": "",
    "tls_enabled": False,
    "tls_ca_file": "",
    "tls_cert_file": "",
    "tls_key_file": "",
    "register_enabled": True,
    "service_ip": "",
    "preferred_networks": (),
    "cluster_name": "DEFAULT",
    "weight": 1.0,
    "ephemeral": True,
    "metadata": {},
    "beat_interval_seconds": 30.0,
    "verify_interval_seconds": 3.0,
    "reread_interval_seconds": 15.0,
    "sync_timeout_seconds": 5.0,
    "ready_requires": (),
    "config_file": "",
    "bind_host": "0.0.0.0",  # noqa: S104 (every address); an IP address without brackets
    "state_dir_is_temporary": False,
    "drain_seconds": 40.0,
    "stop_timeout_seconds": 30.0,
    "lifeline_fd": None,
    "reloader_child": False,
    "home_page": "home page",
    "variables": {},
}


@dataclass(frozen=True)
class Conf:
    """The settings. Durations are in seconds; secrets stay out of the repr."""

    server_addr: tuple[str, ...]
    context_path: str
    proxy: str = field(repr=False)
    namespace: str
    group: str
    config_namespace: str
    config_group: str
    discovery_namespace: str
    discovery_group: str
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
    ready_requires: tuple[str, ...]
    config_file: str
    config_handler: str
    bind_host: str
    bind_port: int
    state_dir: Path
    state_dir_is_temporary: bool
    launch_id: str
    lifeline_fd: int | None
    reloader_child: bool
    drain_seconds: float
    stop_timeout_seconds: float
    home_page: str
    variables: dict[str, str]

    @cached_property
    def names(self) -> dict[str, str]:
        """How messages name each key: `NACOS["server_addr"] (NACOS_SERVER_ADDR)`."""
        return {f.name: validation.setting_name(f.name, self.variables) for f in fields(self)}

    @property
    def uses_nacos(self) -> bool:
        """Whether Nacos is configured; else the config comes from `config_file`."""
        return bool(self.server_addr)

    @property
    def via(self) -> str:
        """What messages add to the address of a server: the proxy, without its password."""
        if not self.proxy:
            return ""
        parts = address.split_proxy(self.proxy)
        return f" through the proxy http://{parts.hostname}:{parts.port}"

    @property
    def namespaces(self) -> dict[str, str]:
        """The ids of the namespaces in use, `public` for the default, and their settings' names."""
        used = {
            "config_namespace": self.config_namespace,
            "discovery_namespace": self.discovery_namespace,
        }
        return {
            value or "public": self.names["namespace" if value == self.namespace else key]
            for key, value in used.items()
        }

    @property
    def config_origin(self) -> ConfigOrigin:
        """Where the config comes from."""
        return ConfigOrigin.NACOS if self.uses_nacos else ConfigOrigin.FILE

    @property
    def config_key(self) -> str:
        """The config's identity: the last good config of another key is not used."""
        if not self.uses_nacos:
            return f"file:{Path(self.config_file).absolute()}"
        servers = ",".join(sorted(self.server_addr))
        namespace = self.config_namespace or "public"
        return f"nacos:{servers}/{namespace}/{self.config_group}/{self.data_id}"

    @cached_property
    def applied_path(self) -> Path:
        """The applied config file, one for each key."""
        key = hashlib.sha256(self.config_key.encode()).hexdigest()[:12]
        return self.state_dir / "applied" / f"{self.service_port}-{key}.json"

    @property
    def agent_dir(self) -> Path:
        """The folder of the agent's lock, status and scratch files.

        It does not depend on the ip, which may change while the instance runs.
        """
        return self.state_dir / "agents" / str(self.service_port)

    @property
    def offline_path(self) -> Path:
        """The file that keeps this instance out of the registry, as an operator wants."""
        return self.agent_dir / "offline.json"


def given() -> dict[str, Any]:
    """Return `settings.NACOS` with the defaults."""
    raw: dict[str, Any] = DEFAULTS | settings.NACOS
    if "state_dir" not in raw:
        raw["state_dir"] = Path(settings.BASE_DIR) / "var"
    raw["launch_id"] = raw.get("launch_id") or process.launch_id
    raw.setdefault("data_id", raw.get("service_name"))
    raw.setdefault("service_port", raw.get("bind_port"))
    return raw


@cache
def load() -> Conf:
    """Return the settings, with normalised server addresses.

    Raises ImproperlyConfigured, which names every wrong setting.
    """
    raw = given()
    if errors := list(validation.find_errors(raw)):
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
    values = {f.name: raw[f.name] for f in fields(Conf)}
    values["server_addr"] = tuple(address.normalise(entry) for entry in raw["server_addr"])
    values["context_path"] = address.normalise_context_path(raw["context_path"])
    for key in ("group", "namespace"):
        for use in ("config", "discovery"):
            values[f"{use}_{key}"] = raw[f"{use}_{key}"] or raw[key]
    for key in ("namespace", "config_namespace", "discovery_namespace"):
        if values[key] == "public":
            # The default namespace has no id in the configuration service of a 2.x server.
            values[key] = ""
    values["preferred_networks"] = tuple(raw["preferred_networks"])
    values["ready_requires"] = tuple(raw["ready_requires"])
    return Conf(**values)
