"""System checks of the limits in `SERVING` and of the served models.

Their ids begin with `clustering`, as they always have: operators may have silenced some.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.core.checks import CheckMessage, Error, register

from serving import conf
from serving.conf import Setting
from serving.contract import served_models

# The tag of checks that every worker runs, whatever started it.
LIMITS: Final = "limits"


@register("serving", LIMITS)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report limits that contradict each other, or are not above 0."""
    return list(_find_errors())


def _find_errors() -> Iterator[Error]:
    limits = conf.load()
    bodies = limits.bodies_max_bytes
    body_limits = {model.max_body_bytes for model in served_models()}
    for limit in sorted(body_limits, key=lambda limit: limit.name):
        if bodies.value < limit.value:
            yield _error(
                2, f"{bodies.name}: {bodies.value}", f"Use at least {limit.name}, {limit.value}."
            )
    yield from find_not_positive(
        limits.threads,
        limits.queue_size,
        limits.queue_timeout_seconds,
        limits.read_timeout_seconds,
        limits.write_timeout_seconds,
        *body_limits,
    )


def find_not_positive(*settings: Setting[Any]) -> Iterator[Error]:
    """Yield an error for each setting that is not above 0."""
    for setting in settings:
        if not setting.value > 0:
            yield _error(3, f"{setting.name}: {setting.value}", "Use a number above 0.")


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"clustering.E{number:03}")
