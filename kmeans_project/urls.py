"""URLs of the project."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView
from django.views.i18n import set_language

from clustering.playground import current_config
from kmeans_project.pages.api_docs import ApiDocsView, SchemaView
from kmeans_project.pages.metrics import metrics
from kmeans_project.pages.playground import PublishingPlaygroundView
from serving import contract

urlpatterns = [
    *contract.routes(),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", ApiDocsView.as_view(), name="docs"),
    path("", include("nacos_integration.web.urls")),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    # Pages come last: patterns are tried in order, and machines send more requests.
    path("", PublishingPlaygroundView.as_view(), name="playground"),
    path("playground/config", current_config, name="playground-config"),
    path("i18n/setlang/", set_language, name="set_language"),
    # Browsers request this if a page, such as one of the admin, names no icon.
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("clustering/icon.svg"))),
]
