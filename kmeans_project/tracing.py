"""Traces of requests by OpenTelemetry, which is optional: see requirements-otel.txt.

`instrument` comes before Django's handler is made, with --preload in gunicorn's master; `start` in
each process that serves. Between the two, spans go nowhere.
"""

import atexit
import logging
import os
import threading
import uuid
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error

from kmeans_project import __version__

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 3.0
# OpenTelemetry's middleware follows this one, so it sees the original errors.
_AFTER: Final = "kmeans_project.middleware.problem_middleware"
_HINT: Final = "Run `pip install -r requirements-otel.txt`, or unset OTEL_ENABLED."


def instrument() -> None:
    """Create a span for each request.

    Call this before the WSGI handler loads its middleware. It starts no thread, so the process may
    fork afterwards.
    """
    if not settings.OTEL_ENABLED:
        return
    if problem := _what_is_missing():
        logger.error("no traces: %s. %s", problem, _HINT)
        return
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    DjangoInstrumentor().instrument(middleware_position=settings.MIDDLEWARE.index(_AFTER) + 1)


def start() -> None:
    """Start the thread that sends this process's spans; a second call does nothing.

    Call this after a fork, which the thread would not survive. When the process ends, the spans
    left have `FLUSH_SECONDS` to be sent.
    """
    if not settings.OTEL_ENABLED or _what_is_missing():
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    resource = Resource.create(
        {
            "service.name": "skl-kmeans",
            "service.version": __version__,
            "service.instance.id": uuid.uuid4().hex,
            # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, which must override our defaults.
            **OTELResourceDetector().detect().attributes,
            "process.pid": os.getpid(),
        }
    )
    # The SDK's own exit handler waits half a minute for an unreachable collector.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    atexit.register(_flush, provider)


def check(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report that tracing is enabled but not installed."""
    problem = _what_is_missing() if settings.OTEL_ENABLED else ""
    return [Error(problem, hint=_HINT, id="kmeans_project.E001")] if problem else []


def _what_is_missing() -> str:
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.instrumentation.django
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as error:
        return f"OTEL_ENABLED is true, but OpenTelemetry is not installed ({error})"
    return ""


def _flush(provider: Any) -> None:
    shutdown = threading.Thread(target=provider.shutdown, name="tracing-flush", daemon=True)
    shutdown.start()
    shutdown.join(FLUSH_SECONDS)
