"""Request bodies: read on the event loop, within limits of size, time and memory."""

import asyncio
import io
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from serving import conf
from serving.admission import overloaded
from serving.conf import Setting
from serving.content_coding import Gunzip
from serving.problems import Problem, too_large

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# What is read and discarded after an early response. If a connection is closed with bytes unread,
# it is reset, and the caller may not see the response.
DRAIN_BYTES: Final = 8 * 1024 * 1024
DRAIN_SECONDS: Final = 1.0


class Budget:
    """The bytes of all bodies in memory; use it on one event loop."""

    def __init__(self) -> None:
        self.held = 0

    def check(self, more: int) -> None:
        """Raise Problem (503) if so many more bytes are too many."""
        limit = conf.load().bodies_max_bytes
        if self.held + more > limit.value:
            raise overloaded(
                format_lazy(
                    _(
                        "bodies of {held} bytes are held already, and together they may have "
                        "{limit} ({setting})"
                    ),
                    held=self.held,
                    limit=limit.value,
                    setting=limit.name,
                )
            )


class Body:
    """One request body, whose bytes are counted in the budget as they arrive."""

    def __init__(self, receive: Receive, budget: Budget) -> None:
        self._receive = receive
        self._budget = budget
        self._size = 0
        self._is_whole = False

    async def read(self, limit: Setting[int], gunzip: Gunzip | None = None) -> bytes:
        """Return the whole body, expanded by `gunzip`.

        Raises Problem if it is larger than `limit`, as sent or expanded (413), too late (408), or
        cut off or not gzip (400), or if all bodies together are too large (503).
        """
        timeout = conf.load().read_timeout_seconds
        deadline = asyncio.get_running_loop().time() + timeout.value
        # Not a list of pieces: many small ones would take many times the memory of their bytes.
        # Closed, because the error of a refused body would keep it alive.
        with io.BytesIO() as body:
            try:
                await self._read_into(body, deadline, limit, gunzip)
            except TimeoutError:
                detail = format_lazy(
                    _("the body did not arrive within {seconds} s ({setting})"),
                    seconds=f"{timeout.value:g}",
                    setting=timeout.name,
                )
                raise Problem("request-timeout", detail) from None
            return body.getvalue()

    def release(self) -> None:
        """Return the bytes to the budget; harmless if repeated."""
        self._budget.held -= self._size
        self._size = 0

    async def drain(self) -> None:
        """Read and discard what the caller still sends, within limits."""
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        drained = 0
        with suppress(TimeoutError, Problem):
            while not self._is_whole and drained < DRAIN_BYTES:
                drained += len(await self._next(deadline))

    async def _read_into(
        self, body: io.BytesIO, deadline: float, limit: Setting[int], gunzip: Gunzip | None
    ) -> None:
        received = 0
        while not self._is_whole:
            piece = await self._next(deadline)
            received += len(piece)
            if received > limit.value:
                raise too_large(limit)
            if gunzip is None:
                self._keep(body, piece, limit)
            else:
                async for block in gunzip.blocks(piece):
                    self._keep(body, block, limit)
        if gunzip:
            gunzip.end()

    def _keep(self, body: io.BytesIO, piece: bytes, limit: Setting[int]) -> None:
        if self._size + len(piece) > limit.value:
            raise too_large(limit)
        self._budget.check(len(piece))
        self._budget.held += len(piece)
        self._size += len(piece)
        body.write(piece)

    async def _next(self, deadline: float) -> bytes:
        async with asyncio.timeout_at(deadline):
            message = await self._receive()
        # asyncio.timeout_at stops no call that returns without waiting.
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError
        if message["type"] != "http.request":
            raise Problem("incomplete-body", _("the connection ended within the body"))
        self._is_whole = not message.get("more_body")
        piece: bytes = message.get("body", b"")
        return piece


class Input(io.BytesIO):
    """A `wsgi.input` that frees its bytes once they are read.

    DRF's objects refer to each other, so they keep it alive until the garbage collector runs.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = len(body)

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if self.tell() == self._size:
            self.truncate(0)
        return content
