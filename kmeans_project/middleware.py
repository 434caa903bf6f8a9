"""Middleware: the caller, problem documents, languages, the Host header, and pages."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware import common
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from whitenoise import middleware as whitenoise

from serving import conf, contract, problems, request_context

GetResponse = Callable[[HttpRequest], HttpResponse]

ADMIN = "/admin/"
API, API_DOCS = "/api/", "/api/docs/"
# The statuses that have a template.
ERROR_PAGES = (403, 404, 500)
MACHINES = frozenset({*contract.models_by_path(), *conf.load().probe_paths})
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; "
    "form-action 'self'"
)
_DETAILS = {
    400: _("the request is malformed"),
    403: _("forbidden; a form needs the CSRF token and the cookies of its page"),
    404: _("nothing is served at this address"),
    405: _("this method is not allowed here; see the Allow header"),
    429: _("too many failed logins from this address; see the Retry-After header"),
    500: _("unexpected error; see the service's log"),
    503: _("too many logins at this moment; see the Retry-After header"),
}


def _is_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith(ADMIN)


def _is_api(request: HttpRequest) -> bool:
    """Return whether machines call this address."""
    path = request.path_info
    return path in MACHINES or (path.startswith(API) and path != API_DOCS)


def caller_middleware(get_response: GetResponse) -> GetResponse:
    """Identify the caller, for log lines and problems, and send X-Request-ID back."""

    def middleware(request: HttpRequest) -> HttpResponse:
        caller = request_context.identify(request.META)
        token = request_context.current.set(caller)
        try:
            response = get_response(request)
        finally:
            request_context.current.reset(token)
        response["X-Request-ID"] = caller.request_id
        return response

    return middleware


def problem_middleware(get_response: GetResponse) -> GetResponse:
    """Replace Django's own error pages by problem documents, except for browsers.

    A browser gets the page of templates such as 404.html, except from the API.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        status = response.status_code
        if status < 400 or not response.get("Content-Type", "").startswith("text/"):
            return response
        is_page = "text/html" in request.headers.get("Accept", "") and not _is_api(request)
        if settings.DEBUG or (is_page and (status in ERROR_PAGES or _is_admin(request))):
            return response
        detail = _DETAILS.get(status, response.reason_phrase)
        problem = problems.respond(request.META, status, problems.code_of(status), detail)
        for name, value in response.items():
            # Except the type, length and language, which the problem document has set.
            problem.headers.setdefault(name, value)
        return problem

    return middleware


def language_middleware(get_response: GetResponse) -> Callable[[HttpRequest], Any]:
    """Serve pages in the reader's language; the API translates its texts itself."""
    in_language = LocaleMiddleware(get_response)

    def middleware(request: HttpRequest) -> Any:
        if _is_api(request):
            return get_response(request)
        try:
            return in_language(request)
        finally:
            # The language is set for the thread, whose next request may need another one.
            translation.deactivate()

    return middleware


def host_middleware(get_response: GetResponse) -> GetResponse:
    """Check the Host header for the admin only.

    Clients call the API by ip:port, by service name or through a load balancer. Pages with a login
    must not be served under an unknown name.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info in MACHINES:
            return get_response(request)
        try:
            host = request.get_host()
        except DisallowedHost:
            # For example, Django rejects a service name with an underscore.
            host = request.META["HTTP_HOST"] = "invalid"
        if _is_admin(request):
            domain, _port = split_domain_port(host)
            if not validate_host(domain, settings.ADMIN_ALLOWED_HOSTS):
                detail = format_lazy(
                    _("the admin is not served as {name}; add that name to DJANGO_ALLOWED_HOSTS"),
                    name=domain,
                )
                return problems.respond(request.META, 400, "host-not-allowed", detail)
        return get_response(request)

    return middleware


class PagesOnly:
    """Mixin for a middleware that only pages need: the paths in MACHINES bypass it."""

    get_response: Callable[[HttpRequest], Any]

    def __call__(self, request: HttpRequest) -> Any:
        if request.path_info in MACHINES:
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]  # the middleware's own


class ContentSecurityPolicyMiddleware(PagesOnly, MiddlewareMixin):
    """Let pages load and run only this service's own files, unless a view sets another policy."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        # Django's error page for developers has inline styles and scripts.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class WhiteNoiseMiddleware(PagesOnly, whitenoise.WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serve static files."""


class SessionMiddleware(PagesOnly, sessions.SessionMiddleware):
    """Load and save the session."""


class AuthenticationMiddleware(PagesOnly, auth.AuthenticationMiddleware):
    """Add the user to the request."""


class MessageMiddleware(PagesOnly, messages.MessageMiddleware):
    """Keep messages for the next page."""


class CommonMiddleware(common.CommonMiddleware):
    """Check the Host header and append missing slashes, for pages only."""

    def process_request(self, request: HttpRequest) -> Any:
        return None if request.path_info in MACHINES else super().process_request(request)
