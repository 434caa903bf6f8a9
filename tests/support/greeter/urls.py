from django.http import HttpRequest, HttpResponse
from django.urls import path
from greeting import Greeting

from nacos_integration import live_config
from nacos_integration.web import health


def greet(request: HttpRequest, name: str) -> HttpResponse:
    live_config.wait_until_synced()
    config = live_config.current(Greeting)
    return HttpResponse(f"{config.value.word}, {name}!\n")


urlpatterns = [
    path("greet/<name>", greet),
    # The agent asks its own address here whether it is time to register.
    path("readyz", health.readyz),
    path("livez", health.livez),
]
