"""Reads whole requests on the event loop, within limits, before a thread runs Django."""

import asyncio
import io
import sys
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import resolve
from rest_framework.exceptions import APIException

from serving import checks, conf, contract, problems, request_context
from serving.admission import Admission, overloaded
from serving.conf import Setting
from serving.contract import Environ, ServedModel
from serving.problems import Problem, too_large

Returned = TypeVar("Returned")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Coroutine[Any, Any, None]]
WSGIApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# For answers before the end of the body. Closing a connection with unread bytes resets it, and the
# caller might not see the answer.
DRAIN_BYTES: Final = 8 * 1024 * 1024
DRAIN_SECONDS: Final = 1.0
# For requests to anything but served models.
_ANY_MAX_BODY_BYTES: Final = Setting[int]("DATA_UPLOAD_MAX_MEMORY_SIZE")
# How much of a streamed response goes to the event loop at once; less if it is produced slowly.
_BLOCK_BYTES: Final = 256 * 1024
_BLOCK_SECONDS: Final = 1.0


class Bridge:
    """An ASGI application that runs a WSGI application in a bounded number of threads.

    A request takes a thread when its body is complete and it has a lane, so slow senders and
    waiting requests take none. A brief request runs on the event loop: waking a thread and sharing
    the GIL with it costs more. Requests that cannot be served are refused before their body is
    read, and the bytes of all bodies in memory are limited. Call it on one event loop. The scope's
    extensions have `connection_lost`, a future that is done when the connection has ended.
    """

    def __init__(self, application: WSGIApplication) -> None:
        if errors := [found for found in run_checks(tags=[checks.LIMITS]) if found.is_serious()]:
            raise ImproperlyConfigured("\n".join(str(error) for error in errors))
        self._application = application
        self._models = contract.models_by_path()
        for address in self._models:
            resolve(address)  # imports the view, so that no request waits for that
        self._admission = Admission()
        threads = conf.load().threads.value
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        gone = scope["extensions"]["connection_lost"]
        started = time.perf_counter()
        environ = _environ(scope)
        model = self._models.get(environ["PATH_INFO"])
        if model and environ["REQUEST_METHOD"] not in model.methods:
            model = None
        limit = model.max_body_bytes if model else _ANY_MAX_BODY_BYTES
        hold = _Hold(self)
        try:
            if self._check_head(environ, model, limit, hold):
                assert model
                # Before it has a lane: a database that hangs must not block the lane.
                await self._in_thread(model.admit, environ)
            body = await _read(limit, hold, receive)
        except APIException as problem:
            await _refuse(problem, environ, model, started, send, is_last=True)
            await _drain(receive)
        else:
            environ["CONTENT_LENGTH"] = str(len(body))
            environ["wsgi.input"] = _Input(body)
            environ[request_context.ARRIVED_AT] = time.perf_counter()
            del body
            try:
                for message in await self._messages_of(environ, model, send, gone):
                    await send(message)
            except APIException as problem:
                await _refuse(problem, environ, model, started, send, is_last=False)
        finally:
            hold.release()

    def _check_head(
        self, environ: Environ, model: ServedModel | None, limit: Setting[int], hold: "_Hold"
    ) -> bool:
        """Return whether the model's `admit` must be called.

        Raises APIException if the request can be refused without its body.
        """
        if (coding := environ.get("HTTP_TRANSFER_ENCODING", "chunked").lower()) != "chunked":
            raise Problem("not-implemented", f"the transfer coding {coding} is not understood")
        announced = int(environ["CONTENT_LENGTH"] or 0)
        if announced > limit.value:
            raise too_large(limit)
        needs_admission = False
        if model:
            needs_admission = model.check_head(environ)
            self._admission.check_queue()
        hold.grow_to(announced)
        return needs_admission

    async def _messages_of(
        self,
        environ: Environ,
        model: ServedModel | None,
        send: Send,
        gone: "asyncio.Future[None]",
    ) -> list[Message]:
        """Run the application; a request to a model waits for a lane first."""
        loop = asyncio.get_running_loop()

        def send_from_thread(message: Message) -> bool:
            if not gone.done():
                asyncio.run_coroutine_threadsafe(send(message), loop).result()
            return not gone.done()

        if model is None:
            return await self._in_thread(self._call, environ, send_from_thread)
        while not model.is_ready():
            await asyncio.sleep(0.02)
        size = int(environ["CONTENT_LENGTH"])
        async with self._admission.turn(model, size, gone):
            if model.is_brief(environ, size):
                # Its answer is small too, so `_call` sends nothing itself.
                return self._call(environ, send_from_thread)
            return await self._in_thread(self._call, environ, send_from_thread)

    async def _in_thread(self, call: Callable[..., Returned], *arguments: Any) -> Returned:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def _call(self, environ: Environ, send: Callable[[Message], bool]) -> list[Message]:
        """Run the application; send all blocks but the last, and return the remaining messages.

        `send` returns whether the connection still exists.
        """
        messages: list[Message] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            encoded = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
            code = int(status[:3])
            messages.append({"type": "http.response.start", "status": code, "headers": encoded})

        chunks = self._application(environ, start_response)
        try:
            block: list[bytes] = []
            size = 0
            due = time.monotonic() + _BLOCK_SECONDS
            for chunk in chunks if environ["REQUEST_METHOD"] != "HEAD" else ():
                if size > _BLOCK_BYTES or (size and time.monotonic() > due):
                    messages.append(_body(block, more=True))
                    is_there = [send(message) for message in messages]
                    messages.clear()
                    if not all(is_there):
                        break
                    block, size = [], 0
                    due = time.monotonic() + _BLOCK_SECONDS
                block.append(chunk)
                size += len(chunk)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        messages.append(_body(block, more=False))
        return messages


class _Input(io.BytesIO):
    """A body that is freed once it has been read.

    DRF's request objects form reference cycles, and would keep the body until the next garbage
    collection, when it is no longer counted.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = len(body)

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if self.tell() == self._size:
            self.truncate(0)
        return content


class _Hold:
    """How many of the bytes in memory belong to one body."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._size = 0

    def grow_to(self, size: int) -> None:
        """Count at least `size` bytes; raise Problem (503) if all bodies exceed the limit."""
        more = max(0, size - self._size)
        limit = conf.load().bodies_max_bytes
        if self._bridge._held + more > limit.value:
            raise overloaded(
                f"bodies of {self._bridge._held} bytes are held already, and together they may "
                f"have {limit.value} ({limit.name})"
            )
        self._bridge._held += more
        self._size += more

    def release(self) -> None:
        self._bridge._held -= self._size
        self._size = 0


async def _read(limit: Setting[int], hold: _Hold, receive: Receive) -> bytes:
    # No list of chunks: many small ones would need many times the memory of their bytes.
    body = io.BytesIO()
    timeout = conf.load().read_timeout_seconds
    deadline = asyncio.get_running_loop().time() + timeout.value
    try:
        while True:
            message = await _receive(receive, deadline)
            if message["type"] != "http.request":
                raise Problem("incomplete-body", "the connection ended within the body")
            size = body.tell() + len(message.get("body", b""))
            if size > limit.value:
                raise too_large(limit)
            hold.grow_to(size)
            body.write(message.get("body", b""))
            if not message.get("more_body"):
                return body.getvalue()
    except TimeoutError:
        raise Problem(
            "request-timeout",
            f"the body did not arrive within {timeout.value:g} s ({timeout.name})",
        ) from None


async def _receive(receive: Receive, deadline: float) -> Message:
    async with asyncio.timeout_at(deadline):
        message = await receive()
    # gunicorn loses the cancellation if a chunk arrives at the same time.
    if asyncio.get_running_loop().time() > deadline:
        raise TimeoutError
    return message


async def _refuse(
    problem: APIException,
    environ: Environ,
    model: ServedModel | None,
    started: float,
    send: Send,
    *,
    is_last: bool,
) -> None:
    """Send the problem; with `is_last`, the connection ends after it."""
    request_context.current.set(request_context.identify(environ))
    response = problems.answer(problem, environ)
    if model:
        model.record_refused(model.name, environ, response, started)
    for message in _messages(response, is_last=is_last):
        await send(message)


async def _drain(receive: Receive) -> None:
    deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
    with suppress(TimeoutError):
        drained, more = 0, True
        while more and drained < DRAIN_BYTES:
            message = await _receive(receive, deadline)
            drained += len(message.get("body", b""))
            more = message.get("more_body", False)


def _messages(response: HttpResponse, *, is_last: bool) -> list[Message]:
    caller = request_context.current.get()
    assert caller
    response["X-Request-ID"] = caller.request_id
    if is_last:
        response["Connection"] = "close"
    headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in response.items()]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    return [start, _body([response.content], more=False)]


def _body(block: list[bytes], *, more: bool) -> Message:
    return {"type": "http.response.body", "body": b"".join(block), "more_body": more}


def _environ(scope: Message) -> Environ:
    """Return the WSGI environ (PEP 3333) of an ASGI scope."""
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    authority, path = _target(scope["raw_path"])
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": scope["raw_path"].decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "CONTENT_LENGTH": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        # Several headers of the same name are one list.
        separator = "; " if name == "HTTP_COOKIE" else ","
        environ[name] = f"{environ[name]}{separator}{value}" if environ.get(name) else value
    if authority:
        environ["HTTP_HOST"] = authority.decode("latin-1")
    return environ


def _target(raw: bytes) -> tuple[bytes, bytes]:
    """Return authority and path of a request target; a proxy may send both (RFC 9112, 3.2.2)."""
    if raw.startswith(b"/") or b"://" not in raw:
        return b"", raw
    authority, slash, path = raw.partition(b"://")[2].partition(b"/")
    return authority, (slash + path) or b"/"
