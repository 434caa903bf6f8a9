"""The OpenAPI description of models of points, beside the serializers."""

from collections.abc import Callable
from typing import Final

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.views import APIView

from clustering.api.serializers import (
    KMeansRequestSerializer,
    KMeansResponseSerializer,
    ProblemSerializer,
)
from serving.problems import CONTENT_TYPE

_REFERENCE = [[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]

PROBLEMS: Final = {
    "400": "Not JSON, or not of this schema.",
    "401": "The service demands API keys, and this request has none that is valid.",
    "403": "Elsewhere in this service: a form of the admin without its token.",
    "404": "Elsewhere in this service: an address at which there is nothing.",
    "405": "A method other than POST.",
    "406": "The Accept header leaves out JSON.",
    "408": "The request did not arrive in time.",
    "413": "The body is larger than the limit.",
    "415": "The body is not announced as application/json.",
    "422": (
        "Valid by this schema, but points differ in length, are fewer than the clusters, too large "
        "in magnitude, or too many for so many clusters."
    ),
    "429": "The API key has used up its requests of this minute; see the Retry-After header.",
    "500": "An unexpected error; the log has it.",
    "503": "Too many requests wait, or too many bodies are held; see the Retry-After header.",
    "default": "Whatever else goes wrong, at any address of this service, has this form too.",
}


def _header(name: str, description: str, statuses: list[str]) -> OpenApiParameter:
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, description=description, response=statuses
    )


_RESPONSES: Final = {
    ("200", "application/json"): KMeansResponseSerializer,
    **{
        (status, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, description)
        for status, description in PROBLEMS.items()
    },
}
_PARAMETERS: Final = [
    OpenApiParameter(
        "X-Request-ID",
        str,
        OpenApiParameter.HEADER,
        description=(
            "Names the request in the answer, the log and the history. One is made where this "
            "is missing, longer than 64 characters, or has others than letters, digits and "
            "`._:/+=-`."
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
        "Present when fewer points are distinct than clusters were asked for.",
        ["200"],
    ),
    _header("Retry-After", "After how many seconds to try again.", ["429", "503"]),
]


def describes(
    *, operation_id: str, summary: str, description: str
) -> Callable[[type[APIView]], type[APIView]]:
    """Return a decorator that describes a PointsView."""
    described = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        request=KMeansRequestSerializer,
        responses=_RESPONSES,
        parameters=_PARAMETERS,
        examples=[
            OpenApiExample("Nine points", value={"points": _REFERENCE}, request_only=True),
            OpenApiExample(
                "Their labels with three clusters",
                value={"results": [1, 1, 1, 1, 2, 0, 0, 0, 0]},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    return extend_schema_view(post=described)
