"""API keys for DRF: 401 without a valid key, 429 beyond the rate limit of a key."""

import math
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
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
# Key of the WSGI environ, set by servers that check the API key before they read the body.
ADMITTED_KEY: Final = "clustering.admitted_key"


class ApiKeyAuthentication(BaseAuthentication):
    """Requires a valid key if `API_KEYS_REQUIRED`; `request.auth` is then the KnownKey.

    Keys do not belong to Django's users.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, api_keys.KnownKey] | None:
        if not settings.API_KEYS_REQUIRED:
            return None
        return AnonymousUser(), request.META.get(ADMITTED_KEY) or admit(request.META)

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Names the header in the OpenAPI schema if a key is required."""

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
    """Return the key of a request, and count the request.

    Raises NotAuthenticated if the key is missing, AuthenticationFailed if it is not valid,
    Throttled if it has reached its limit for this minute, and Problem (503) if the key cannot be
    checked because the database is unreachable.
    """
    try:
        known = api_keys.keyring.find(require_key(environ))
    except api_keys.DatabaseUnreachableError as error:
        raise _unavailable() from error
    if known is None:
        # The same for unknown, expired and revoked keys, so that callers learn nothing about them.
        raise _with_scheme(AuthenticationFailed(), _("the API key is not valid"))
    if not api_keys.keyring.count(known):
        seconds = api_keys.seconds_to_next_minute()
        throttled = Throttled(seconds)
        throttled.detail = format_lazy(  # type: ignore[assignment]
            _("the API key has reached its requests per minute; try again in {seconds} s"),
            seconds=math.ceil(seconds),
        )
        raise throttled
    return known


def require_key(environ: Mapping[str, Any]) -> str:
    """Return the key of a request, unchecked; raise NotAuthenticated if it is missing.

    Needs neither the database nor the body.
    """
    scheme, _space, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != SCHEME.lower() or not key:
        raise _with_scheme(NotAuthenticated(), _("send an API key: `Authorization: Api-Key <key>`"))
    return str(key)


def _with_scheme(error: APIException, detail: Promise) -> APIException:
    error.detail = detail  # type: ignore[assignment]  # DRF would translate it here
    error.auth_header = SCHEME  # type: ignore[attr-defined]  # DRF looks for it
    return error


def _unavailable() -> Problem:
    problem = Problem("unavailable", _("API keys cannot be checked at the moment; try again"))
    problem.wait = math.ceil(api_keys.PAUSE_SECONDS)
    return problem
