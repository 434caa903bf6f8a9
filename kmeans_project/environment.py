"""Strict parsing of environment variables; no other module reads them."""

import contextlib
import difflib
import ipaddress
import math
import os
import re
import socket
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

# For a Service named nacos or nacos-….
OF_KUBERNETES = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT_\w+|PORT|PORT_\d+_(TCP|UDP)(_\w+)?)")
_ORIGIN = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?", re.ASCII)
_PATH_PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)


class Environment(environ.Env):  # type: ignore[misc]  # django-environ has no types
    """The environment variables at the time that this object is made.

    Raises ImproperlyConfigured, which names the variable, for a value of another type. By itself
    django-environ reads `1e3` as 13, any unknown word as false, and `$NAME` as the value of another
    variable, which empties a password that begins with a $.
    """

    BOOLEANS = {
        **dict.fromkeys(("true", "on", "yes", "y", "1"), True),
        **dict.fromkeys(("false", "off", "no", "n", "0", ""), False),
    }

    def __init__(self) -> None:
        super().__init__()
        self._read: set[str] = set()
        self.ENVIRON = {name: value.replace("$", r"\$") for name, value in os.environ.items()}
        self.escape_proxy = True  # turns each \$ back into $

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        self._read.add(var)
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}") from None

    def not_below(self, least: float, var: str, value: Any) -> Any:
        """Return the value of `var`; raise ImproperlyConfigured if it is below `least`."""
        if value < least:
            raise ImproperlyConfigured(f"{var}: {value}: use at least {least:g}")
        return value

    def unknown(self, prefix: str) -> dict[str, str | None]:
        """Return the variables that are set and never read, each with the most similar known one.

        Those that Kubernetes sets for a Service are not among them.
        """
        known = {name.removeprefix(prefix) for name in self._read if name.startswith(prefix)}
        unknown: dict[str, str | None] = {}
        for name in sorted(self.ENVIRON):
            rest = name.removeprefix(prefix)
            if rest != name and rest not in known and not OF_KUBERNETES.fullmatch(name):
                nearest = difflib.get_close_matches(rest, known, 1)
                unknown[name] = f"{prefix}{nearest[0]}" if nearest else None
        return unknown

    def origins(self, var: str, *, subdomains: bool = False) -> list[str]:
        """Return a list of origins, with `*` for all subdomains if allowed.

        Raises ImproperlyConfigured for anything more or less.
        """
        found = [text.strip() for text in self.list(var, default=[])]
        for text in found:
            if not _ORIGIN.fullmatch(text.replace("://*.", "://", 1) if subdomains else text):
                raise ImproperlyConfigured(
                    f"{var}: {text!r} is no origin: use scheme, host and port only, such as "
                    "https://pages.example.com:8443"
                )
        return found

    def path_prefix(self, var: str) -> str | None:
        """Return a path such as `/kmeans`, None for the root; or raise ImproperlyConfigured."""
        text = self.str(var, "").rstrip("/")
        if text and not _PATH_PREFIX.fullmatch(text):
            raise ImproperlyConfigured(f"{var}: {text!r} is no path: use one such as /kmeans")
        return text or None

    def within(self, least: int, most: int, var: str, value: int) -> int:
        """Return the value of `var`; raise ImproperlyConfigured if it is not in these bounds."""
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{var}: {value}: use {least} to {most}")
        return value

    @classmethod
    def parse_value(cls, value: str, cast: Any) -> Any:
        if cast is bool:
            if value.strip().lower() not in cls.BOOLEANS:
                raise ValueError(f"{value!r} is neither true nor false")
            return cls.BOOLEANS[value.strip().lower()]
        if cast is int:
            if not re.fullmatch("[+-]?[0-9]+", value.strip()):
                raise ValueError(f"{value!r} is not a whole number")
            return int(value)
        if cast is float:
            try:
                number = float(value)
            except ValueError:
                raise ValueError(f"{value!r} is not a number") from None
            if not math.isfinite(number):
                raise ValueError(f"{value!r} is not a finite number")
            return number
        return super().parse_value(value, cast)


def state_dir(env: Environment) -> Path:
    """Return the state directory, which may not exist yet."""
    return Path(env.str("STATE_DIR", "var")).absolute()


def secret_key_file(env: Environment) -> Path | None:
    """Return the file with Django's secret key; None if DJANGO_SECRET_KEY is the key."""
    return None if env.str("DJANGO_SECRET_KEY", "") else state_dir(env) / "secret_key"


def bind_host(env: Environment) -> str:
    """Return the IP address to listen on, without brackets; by default all, of IPv4 and IPv6.

    Raises ImproperlyConfigured for what is neither an address nor a name of an IPv4 address.
    """
    given = env.str("HOST", "")
    if not given:
        return "::" if _listens_on_both() else "0.0.0.0"  # noqa: S104
    with contextlib.suppress(ValueError):
        if "%" not in given:  # a scope such as %eth0, which means nothing to callers
            return str(ipaddress.ip_address(re.sub(r"^\[(.*)\]$", r"\1", given)))
    try:
        return str(socket.getaddrinfo(given, None, socket.AF_INET)[0][4][0])
    except (OSError, UnicodeError):
        raise ImproperlyConfigured(
            f"HOST: {given!r} is neither an IP address nor the name of an IPv4 address of this host"
        ) from None


def _listens_on_both() -> bool:
    """Return whether a socket for IPv6 accepts IPv4 too, as on Linux by default."""
    try:
        is_set_apart = Path("/proc/sys/net/ipv6/bindv6only").read_text().strip() != "0"
    except OSError:
        return False
    return not is_set_apart and socket.has_dualstack_ipv6()
