"""System checks of this app's settings."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

from clustering.engine import versions
from serving.checks import LIMITS, find_not_positive
from serving.conf import Setting


@register("serving", LIMITS)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report limits that are not above 0, and a fast path that cannot be used."""
    names = (
        "KMEANS_MAX_POINTS", "KMEANS_MAX_DIMENSIONS", "KMEANS_MAX_WORK", "KMEANS_MAX_CLUSTERS",
        "KMEANS_FIT_TIMEOUT_SECONDS",
        "HISTORY_QUEUE_SIZE", "HISTORY_MAX_ROWS", "HISTORY_MAX_AGE_DAYS",
    )  # fmt: skip
    return [*find_not_positive(*(Setting[float](name) for name in names)), *find_warnings()]


def find_warnings() -> Iterator[checks.Warning]:
    """Yield a warning, with what to do, for each setting that has no effect here."""
    if settings.KMEANS_FAST_PATH and (others := versions.unknown()):
        yield checks.Warning(
            f"KMEANS_FAST_PATH: off, because it was not written for {', '.join(others)}",
            hint="Install what requirements.txt pins. Labels are the same, but take longer.",
            id="clustering.W001",
        )
