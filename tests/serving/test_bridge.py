"""Reading bodies, as far as no caller can bring it about for certain."""

import asyncio
import contextlib
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from serving import bridge
from serving.conf import Setting
from serving.contract import Environ
from serving.problems import Problem


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
    limit = Setting[int]("KMEANS_MAX_BODY_BYTES")
    with pytest.raises(Problem) as raised:
        asyncio.run(bridge._read(limit, hold, receive))
    assert raised.value.status_code == 408


def test_what_comes_slowly_is_sent_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_BLOCK_SECONDS", 0.0)
    sent: list[bridge.Message] = []

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"head\n", b"row\n", b"last\n"]

    def send(message: bridge.Message) -> bool:
        sent.append(message)
        return True

    rest = bridge.Bridge(application)._call({"REQUEST_METHOD": "GET"}, send)
    assert [message.get("body") for message in sent] == [None, b"head\n", b"row\n"]
    assert [message.get("body") for message in rest] == [b"last\n"]
