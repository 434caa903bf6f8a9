"""Examples of problem documents for the OpenAPI schema, by HTTP status."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from serving import conf, status_titles

# Code, detail, and the place in the body.
_PROBLEMS: Final[dict[str, list[tuple[str, str, str | None]]]] = {
    "400": [
        (
            "invalid-json",
            "the body is not JSON: JSON is malformed: invalid character (byte 12)",
            None,
        ),
        ("invalid-points", "is required", "points"),
        ("invalid-candidates", "must be from 1 to 1000 (KMEANS_MAX_CLUSTERS)", "candidates[1]"),
        ("invalid-query", "the query parameter `details` must be true or false", None),
        (
            "too-many-points",
            "holds 1200000 points; at most 1000000 are accepted (KMEANS_MAX_POINTS)",
            "points",
        ),
        ("incomplete-body", "the connection ended within the body", None),
        ("invalid-gzip", "the body goes on after the end of the gzip member", None),
        (
            "too-many-dimensions",
            "has 1200 coordinates; at most 1000 are accepted (KMEANS_MAX_DIMENSIONS)",
            "points[0]",
        ),
    ],
    "401": [("unauthorized", "send an API key: `Authorization: Api-Key <key>`", None)],
    "403": [
        ("forbidden", "forbidden; a form needs the CSRF token and the cookies of its page", None)
    ],
    "404": [("not-found", "nothing is served at this address", None)],
    "405": [("method-not-allowed", "send a POST request, not GET", None)],
    "406": [("not-acceptable", "Could not satisfy the request Accept header.", None)],
    "408": [
        (
            "request-timeout",
            "the body did not arrive within 30 s (HTTP_READ_TIMEOUT_SECONDS)",
            None,
        )
    ],
    "413": [
        (
            "body-too-large",
            "the body is larger than 268435456 bytes (KMEANS_MAX_BODY_BYTES)",
            None,
        )
    ],
    "415": [
        (
            "unsupported-media-type",
            "send the header `Content-Type: application/json`, not `text/plain`",
            None,
        ),
    ],
    "422": [
        ("ragged-points", "has 3 coordinates where points[0] has 2", "points[17]"),
        (
            "too-few-points",
            "2 points cannot form 3 clusters; send at least 3",
            "points",
        ),
        (
            "too-much-work",
            "1000000 points * (8 dimensions + 32) * 30 clusters * 10 starts are 12000000000 steps; "
            "at most 5000000000 are accepted (KMEANS_MAX_WORK); send fewer points, dimensions or "
            "candidates",
            "points",
        ),
        (
            "overflow",
            "the magnitude of 1e+200 is beyond 7.9e+152, where squared distances of 9 points "
            "overflow",
            "points[8][1]",
        ),
    ],
    "429": [
        (
            "too-many-requests",
            "the API key has reached its requests per minute; try again in 24 s",
            None,
        )
    ],
    "500": [("internal-error", "an unexpected error; see the service's log", None)],
    "503": [
        ("overloaded", "64 requests wait already; try again after 1 s", None),
        ("unavailable", "API keys cannot be checked at the moment; try again", None),
        (
            "fit-timeout",
            "parsing and the fit took longer than 30 s (KMEANS_FIT_TIMEOUT_SECONDS); send fewer "
            "points, dimensions or candidates",
            None,
        ),
    ],
    "default": [
        ("uri-too-long", "a target of more than 4094 bytes", None),
        ("not-implemented", "the transfer coding gzip is not supported", None),
    ],
}
# Of the examples under `default`, which names no status.
_OTHER_STATUSES: Final = {"uri-too-long": 414, "not-implemented": 501}
_REQUEST_ID: Final = "0d4f5cbe1f1b4c2f9a9e3c1d2b7a6e55"


def of(status: str) -> list[OpenApiExample]:
    """Return an example of each problem with this status, as the service answers in English."""
    return [
        OpenApiExample(code, value=_document(status, code, detail, pointer), response_only=True)
        for code, detail, pointer in _PROBLEMS[status]
    ]


def _document(status: str, code: str, detail: str, pointer: str | None) -> dict[str, Any]:
    number = _OTHER_STATUSES[code] if status == "default" else int(status)
    return {
        "type": conf.load().problem_prefix + code,
        "title": status_titles.in_english(number),
        "status": number,
        "detail": detail,
        **({} if pointer is None else {"pointer": pointer}),
        "request_id": _REQUEST_ID,
    }
