"""System checks of this app's settings."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from nacos_integration import address

REQUIRED: Final = ("service_name", "bind_port", "config_handler", "state_dir", "launch_id")


@register("nacos", "serving")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report every wrong setting in `settings.NACOS`."""
    from nacos_integration import conf  # which imports this module

    return list(find_errors(conf.given()))


def find_errors(raw: dict[str, Any]) -> Iterator[Error]:
    """Yield an error, with what to do, for each wrong setting in `raw`."""
    if missing := [name for name in REQUIRED if raw.get(name) is None]:
        yield _error(11, f"settings.NACOS lacks {', '.join(missing)}", "See docs/extending.md.")
        return
    if not raw["server_addr"] and not raw["config_file"]:
        yield _error(11, "settings.NACOS lacks server_addr and config_file", "Give one of them.")
    yield from _connection_errors(raw)
    yield from _instance_errors(raw)
    for name in ("beat_interval", "verify_interval", "reread_interval", "sync_timeout"):
        seconds = raw[f"{name}_seconds"]
        if not 0.1 <= seconds <= 3600:
            yield _error(7, f"NACOS_{name.upper()}_SECONDS: {seconds}", "Use 0.1 to 3600 seconds.")
    for name in ("service_name", "group", "data_id", "cluster_name"):
        value = raw[name]
        if not value or "@@" in value or any(character.isspace() for character in value):
            yield _error(8, f"NACOS_{name.upper()}: {value!r}", "No blanks, no @@, not empty.")
    for name in raw["ready_requires"]:
        if name not in ("nacos", "database"):
            yield _error(10, f"READY_REQUIRES: {name!r}", "Name nacos, database, or both.")
    try:
        import_string(raw["config_handler"])
    except ImportError as error:
        yield _error(9, f"config_handler: {error}", "Name a class with a `parse` classmethod.")


def _connection_errors(raw: dict[str, Any]) -> Iterator[Error]:
    for entry in raw["server_addr"]:
        try:
            address.normalise(entry)
        except ValueError as error:
            yield _error(
                1, f"NACOS_SERVER_ADDR: {error}", "Use host:port, several separated by commas."
            )
    for name in ("tls_ca_file", "tls_cert_file", "tls_key_file"):
        # The SDK opens all three, whatever the server asks for.
        if raw["tls_enabled"] and not Path(raw[name] or "/").is_file():
            yield _error(
                2,
                f"NACOS_{name.upper()}: {raw[name] or 'not set'}: no such file",
                "TLS needs a CA certificate, a client certificate and its key.",
            )
    for one, other in (("username", "password"), ("access_key", "secret_key")):
        if bool(raw[one]) != bool(raw[other]):
            yield _error(
                3, f"NACOS_{one.upper()} and NACOS_{other.upper()} go together", "Set both or none."
            )


def _instance_errors(raw: dict[str, Any]) -> Iterator[Error]:
    try:
        ipaddress.IPv4Address(raw["service_ip"] or "0.0.0.0")  # noqa: S104 (not given is fine)
    except ValueError as error:
        yield _error(4, f"NACOS_SERVICE_IP: {error}", "Use an IPv4 address such as 10.0.0.5.")
    for network in raw["preferred_networks"]:
        try:
            ipaddress.IPv4Network(network, strict=False)
        except ValueError as error:
            yield _error(
                4,
                f"NACOS_PREFERRED_NETWORKS: {network}: {error}",
                "Use IPv4 networks such as 10.0.0.0/16, separated by commas.",
            )
    if not 1 <= raw["service_port"] <= 65535:
        yield _error(5, f"NACOS_SERVICE_PORT: {raw['service_port']} is no port", "Use 1 to 65535.")
    if not 0 <= raw["weight"] <= 10000:
        yield _error(6, f"NACOS_SERVICE_WEIGHT: {raw['weight']}", "Nacos takes 0 to 10000.")


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"nacos_integration.E{number:03}")
