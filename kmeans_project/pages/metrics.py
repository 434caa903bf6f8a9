"""Metrics for Prometheus."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from nacos_integration.web.metrics import AgentCollector


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with the metrics of all workers of this instance."""
    if settings.METRICS_DIR:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, settings.METRICS_DIR)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    text = generate_latest(registry) + generate_latest(AgentCollector())
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)
