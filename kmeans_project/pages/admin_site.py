"""The admin, with the overview as its first page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path


class AdminSite(admin.AdminSite):
    """Django's admin with the views of `overview.py`."""

    site_header = site_title = "skl-kmeans"

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the login page, and log in; a login that is not even checked is an error."""
        from kmeans_project.pages.logins import LoginForm

        self.login_form = LoginForm
        response = super().login(request, extra_context)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if isinstance(form, LoginForm) and form.refusal:
            response.status_code = form.refusal
            response["Retry-After"] = str(form.retry_seconds)
        return response

    def get_urls(self) -> list[URLResolver | URLPattern]:
        from kmeans_project.pages import overview

        return [
            path("overview/", self.admin_view(overview.page), name="overview"),
            path("overview/panels/", self.admin_view(overview.panels), name="overview-panels"),
            path("overview/clusters/", self.admin_view(overview.clusters), name="clusters"),
            path(
                "overview/publish/<int:pk>/",
                self.admin_view(overview.publish_again),
                name="publish-again",
            ),
            path("overview/registry/", self.admin_view(overview.registry), name="registry"),
            *super().get_urls(),
        ]
