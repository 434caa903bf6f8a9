"""System checks of this app's settings."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from clustering.engine import versions
from serving.admission import LANES


@register("serving")
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report every setting that cannot hold together with the others, or with what is installed."""
    return [*find_errors(), *find_warnings()]


def find_errors() -> Iterator[Error]:
    """Yield an error, with what to do, for each wrong setting."""
    needed = LANES + settings.KMEANS_QUEUE_SIZE
    if needed >= settings.THREADS:
        yield _error(
            1,
            f"THREADS: {settings.THREADS}, all of which fits and look-ups of API keys could take",
            f"Use more than {needed}, which is KMEANS_QUEUE_SIZE and {LANES} that are fitted.",
        )
    if settings.KMEANS_BODIES_MAX_BYTES < settings.KMEANS_MAX_BODY_BYTES:
        yield _error(
            2,
            f"KMEANS_BODIES_MAX_BYTES: {settings.KMEANS_BODIES_MAX_BYTES}",
            f"Use at least KMEANS_MAX_BODY_BYTES, {settings.KMEANS_MAX_BODY_BYTES}.",
        )
    for name in (
        "KMEANS_MAX_POINTS", "KMEANS_MAX_DIMENSIONS", "KMEANS_MAX_WORK", "KMEANS_MAX_BODY_BYTES",
        "KMEANS_MAX_CLUSTERS", "KMEANS_QUEUE_SIZE", "KMEANS_QUEUE_TIMEOUT_SECONDS",
        "HTTP_READ_TIMEOUT_SECONDS", "HISTORY_QUEUE_SIZE", "HISTORY_MAX_ROWS",
        "HISTORY_MAX_AGE_DAYS",
    ):  # fmt: skip
        if not getattr(settings, name) > 0:
            yield _error(3, f"{name}: {getattr(settings, name)}", "Use a number above 0.")


def find_warnings() -> Iterator[checks.Warning]:
    """Yield a warning, with what to do, for each setting that has no effect here."""
    if settings.KMEANS_FAST_PATH and (others := versions.unknown_to_fast_kmeans()):
        yield checks.Warning(
            f"KMEANS_FAST_PATH: off, because it was not written for {', '.join(others)}",
            hint="Install what requirements.txt pins. Labels are the same, but take longer.",
            id="clustering.W001",
        )


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"clustering.E{number:03}")
