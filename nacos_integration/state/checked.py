"""Checks values of JSON that a disk may have damaged, or that another program sent.

Each function returns the value, or None where it is not one that can be shown and compared.
"""

from typing import Any, Final

TEXT_MAX: Final = 2000
# The last moment that a datetime can hold in every time zone.
MOMENT_MAX: Final = 253_402_214_400
WHOLE_MAX: Final = 2**53


def text(value: object, most: int = TEXT_MAX) -> str | None:
    """Check a text, and cut it; a lone surrogate, which no encoding can write, is replaced."""
    return value[:most].encode(errors="replace").decode() if isinstance(value, str) else None


def flag(value: object) -> bool | None:
    """Check true or false."""
    return value if isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """Check a whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= WHOLE_MAX else None


def moment(value: object) -> float | None:
    """Check a time in seconds since the epoch, or a duration in seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= MOMENT_MAX else None  # false for NaN too


def texts(value: object) -> list[str] | None:
    """Check a list of texts."""
    if not isinstance(value, list):
        return None
    found = [item for item in map(text, value) if item is not None]
    return found if len(found) == len(value) else None


def rejection(value: object) -> dict[str, Any] | None:
    """Check why and when a config text was rejected; the text is missing if it was long."""
    if not isinstance(value, dict):
        return None
    reason, at = text(value.get("reason")), moment(value.get("at"))
    if reason is None or at is None:
        return None
    return {"reason": reason, "at": at, "text": text(value.get("text")) or ""}


def instance(value: object) -> dict[str, Any] | None:
    """Check an instance as the registry lists it."""
    if (
        isinstance(value, dict)
        and text(value.get("ip")) is not None
        and whole(value.get("port")) is not None
        and flag(value.get("healthy")) is not None
        and isinstance(value.get("metadata"), dict)
    ):
        return value
    return None
