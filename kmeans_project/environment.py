"""Strict parsing of environment variables; no other module reads them."""

import math
import os
import re
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


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
        self.ENVIRON = {name: value.replace("$", r"\$") for name, value in os.environ.items()}
        self.escape_proxy = True  # turns each \$ back into $

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}") from None

    def not_below(self, least: float, var: str, value: Any) -> Any:
        """Return the value of `var`; raise ImproperlyConfigured if it is below `least`."""
        if value < least:
            raise ImproperlyConfigured(f"{var}: {value}: use at least {least:g}")
        return value

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
