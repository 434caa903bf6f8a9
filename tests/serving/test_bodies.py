"""Reading bodies, as far as no client can bring it about for certain."""

import asyncio
import contextlib

import pytest
from pytest_django.fixtures import Settings

from serving.bodies import Body, Budget, Message
from serving.conf import Setting
from serving.problems import Problem

LIMIT = Setting[int]("KMEANS_MAX_BODY_BYTES")


def test_a_piece_in_the_last_moment_does_not_stop_the_clock(settings: Settings) -> None:
    settings.HTTP_READ_TIMEOUT_SECONDS = 0.05
    pieces: list[bytes] = []

    async def receive() -> Message:
        assert not pieces, "goes on after the time is over"
        pieces.append(b" ")
        # As if a piece came at the very moment of the deadline.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return {"type": "http.request", "body": pieces[-1], "more_body": True}

    with pytest.raises(Problem) as raised:
        asyncio.run(Body(receive, Budget()).read(LIMIT))
    assert raised.value.status_code == 408


def test_a_refused_body_returns_its_bytes(settings: Settings) -> None:
    settings.KMEANS_BODIES_MAX_BYTES = 10
    budget = Budget()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"123456", "more_body": True}

    async def read() -> None:
        body = Body(receive, budget)
        with pytest.raises(Problem) as raised:
            await body.read(LIMIT)
        assert raised.value.status_code == 503
        assert budget.held == 6
        body.release()
        body.release()
        assert budget.held == 0

    asyncio.run(read())
