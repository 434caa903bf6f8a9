"""API keys for DRF: 401 without a good one, 429 for one that is used too often."""

import math
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    Throttled,
)
from rest_framework.request import Request

from clustering.api import api_keys
from serving.problems import Problem

SCHEME: Final = "Api-Key"
# Key of the WSGI environ, for servers that ask for the API key before they read the body.
ADMITTED_KEY: Final = "clustering.admitted_key"


class ApiKeyAuthentication(BaseAuthentication):
    """Demands a good key when `API_KEYS_REQUIRED`; the key's owner has no user of Django's.

    `request.auth` is then the KnownKey.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, api_keys.KnownKey] | None:
        if not settings.API_KEYS_REQUIRED:
            return None
        return AnonymousUser(), request.META.get(ADMITTED_KEY) or admit(request.META)

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Names the header in the OpenAPI schema while a key is demanded."""

    target_class = ApiKeyAuthentication

    @property
    def name(self) -> list[str]:  # type: ignore[override]
        return ["ApiKey"] if settings.API_KEYS_REQUIRED else []

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": f"`{SCHEME}`, a space, and the key.",
            }
            for _ in self.name
        ]


def check_head(environ: Mapping[str, Any]) -> bool:
    """Return whether a key is required; raise NotAuthenticated if it is missing."""
    if settings.API_KEYS_REQUIRED:
        require_key(environ)
    return bool(settings.API_KEYS_REQUIRED)


def admit_early(environ: dict[str, Any]) -> None:
    """Call `admit`, and leave the key in the environ for the view."""
    environ[ADMITTED_KEY] = admit(environ)


def admit(environ: Mapping[str, Any]) -> api_keys.KnownKey:
    """Return the key that a request carries, and count the request.

    Raises NotAuthenticated where there is none, AuthenticationFailed where it is not good,
    Throttled where it has been used too often in this minute, and Problem (503) where nobody can
    tell.
    """
    try:
        known = api_keys.keyring.find(require_key(environ))
    except api_keys.DatabaseAwayError as error:
        raise _unavailable() from error
    if known is None:
        # The same to every key that is not good, so that nobody learns which keys there were.
        raise _with_scheme(AuthenticationFailed("the API key is not valid"))
    if not api_keys.keyring.count(known):
        raise Throttled(api_keys.seconds_to_next_minute())
    return known


def require_key(environ: Mapping[str, Any]) -> str:
    """Return the key that a request carries, good or not.

    Raises NotAuthenticated where there is none: known without the database or the body.
    """
    scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != SCHEME.lower() or not key:
        raise _with_scheme(NotAuthenticated("send an API key: `Authorization: Api-Key <key>`"))
    return str(key)


def _with_scheme(error: APIException) -> APIException:
    error.auth_header = SCHEME  # type: ignore[attr-defined]  # DRF looks for it
    return error


def _unavailable() -> Problem:
    problem = Problem("unavailable", "API keys cannot be checked at the moment; try again")
    problem.wait = math.ceil(api_keys.PAUSE_SECONDS)
    return problem
