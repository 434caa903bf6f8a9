"""What is wrong in `settings.NACOS`, and what to do about it."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.core import checks
from django.core.checks import Error
from django.utils.module_loading import import_string

from nacos_integration import address

INTERVALS: Final = (
    "beat_interval_seconds",
    "verify_interval_seconds",
    "reread_interval_seconds",
    "sync_timeout_seconds",
)
_UNQUOTED: Final = r"([^\s'\"`](.*[^\s'\"`])?)?"
_ID_HINT: Final = "Use letters, digits, and any of `_.:-`."
# What Nacos accepts; of names that it accepts as they are, what is likely meant.
NAMES: Final = {
    "namespace": (r"[\w.:-]*", _ID_HINT),
    "group": (r"[\w.:-]+", _ID_HINT),
    "config_namespace": (r"[\w.:-]*", _ID_HINT),
    "config_group": (r"[\w.:-]*", _ID_HINT),
    "discovery_namespace": (r"[\w.:-]*", _ID_HINT),
    "discovery_group": (r"[\w.:-]*", _ID_HINT),
    "data_id": (r"[\w.:-]+", _ID_HINT),
    "cluster_name": (r"[0-9A-Za-z-]+", "Use letters, digits and -."),
    "service_name": (r"(?!.*@@)[^\s'\"`]+", "No blanks, no quotes, no @@, not empty."),
    "username": (_UNQUOTED, "No blanks or quotes around it."),
}
SECRETS: Final = ("password", "access_key", "secret_key")
QUOTES: Final = "`docker run --env-file` keeps quotes, and blanks at the end of a line."
# Of a label; java.net.URI takes no other host, and wants a letter first in the last label.
_LABEL: Final = r"[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?"
_HOST: Final = rf"({_LABEL}\.)*(?=[A-Za-z]){_LABEL}"
REQUIRED: Final = ("service_name", "bind_port", "config_handler")


def setting_name(key: str, variables: Mapping[str, str]) -> str:
    """Return how messages name a key of NACOS, with the environment variable if there is one."""
    return f'NACOS["{key}"]' + (f" ({variables[key]})" if key in variables else "")


def find_errors(raw: dict[str, Any]) -> Iterator[Error]:
    """Yield an error, with what to do, for each wrong setting in `raw`, defaults included."""
    name = partial(setting_name, variables=raw["variables"])
    if missing := [key for key in REQUIRED if raw.get(key) is None]:
        for key in missing:
            yield _error(11, f"{name(key)} is required", "See nacos_integration/README.md.")
        return
    if not raw["server_addr"] and not raw["config_file"]:
        yield _error(
            11, f"{name('server_addr')} or {name('config_file')} is required", "Set one of them."
        )
    yield from _connection_errors(raw, name)
    yield from _instance_errors(raw, name)
    for key in INTERVALS:
        if not 0.1 <= raw[key] <= 3600:
            yield _error(7, f"{name(key)}: {raw[key]}", "Use 0.1 to 3600 seconds.")
    for key, (form, hint) in NAMES.items():
        if not re.fullmatch(form, raw[key]):
            yield _error(8, f"{name(key)}: {raw[key]!r}", f"{hint} {QUOTES}")
    for value in raw["ready_requires"]:
        if value not in ("nacos", "database"):
            yield _error(
                10, f"{name('ready_requires')}: {value!r}", "Use nacos, database, or both."
            )
    try:
        import_string(raw["config_handler"])
    except ImportError as error:
        yield _error(
            9, f"{name('config_handler')}: {error}", "Name a class with a `parse` classmethod."
        )


def find_warnings(raw: dict[str, Any]) -> Iterator[checks.Warning]:
    """Yield a warning, with what to do, for each setting in `raw` that is likely a mistake."""
    name = partial(setting_name, variables=raw["variables"])
    service_name = raw.get("service_name") or ""
    if raw["register_enabled"] and not re.fullmatch(_HOST, service_name):
        yield checks.Warning(
            f"{name('service_name')}: {service_name!r} is not a host name",
            hint="Java callers cannot use it in a URI: use letters, digits and -.",
            id="nacos_integration.W001",
        )
    for key in SECRETS:
        if re.search(r"^['\"`\s]|['\"`\s]$", raw[key]):
            yield checks.Warning(
                f"{name(key)} begins or ends with a quote or blank",
                hint=QUOTES,
                id="nacos_integration.W002",
            )


def _connection_errors(raw: dict[str, Any], name: Callable[[str], str]) -> Iterator[Error]:
    for entry in raw["server_addr"]:
        try:
            address.normalise(entry)
        except ValueError as error:
            yield _error(
                1,
                f"{name('server_addr')}: {error}",
                "Use host:port, several separated by commas; a path other than /nacos belongs into "
                f"{name('context_path')}.",
            )
    try:
        address.normalise_context_path(raw["context_path"])
    except ValueError as error:
        yield _error(
            13, f"{name('context_path')}: {error}", "Use the server's own, or / if it has none."
        )
    try:
        if raw["proxy"]:
            address.split_proxy(raw["proxy"])
    except ValueError as error:
        yield _error(12, f"{name('proxy')}: {error}", "Unset it to ask Nacos directly.")
    for key in ("tls_ca_file", "tls_cert_file", "tls_key_file"):
        # The SDK opens all three, whatever the server requires.
        if raw["tls_enabled"] and not Path(raw[key] or "/").is_file():
            yield _error(
                2,
                f"{name(key)}: {raw[key] or 'not set'}: no such file",
                "TLS needs a CA certificate, a client certificate and its key.",
            )
    for one, other in (("username", "password"), ("access_key", "secret_key")):
        if bool(raw[one]) != bool(raw[other]):
            yield _error(3, f"{name(one)} and {name(other)} belong together", "Set both or none.")


def _instance_errors(raw: dict[str, Any], name: Callable[[str], str]) -> Iterator[Error]:
    try:
        ipaddress.IPv4Address(raw["service_ip"] or "0.0.0.0")  # noqa: S104 (not given is fine)
    except ValueError as error:
        yield _error(
            4,
            f"{name('service_ip')}: {error}",
            "Use an IPv4 address such as 10.0.0.5: Java callers make no URL of an IPv6 address.",
        )
    for network in raw["preferred_networks"]:
        try:
            ipaddress.IPv4Network(network, strict=False)
        except ValueError as error:
            yield _error(
                4,
                f"{name('preferred_networks')}: {network}: {error}",
                "Use IPv4 networks such as 10.0.0.0/16, separated by commas.",
            )
    for key, value in raw["metadata"].items():
        if not re.fullmatch(r"[^\s'\"`]+", key) or not re.fullmatch(_UNQUOTED, value, re.DOTALL):
            yield _error(14, f"{name('metadata')}: {key!r}: {value!r}", QUOTES)
    if not 1 <= raw["service_port"] <= 65535:
        yield _error(5, f"{name('service_port')}: {raw['service_port']}", "Use 1 to 65535.")
    if not 0 <= raw["weight"] <= 10000:
        yield _error(6, f"{name('weight')}: {raw['weight']}", "Use 0 to 10000.")


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"nacos_integration.E{number:03}")
