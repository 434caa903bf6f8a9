"""What stands between the service and Nacos, and breaks on command."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import grpc  # type: ignore[import-untyped]

from tests.support.service import free_port

GRPC_PORT_OFFSET = 1000
Result = TypeVar("Result")


class Link:
    """One connection from the service, and the one to the server that it is forwarded to."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        # As after a firewall forgot the connection: nothing passes ever again, not even an end.
        self.is_dead = False

    def reset(self) -> None:
        for writer in self.writers:
            linger = struct.pack("ii", 1, 0)
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
            writer.transport.abort()

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not self.is_dead:
                    writer.write(data)
                    await writer.drain()
        if not self.is_dead:
            for each in self.writers:
                each.close()


class Proxy:
    """Forwards a main port and, unless told otherwise, its gRPC port to a server's, over TCP."""

    def __init__(
        self,
        target: int,
        offsets: tuple[int, ...] = (0, GRPC_PORT_OFFSET),
        host: str = "127.0.0.1",
    ) -> None:
        self._target = target
        self._host = host
        self._offsets = offsets
        self._links: set[Link] = set()
        self._servers: list[asyncio.Server] = []
        self._swallows = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._thread.start()
        self.port = self._do(self._listen_somewhere())

    @property
    def connections(self) -> int:
        """How many connections of the service are forwarded now."""
        return sum(not link.is_dead for link in self._links)

    def reset(self) -> None:
        """Cut every connection with a RST; new ones are welcome."""
        self._do(self._reset())

    def refuse(self) -> None:
        """Cut every connection and stop listening."""
        self._do(self._stop_listening())
        self.reset()

    def swallow(self) -> None:
        """Take connections and bytes, and forward nothing, for old connections for good."""
        self._do(self._swallow())

    def restore(self) -> None:
        """Forward again what connects from now on."""
        self._do(self._restore())

    def close(self) -> None:
        self.refuse()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, what: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen_somewhere(self) -> int:
        for _ in range(50):
            # Below the range from which the system takes ports for connections.
            self.port = 11000 + free_port() % 5000
            with contextlib.suppress(OSError):
                await self._listen()
                return self.port
            await self._stop_listening()
        raise RuntimeError("no free ports")

    async def _listen(self) -> None:
        for offset in self._offsets:
            serve = partial(self._serve, self._target + offset)
            self._servers.append(await asyncio.start_server(serve, self._host, self.port + offset))

    async def _serve(
        self, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        link = Link(writer)
        self._links.add(link)
        try:
            if self._swallows:
                link.is_dead = True
                await link.copy(reader, writer)
                return
            try:
                onward = await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                link.reset()
                return
            link.writers = (writer, onward[1])
            await asyncio.gather(link.copy(reader, onward[1]), link.copy(onward[0], writer))
        finally:
            if not link.is_dead:
                self._links.discard(link)

    async def _reset(self) -> None:
        for link in self._links:
            link.reset()
        # Lets the connections' tasks end.
        await asyncio.sleep(0.1)

    async def _stop_listening(self) -> None:
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()

    async def _swallow(self) -> None:
        self._swallows = True
        for link in self._links:
            link.is_dead = True

    async def _restore(self) -> None:
        self._swallows = False
        if not self._servers:
            await self._listen()


class GrpcRelay:
    """A scripted gRPC server that hands each message to the real one, with faults of its own.

    Bytes go through as they are. Each connection of the service gets one to the server, because
    the server knows clients by their connection.
    """

    def __init__(self, port: int, target: int) -> None:
        self.loses_pushes = False
        self._target = f"127.0.0.1:{target}"
        self._lock = threading.Lock()
        self._channels: dict[str, grpc.Channel] = {}
        self._ended: set[str] = set()
        self._workers = ThreadPoolExecutor(32, "fault-grpc")
        # Without this a port that is taken would be shared, silently.
        self._server = grpc.server(self._workers, options=[("grpc.so_reuseport", 0)])
        handlers = {
            "Request": {"request": grpc.unary_unary_rpc_method_handler(self._request)},
            "BiRequestStream": {
                "requestBiStream": grpc.stream_stream_rpc_method_handler(self._stream)
            },
        }
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, each) for name, each in handlers.items()]
        )
        self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    def end_streams(self) -> int:
        """End each stream cleanly, as a server that unregisters a client; the port stays open."""
        with self._lock:
            channels, self._channels = self._channels, {}
            self._ended |= set(channels)
        for channel in channels.values():
            channel.close()
        return len(channels)

    def close(self) -> None:
        self._server.stop(0).wait(5)
        self.end_streams()
        self._workers.shutdown(wait=False)

    def _channel(self, peer: str) -> grpc.Channel:
        with self._lock:
            if peer not in self._channels:
                self._channels[peer] = grpc.insecure_channel(
                    self._target, [("grpc.use_local_subchannel_pool", 1)]
                )
            return self._channels[peer]

    def _leave(self, peer: str, stop: Callable[[], object]) -> None:
        stop()
        with self._lock:
            channel = self._channels.pop(peer, None) if peer not in self._ended else None
        if channel:
            channel.close()

    def _request(self, message: bytes, context: grpc.ServicerContext) -> bytes:
        call = self._channel(context.peer()).unary_unary("/Request/request")
        try:
            answer: bytes = call(message, timeout=10)
        except (grpc.RpcError, ValueError) as error:  # ValueError: the channel was just closed
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return answer

    def _stream(self, messages: Any, context: grpc.ServicerContext) -> Any:
        peer = context.peer()
        call = self._channel(peer).stream_stream("/BiRequestStream/requestBiStream")(
            _until_gone(messages)
        )
        context.add_callback(partial(self._leave, peer, call.cancel))
        try:
            for message in call:
                if not (self.loses_pushes and b"ConfigChangeNotifyRequest" in message):
                    yield message
        except grpc.RpcError:
            if peer not in self._ended:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the server ended the stream")


def _until_gone(messages: Any) -> Any:
    with contextlib.suppress(grpc.RpcError):
        yield from messages
