"""What the OpenAPI schema says of models of points, besides the serializers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from clustering.api import problem_examples
from clustering.api.details import PARAMETER
from clustering.api.serializers import (
    KMeansRequestSerializer,
    KMeansResponseSerializer,
    ProblemSerializer,
)
from serving.contract import served_models
from serving.problems import CONTENT_TYPE

# Path, path as a regular expression, method, and view.
Endpoint = tuple[str, str, str, Any]

_REFERENCE = [[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]

PROBLEMS: Final = {
    "400": "The body is not JSON, or does not match this schema.",
    "401": "The service requires an API key, and this request has no valid one.",
    "403": "Elsewhere in this service: a form of the admin without its CSRF token.",
    "404": "Elsewhere in this service: nothing is served at the address.",
    "405": "A method other than POST.",
    "406": "The Accept header excludes JSON.",
    "408": "The request did not arrive in time.",
    "413": "The body is larger than the limit.",
    "415": "The Content-Type is not application/json.",
    "422": (
        "The body matches this schema, but points differ in length, are fewer than the clusters, "
        "have too large coordinates, or are too many for this number of clusters."
    ),
    "429": "The API key has reached its requests per minute; see the Retry-After header.",
    "500": "An unexpected error; see the service's log.",
    "503": (
        "Too many requests wait, or bodies in memory are too large; see the Retry-After header. "
        "Without that header, the fit took too long."
    ),
    "default": "Any other error, at any address of this service, has this form too.",
}


def _header(name: str, description: str, statuses: list[str]) -> OpenApiParameter:
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, description=description, response=statuses
    )


_PROBLEM_RESPONSES: Final = {
    (status, CONTENT_TYPE): OpenApiResponse(
        ProblemSerializer, description, problem_examples.of(status)
    )
    for status, description in PROBLEMS.items()
}
_PARAMETERS: Final = [
    OpenApiParameter(
        PARAMETER,
        bool,
        description="Whether the answer describes the clusters too.",
        default=False,
    ),
    OpenApiParameter(
        "X-Request-ID",
        str,
        OpenApiParameter.HEADER,
        description=(
            "Names the request in the answer, the log and the history. The service makes one if "
            "this is missing, longer than 64 characters, or has characters other than letters, "
            "digits and `._:/+=-`."
        ),
    ),
    _header("X-Request-ID", "Names this request in the log and the history.", ["200", *PROBLEMS]),
    _header("X-KMeans-Clusters", "The number of clusters that was used.", ["200"]),
    _header(
        "X-Config-Version",
        "The first 12 hex digits of the MD5 of the config text in force; equal on instances "
        "that agree.",
        ["200"],
    ),
    _header(
        "X-KMeans-Warning",
        "Present if there are fewer distinct points than clusters, or members of the body that "
        "have no effect; several warnings are joined by `; `.",
        ["200"],
    ),
    _header("Retry-After", "The seconds to wait before a retry.", ["429", "503"]),
]


_EXAMPLES: Final = [
    OpenApiExample("Nine points", value={"points": _REFERENCE}, request_only=True),
    OpenApiExample(
        "Their labels with three clusters",
        value={"results": [1, 1, 1, 1, 2, 0, 0, 0, 0]},
        response_only=True,
        status_codes=["200"],
    ),
]
ADVICE_EXAMPLES: Final = [
    OpenApiExample(
        "Nine points, and two candidates",
        value={"points": _REFERENCE, "candidates": [2, 3]},
        request_only=True,
    ),
    OpenApiExample(
        "Two clusters fit better",
        value={
            "candidates": [
                {"clusters": 2, "inertia": 51.4, "silhouette": 0.667, "sizes": [4, 5]},
                {"clusters": 3, "inertia": 28.0, "silhouette": 0.453, "sizes": [4, 4, 1]},
            ],
            "suggested": 2,
            "reason": (
                "2 clusters have the highest silhouette, 0.667: from -1 to 1, higher means that "
                "points are nearer to their own cluster than to the next one"
            ),
            "sample": None,
            "config_version": "3f3bc1ee16a5",
        },
        response_only=True,
        status_codes=["200"],
    ),
]


def without_aliases(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Return the endpoints without further paths of the same model (a hook of drf-spectacular)."""
    aliases = {alias for model in served_models() for alias in model.aliases}
    return [endpoint for endpoint in endpoints if endpoint[0] not in aliases]


def describes(
    *,
    operation_id: str,
    summary: str,
    description: str,
    request: type[Serializer[Any]] = KMeansRequestSerializer,
    response: type[Serializer[Any]] = KMeansResponseSerializer,
    examples: Sequence[OpenApiExample] = _EXAMPLES,
) -> Callable[[type[APIView]], type[APIView]]:
    """Return a decorator that describes a PointsView."""
    described = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        request=request,
        responses={("200", "application/json"): response, **_PROBLEM_RESPONSES},
        parameters=_PARAMETERS,
        examples=list(examples),
    )
    return extend_schema_view(post=described)
