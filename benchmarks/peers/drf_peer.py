"""k-means in Django REST Framework with its own nested fields, and an echo, for `make bench`."""

from typing import Any

from django.conf import settings

settings.configure(
    SECRET_KEY="only for a benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    # Adds the Content-Length, without which gunicorn answers in chunks.
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    # Larger bodies are answered, too.
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402


class Body(serializers.Serializer[Any]):
    points = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class KMeansView(APIView):
    def post(self, request: Request) -> Response:
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        points = body.validated_data["points"]
        labels = KMeans(n_clusters=3, random_state=9, n_init=10).fit_predict(points)
        return Response({"results": labels.tolist()})


class EchoView(APIView):
    def post(self, request: Request) -> Response:
        return Response(request.data)


urlpatterns = [path("api/skl-kmeans", KMeansView.as_view()), path("echo", EchoView.as_view())]
application = get_wsgi_application()
