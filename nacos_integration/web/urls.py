"""URLs of the health checks, to be included under the empty path.

The agent gets `/readyz` of its own address before it registers the instance. Other instances get
`/statusz`.
"""

from django.urls import path

from nacos_integration.web import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("startupz", health.startupz, name="startupz"),
    path("statusz", health.statusz, name="statusz"),
    # The metadata promises the first to Spring's tools; its load balancer asks for the second.
    path("health", health.health, name="health"),
    path("actuator/health", health.health),
]
