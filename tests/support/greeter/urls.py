from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from greeting import Greeting

from nacos_integration import current, wait_until_synced


def greet(request: HttpRequest, name: str) -> HttpResponse:
    wait_until_synced()
    config = current(Greeting)
    return HttpResponse(f"{config.value.word}, {name}!\n")


urlpatterns = [
    path("greet/<name>", greet),
    path("", include("nacos_integration.web.urls")),
]
