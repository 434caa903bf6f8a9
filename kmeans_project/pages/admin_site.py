"""The admin, with the overview as its first page."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path


class AdminSite(admin.AdminSite):
    """Django's admin with the views of `overview.py`."""

    site_header = site_title = "skl-kmeans"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        from kmeans_project.pages import overview

        return [
            path("overview/", self.admin_view(overview.page), name="overview"),
            path("overview/panels/", self.admin_view(overview.panels), name="overview-panels"),
            path("overview/clusters/", self.admin_view(overview.clusters), name="clusters"),
            path("overview/registry/", self.admin_view(overview.registry), name="registry"),
            *super().get_urls(),
        ]
