"""Creates API keys for tests, and sends requests with them."""

import json
import time
from typing import Any

from django.test import Client

from clustering.models import ApiKey
from tests.support.reference import REFERENCE_POINTS


class Clock:
    """The clock, set back to the start of its minute, so that no minute ends within a test."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self._late = time.time() % 60

    def time(self) -> float:
        return time.time() - self._late

    def advance(self, seconds: float) -> None:
        self._late -= seconds


def create_key(**fields: Any) -> tuple[ApiKey, str]:
    row, key = ApiKey.objects.create_key(**{"name": "a caller", **fields})
    assert isinstance(row, ApiKey)
    return row, key


def send(authorization: str | None, body: bytes | None = None, **more: Any) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    content = json.dumps({"points": REFERENCE_POINTS}).encode() if body is None else body
    return Client().post(
        "/api/skl-kmeans", content, headers=headers, **{"content_type": "application/json", **more}
    )


def post(key: str) -> Any:
    return send(f"Api-Key {key}")
