"""Reading bodies, as far as no caller can bring it about for certain."""

import asyncio
import contextlib
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from clustering.problems import Problem
from kmeans_project import bridge


class AnyHold:
    """Bears any size."""

    def grow_to(self, size: int) -> None:
        """Do nothing."""


def test_a_piece_in_the_last_moment_does_not_stop_the_clock(settings: Settings) -> None:
    settings.HTTP_READ_TIMEOUT_SECONDS = 0.05
    pieces: list[bytes] = []

    async def receive() -> bridge.Message:
        assert not pieces, "goes on after the time is over"
        pieces.append(b" ")
        # `asyncio.wait_for`, in which gunicorn waits, does so in Python 3.11.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return {"type": "http.request", "body": pieces[-1], "more_body": True}

    hold: Any = AnyHold()
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/api/skl-kmeans"}
    with pytest.raises(Problem) as raised:
        asyncio.run(bridge._read(environ, hold, receive))
    assert raised.value.status_code == 408
