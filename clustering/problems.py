"""Errors as problem documents (RFC 9457), `application/problem+json`."""

import logging
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.views import exception_handler

from clustering import callers

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:skl-kmeans:problem:"

# 400 for what a JSON schema can say, 422 for what it cannot.
STATUS_BY_CODE = {
    "invalid-json": 400,
    "invalid-points": 400,
    "too-many-points": 400,
    "too-many-dimensions": 400,
    "incomplete-body": 400,
    "request-timeout": 408,
    "body-too-large": 413,
    "ragged-points": 422,
    "too-few-points": 422,
    "too-much-work": 422,
    "overflow": 422,
    # nginx's number for it; nobody is there to see it, but the history and the metrics do.
    "caller-gone": 499,
    "not-implemented": 501,
    "overloaded": 503,
    "unavailable": 503,
}


class Problem(APIException):
    """An error to answer with: a code of STATUS_BY_CODE, what is wrong, and where in the body.

    `wait` is after how many seconds to try again (the Retry-After header).
    """

    wait: int | None = None

    def __init__(self, code: str, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail, code)
        self.status_code = STATUS_BY_CODE[code]
        self.code = code
        self.pointer = pointer


class ProblemResponse(JsonResponse):
    """A response whose body is a problem document, kept in `problem` as well."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem, status=problem["status"], content_type=CONTENT_TYPE)
        self["Content-Length"] = str(len(self.content))
        self.problem = problem


def code_of(status: int) -> str:
    """Return the code of a problem that is no more than its HTTP status."""
    return _phrase(status).lower().replace(" ", "-")


def respond(status: int, code: str, detail: str, pointer: str | None = None) -> ProblemResponse:
    """Answer with a problem document."""
    members: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": _phrase(status),
        "status": status,
        "detail": detail,
    }
    if pointer is not None:
        members["pointer"] = pointer
    if caller := callers.current.get():
        members["request_id"] = caller.request_id
    return ProblemResponse(members)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request"


def handle(error: Exception, context: dict[str, Any] | None = None) -> ProblemResponse:
    """Answer any exception, of a DRF view or of what comes before one, with a problem document.

    A plain HttpResponse, because DRF would render with what the Accept header asks for, and this
    body has its own type whatever that is.
    """
    response = exception_handler(error, context or {})
    if response is None:
        logger.error("unexpected error answering a request", exc_info=error)
        return respond(500, "internal-error", "an unexpected error; the service's log has it")
    pointer: str | None = None
    if isinstance(error, Problem):
        code, detail, pointer = error.code, str(error.detail), error.pointer
    elif isinstance(error, ValidationError):
        # The serializer's own finding: its one field is required, and it is not there.
        code, detail, pointer = "invalid-points", "is required", "points"
    else:
        code = code_of(response.status_code)
        detail = str(getattr(error, "detail", error)) or _phrase(response.status_code)
    answer = respond(response.status_code, code, detail, pointer)
    for name, value in response.headers.items():
        if name not in answer.headers:
            answer[name] = value
    return answer
