"""Accepting connections, as far as no client can bring it about for certain."""

import asyncio
import socket

from serving.gunicorn.listener import Listener, shares


def test_a_listener_is_closed_when_its_last_connections_are_open() -> None:
    made: list[asyncio.Protocol] = []
    opened: list[asyncio.Protocol] = []

    class Protocol(asyncio.Protocol):
        def __init__(self) -> None:
            made.append(self)

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            opened.append(self)
            transport.close()

    async def listen() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            place = shares.join()
            shares.begin(place)
            listener = Listener(server, Protocol, place)
            with socket.create_connection(server.getsockname()):
                while not made:
                    await asyncio.sleep(0)
                assert not opened, "too late to show anything"
                await listener.close()
                assert opened == made
            shares.leave(place)

    asyncio.run(listen())


def test_a_worker_that_accepts_no_more_slows_no_other() -> None:
    one, other = shares.join(), shares.join()
    try:
        shares.begin(one)
        shares.begin(other)
        shares.add(one, 20)
        assert not shares.is_least(one)
        shares.end(other)
        shares.add(other, -1)  # of those that it has left
        assert shares.is_least(one)
        assert not shares.is_any_starting()
        assert shares.join() != other
    finally:
        for place in range(4):
            shares.leave(place)
