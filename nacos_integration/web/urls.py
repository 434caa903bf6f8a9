"""URLs of the health checks, to be included under the empty path.

The agent registers the instance once its own address answers at `readyz`; other instances query
`statusz`.
"""

from django.urls import path

from nacos_integration.web import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("startupz", health.startupz, name="startupz"),
    path("statusz", health.statusz, name="statusz"),
]
