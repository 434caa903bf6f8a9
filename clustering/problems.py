"""Errors as problem documents (RFC 9457), `application/problem+json`."""

import logging
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.views import exception_handler

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:skl-kmeans:problem:"

# 400 for what a JSON schema can say, 422 for what it cannot.
STATUS_BY_CODE = {
    "invalid-json": HTTPStatus.BAD_REQUEST,
    "invalid-points": HTTPStatus.BAD_REQUEST,
    "body-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "ragged-points": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too-few-points": HTTPStatus.UNPROCESSABLE_ENTITY,
    "overflow": HTTPStatus.UNPROCESSABLE_ENTITY,
    "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
}


class Problem(APIException):
    """An error to answer with: a code of STATUS_BY_CODE, what is wrong, and where in the body.

    `wait` is after how many seconds to try again (the Retry-After header).
    """

    wait: int | None = None

    def __init__(self, code: str, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail, code)
        self.status_code = int(STATUS_BY_CODE[code])
        self.code = code
        self.pointer = pointer


class ProblemResponse(JsonResponse):
    """A response whose body is a problem document, kept in `problem` as well."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem, status=problem["status"], content_type=CONTENT_TYPE)
        self.problem = problem


def respond(status: int, code: str, detail: str, pointer: str | None = None) -> ProblemResponse:
    """Answer with a problem document."""
    members: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if pointer is not None:
        members["pointer"] = pointer
    return ProblemResponse(members)


def handle(error: Exception, context: dict[str, Any]) -> ProblemResponse:
    """Answer any exception of a DRF view with a problem document.

    A plain HttpResponse, because DRF would render with what the Accept header asks for, and this
    body has its own type whatever that is.
    """
    response = exception_handler(error, context)
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
        code = HTTPStatus(response.status_code).phrase.lower().replace(" ", "-")
        detail = str(getattr(error, "detail", error))
    answer = respond(response.status_code, code, detail, pointer)
    for name, value in response.headers.items():
        if name not in answer.headers:
            answer[name] = value
    return answer
