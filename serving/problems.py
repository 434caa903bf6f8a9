"""Errors as problem documents (RFC 9457), `application/problem+json`."""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from django.http import JsonResponse
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from rest_framework.exceptions import APIException
from rest_framework.views import exception_handler

from serving import conf, contract, request_context, status_titles
from serving.conf import Setting

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# Lazy text is translated when it is shown.
Text = str | Promise
# The codes for requests to any model. Each model adds its own.
GENERIC: Final = {
    "incomplete-body": 400,
    "invalid-gzip": 400,
    "request-timeout": 408,
    "body-too-large": 413,
    # nginx's status. The caller has left, so only the history and the metrics show it.
    "caller-gone": 499,
    "not-implemented": 501,
    "overloaded": 503,
    "unavailable": 503,
}


@cache
def status_by_code() -> dict[str, int]:
    """Return the HTTP status of each code, including the models' own."""
    found = dict(GENERIC)
    for model in contract.served_models():
        found |= model.problems
    return found


class Problem(APIException):
    """An error for the caller: a code of `status_by_code`, what is wrong, and where in the body.

    A lazy `detail` is translated for the response, and English in the log and the history.
    `wait` is the Retry-After header in seconds, as in DRF's Throttled.
    """

    wait: int | None = None

    def __init__(self, code: str, detail: Text, pointer: str | None = None) -> None:
        super().__init__("", code)
        # DRF would make it a string in the language of the thread.
        self.text = self.detail = detail  # type: ignore[assignment]
        self.status_code = status_by_code()[code]
        self.code = code
        self.pointer = pointer


class ProblemResponse(JsonResponse):
    """A response with a problem document in `language`.

    `problem`, `code` and the English `detail` are kept for the request history.
    """

    def __init__(self, problem: dict[str, Any], code: str, language: str, detail: str) -> None:
        super().__init__(
            problem,
            status=problem["status"],
            content_type=CONTENT_TYPE,
            json_dumps_params={"ensure_ascii": False},
        )
        self["Content-Length"] = str(len(self.content))
        self["Content-Language"] = language
        self["Vary"] = "Accept-Language"
        self.problem = problem
        self.code = code
        self.detail = detail


def too_large(limit: Setting[int]) -> Problem:
    """Return the Problem (413) of a body beyond the limit."""
    detail = format_lazy(
        _("the body is larger than {limit} bytes ({setting})"),
        limit=limit.value,
        setting=limit.name,
    )
    return Problem("body-too-large", detail)


def code_of(status: int) -> str:
    """Return the code of a problem for which only the status is known."""
    return status_titles.in_english(status).lower().replace(" ", "-")


def respond(
    environ: Mapping[str, Any], status: int, code: str, detail: Text, pointer: str | None = None
) -> ProblemResponse:
    """Return a problem document for the request with this WSGI environ, in its language."""
    language = status_titles.language_of(environ)
    with override(language):
        translated = str(detail)
    with override("en"):
        english = str(detail)
    members: dict[str, Any] = {
        "type": conf.load().problem_prefix + code,
        "title": status_titles.title_of(status, language),
        "status": status,
        "detail": translated,
    }
    if pointer is not None:
        members["pointer"] = pointer
    if caller := request_context.current.get():
        members["request_id"] = caller.request_id
    return ProblemResponse(members, code, language, english)


def respond_without_request(status: int, detail: str) -> ProblemResponse:
    """Return the problem document for what is not even an HTTP request."""
    caller = request_context.identify({})
    token = request_context.current.set(caller)
    response = respond({}, status, code_of(status), detail)
    request_context.current.reset(token)
    response["X-Request-ID"] = caller.request_id
    return response


def handle(error: Exception, context: dict[str, Any]) -> ProblemResponse:
    """Return the problem document for an exception of a DRF view (its EXCEPTION_HANDLER)."""
    return answer(error, context["request"].META)


def answer(error: Exception, environ: Mapping[str, Any]) -> ProblemResponse:
    """Return the problem document for any exception, in a DRF view or before it.

    A plain HttpResponse, because DRF would choose the content type by the Accept header.
    """
    response = exception_handler(error, {})
    if response is None:
        logger.error("unexpected error answering a request", exc_info=error)
        detail: Text = _("an unexpected error; see the service's log")
        return respond(environ, 500, "internal-error", detail)
    pointer: str | None = None
    if isinstance(error, Problem):
        code, detail, pointer = error.code, error.text, error.pointer
    else:
        code = code_of(response.status_code)
        detail = _detail_of(error) or status_titles.in_english(response.status_code)
    problem = respond(environ, response.status_code, code, detail, pointer)
    for name, value in response.headers.items():
        problem.headers.setdefault(name, value)
    return problem


def _detail_of(error: Exception) -> Text:
    """Return the detail of an error of DRF or Django, lazy if it is DRF's own text."""
    detail: Text = getattr(error, "detail", None) or str(error)
    default: Text = getattr(error, "default_detail", "")
    return default if str(detail) == str(default) else detail
