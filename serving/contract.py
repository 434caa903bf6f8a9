"""ServedModel: all that the server must know of an endpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpResponse
from django.urls import URLPattern, path
from django.utils.module_loading import import_string

from serving.conf import Setting

# Of a request, as PEP 3333 has it.
Environ = dict[str, Any]

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
    """An endpoint whose requests are computed, each in its turn, and recorded.

    The server calls the functions in the order in which they stand here; all but `admit` on the
    event loop, where they must not wait.
    """

    # What labels of metrics and rows of the history say.
    name: str
    # Where it is, such as "/api/skl-kmeans"; `aliases` are further paths.
    path: str
    aliases: tuple[str, ...] = ()
    # The methods whose requests are computed. Others go to Django like those of any other path.
    methods: tuple[str, ...] = ("POST",)
    # The name of the route to `path`, for Django's reverse().
    url_name: str
    # The dotted path of a class-based view that has an attribute `model`, which is set to this
    # object. Only a process that serves imports it.
    view: str
    # Bodies beyond are refused unread (413).
    max_body_bytes: Setting[int]
    # Bodies of so many bytes and more take the lane of large requests.
    large_from_bytes: int = LARGE_FROM_BYTES
    # Called with the WSGI environ before the body is read. Raises APIException to refuse the
    # request, such as one without a key, and returns whether `admit` has to be asked.
    check_head: Callable[[Environ], bool] = _needs_no_admission
    # The same in a thread, where it may ask the database. What it found out it leaves in the
    # environ, for the view.
    admit: Callable[[Environ], None] = _admit
    # Whether requests may be computed; until then they wait, with their bodies read.
    is_ready: Callable[[], bool] = _always_ready
    # Called with the environ and the bytes of the body, in the request's turn: whether it takes
    # about 1 ms, and so runs on the event loop. What it reads for that it leaves in the environ.
    is_brief: Callable[[Environ, int], bool] = _never_brief
    # Called for a request that is answered without the view: with `name`, the environ, the
    # response, and the `time.perf_counter()` at which it began.
    record_refused: Callable[[str, Environ, HttpResponse, float], None]
    # The codes of its own problems, and the HTTP status of each.
    problems: Mapping[str, int] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path, *self.aliases)


@cache
def served_models() -> tuple[ServedModel, ...]:
    """Return what `SERVED_MODELS` names, by dotted paths."""
    return tuple(import_string(dotted_path) for dotted_path in settings.SERVED_MODELS)


@cache
def models_by_path() -> dict[str, ServedModel]:
    """Return the model at each path."""
    return {path: model for model in served_models() for path in model.paths}


def routes() -> list[URLPattern]:
    """Return the routes to the models' views, which this imports."""
    return [
        path(
            address.removeprefix("/"),
            import_string(model.view).as_view(model=model),
            name=model.url_name if address == model.path else None,
        )
        for address, model in models_by_path().items()
    ]
