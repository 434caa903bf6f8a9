"""ServedModel: all that the server must know about an endpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.module_loading import import_string

from serving.conf import Setting

# The WSGI environ of a request (PEP 3333).
Environ = dict[str, Any]
# Key of the environ. A function without arguments, for any thread, that returns whether the caller
# has closed the connection. Other servers leave the key out.
IS_GONE: Final = "serving.is_gone"
# About 15,000 numbers.
LARGE_FROM_BYTES: Final = 128 * 1024


def _needs_no_admission(environ: Environ) -> bool:
    return False


def _admit(environ: Environ) -> None:
    pass


def _never_brief(environ: Environ, body_bytes: int) -> bool:
    return False


def _always_ready() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """An endpoint whose requests are computed in a lane, and recorded.

    The server calls the functions in this order. All but `admit` run on the event loop, so they
    must not block.
    """

    # The label in metrics and the value in the history.
    name: str
    # For example "/api/skl-kmeans"; `aliases` are further paths.
    path: str
    aliases: tuple[str, ...] = ()
    # Requests with these methods are computed. Others go to Django without waiting for a lane.
    methods: tuple[str, ...] = ("POST",)
    # The name of the route to `path`, for Django's reverse().
    url_name: str
    # Dotted path of a class-based view. Its attribute `model` is set to this object. Only processes
    # that serve import it.
    view: str
    # Larger bodies are refused unread (413).
    max_body_bytes: Setting[int]
    # Bodies of this size and above take the lane for large requests, others that for small ones.
    large_from_bytes: int = LARGE_FROM_BYTES
    # Called with the environ before the body is read. Raises APIException to refuse the request,
    # for example one without an API key. Returns whether `admit` must be called too.
    check_head: Callable[[Environ], bool] = _needs_no_admission
    # Called in a thread before the body is read, so it may query the database. Raises APIException
    # to refuse the request. May leave results in the environ for the view.
    admit: Callable[[Environ], None] = _admit
    # Whether requests may be computed. Until then, they wait with their bodies read.
    is_ready: Callable[[], bool] = _always_ready
    # Called with the environ and the size of the body once the request has its lane. True for about
    # 1 ms of work, which then runs on the event loop. May leave results in the environ.
    is_brief: Callable[[Environ, int], bool] = _never_brief
    # Called if the server itself answers, with `name`, the environ, the response, and the
    # `time.perf_counter()` at the start of the request. The view records all other requests.
    record_refused: Callable[[str, Environ, HttpResponse, float], None]
    # The codes of the model's own problems, with their HTTP status.
    problems: Mapping[str, int] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path, *self.aliases)


@cache
def served_models() -> tuple[ServedModel, ...]:
    """Return the models in `settings.SERVED_MODELS`, which are dotted paths."""
    return tuple(import_string(dotted_path) for dotted_path in settings.SERVED_MODELS)


@cache
def models_by_path() -> dict[str, ServedModel]:
    """Return the model at each path."""
    return {path: model for model in served_models() for path in model.paths}


def routes() -> list[URLPattern]:
    """Import the models' views, and return routes to them."""
    return [
        path(
            address.removeprefix("/"),
            import_string(model.view).as_view(model=model),
            name=model.url_name if address == model.path else None,
        )
        for address, model in models_by_path().items()
    ]
