"""Traces of requests, sent by OpenTelemetry's SDK, which is an extra: requirements-otel.txt."""

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
# Its spans begin where errors are made problem documents already.
_AFTER: Final = "kmeans_project.middleware.problem_middleware"
_HINT: Final = "Run `pip install -r requirements-otel.txt`, or unset OTEL_ENABLED."


def instrument() -> None:
    """Let Django make a span of each request.

    To be called before the WSGI handler loads its middleware. Nothing is sent before `start`, so
    a process that forks later may call this.
    """
    if not settings.OTEL_ENABLED:
        return
    if problem := _what_is_missing():
        logger.error("%s, so there are no traces: %s", problem, _HINT)
        return
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    DjangoInstrumentor().instrument(middleware_position=settings.MIDDLEWARE.index(_AFTER) + 1)


def start() -> None:
    """Begin to send this process's spans, from a thread; a second call does nothing.

    To be called after the fork, which the thread would not survive. What is not sent yet at the
    process's end gets `FLUSH_SECONDS`.
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
            # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME; the SDK would prefer our defaults.
            **OTELResourceDetector().detect().attributes,
            "process.pid": os.getpid(),
        }
    )
    # At its own exit handler the SDK would wait half a minute for a collector that is away.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    atexit.register(_flush, provider)


def check(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report tracing that is asked for and not installed."""
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
