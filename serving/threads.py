"""Threads by purpose, so that slow pages never take those of the API or of health checks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from serving import conf
from serving.admission import caller_gone, overloaded

Returned = TypeVar("Returned")


class Pool:
    """A bounded number of threads, and a bounded queue for them; use it on one event loop.

    Waiting takes no thread, and a call whose caller has gone is not made.
    """

    def __init__(self, purpose: str, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=purpose)
        self._free = asyncio.Semaphore(threads)
        self._purpose = purpose
        self._waiting = 0

    async def run(
        self, gone: "asyncio.Future[None]", call: Callable[..., Returned], *arguments: Any
    ) -> Returned:
        """Return what `call` returns, made in a thread.

        Raises Problem (503) if too many calls wait, or this one for too long; (499) if the caller
        has gone meanwhile.
        """
        await self._wait(gone)
        try:
            if gone.done():
                raise caller_gone()
            return await self._call(call, *arguments)
        finally:
            self._free.release()

    async def resume(self, call: Callable[..., Returned]) -> Returned:
        """Return what `call` returns, the next part of what `run` began: never refused."""
        async with self._free:
            return await self._call(call)

    async def _call(self, call: Callable[..., Returned], *arguments: Any) -> Returned:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)

    async def _wait(self, gone: "asyncio.Future[None]") -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        limits = conf.load()
        if self._waiting >= limits.queue_size.value:
            raise overloaded(
                format_lazy(
                    _("{waiting} {purpose} requests wait already"),
                    waiting=self._waiting,
                    purpose=self._purpose,
                )
            )
        self._waiting += 1
        timeout = limits.queue_timeout_seconds.value
        free = asyncio.ensure_future(self._free.acquire())
        try:
            await asyncio.wait((free, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if free.done():  # at the same time
                self._free.release()
            raise
        finally:
            self._waiting -= 1
            if not free.done():
                free.cancel()
        if free.done():
            return
        if gone.done():
            raise caller_gone()
        raise overloaded(
            format_lazy(
                _("no thread for {purpose} within {seconds} s"),
                purpose=self._purpose,
                seconds=f"{timeout:g}",
            )
        )
