"""The playground, with a link to publish a number of clusters for users who may do that."""

from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest

from clustering.playground import PlaygroundView
from kmeans_project.pages.overview import PUBLISH, VIEW


class PublishingPlaygroundView(PlaygroundView):
    """The page needs a database only for a session's cookie, and works without it."""

    template_name = "kmeans_project/playground.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"may_publish": _may_publish(self.request)}


def _may_publish(request: HttpRequest) -> bool:
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return False
    try:
        return request.user.has_perms([VIEW, PUBLISH])
    except DatabaseError:
        return False
