"""An ASGI application that runs Django, a WSGI application, in threads."""

import asyncio
import io
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.urls import resolve
from django.utils.module_loading import import_string
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from serving import checks, conf, contract, problems, request_context
from serving.admission import LANES, Admission, caller_gone
from serving.bodies import Body, Budget, Input, Message, Receive
from serving.conf import Setting
from serving.content_coding import Gunzip, is_gzip
from serving.contract import Environ, ServedModel
from serving.problems import Problem, too_large
from serving.threads import Pool
from serving.wsgi import Application, Response, body_message, environ_of

Send = Callable[[Message], Coroutine[Any, Any, None]]

# The limit of bodies for all but served models.
_ANY_MAX_BODY_BYTES: Final = Setting[int]("DATA_UPLOAD_MAX_MEMORY_SIZE")
_ADMIT_THREADS: Final = 8
# Between two looks whether a model is ready.
_READY_SECONDS: Final = 0.02
_PROBE_THREADS: Final = 2
_GUNZIP_THREADS: Final = 1


class Bridge:
    """Reads requests on the event loop, and runs them in threads.

    A request gets a thread only when its body is complete and its lane is free, so slow senders
    and waiting requests take none. No thread waits for a client that reads slowly. A brief request
    runs on the event loop: waking a thread would take longer. Limits are checked in the order of
    their cost: address, method, announced size, whether there is an API key, queue, API
    key, body.

    Call it on one event loop. The scope's extensions must have `target`, and `connection_lost`: a
    future that is done when the connection ends.
    """

    def __init__(self, application: Application) -> None:
        if errors := [found for found in run_checks(tags=[checks.LIMITS]) if found.is_serious()]:
            raise ImproperlyConfigured("\n".join(str(error) for error in errors))
        self._application = application
        self._models = contract.models_by_path()
        for address in self._models:
            resolve(address)  # imports the view and scikit-learn, so that no request waits for them
        self._probe_paths = frozenset(conf.load().probe_paths)
        self._brief_paths = frozenset(conf.load().brief_paths)
        self._admission = Admission()
        self._budget = Budget()
        self._fits = Pool("fit", LANES)
        self._gunzips = Pool("gunzip", _GUNZIP_THREADS)
        self._admits = Pool("api-key", _ADMIT_THREADS)
        self._probes = Pool("probe", _PROBE_THREADS)
        self._pages = Pool("page", conf.load().threads.value)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        gone: asyncio.Future[None] = scope["extensions"]["connection_lost"]
        environ = environ_of(scope)
        environ[contract.IS_GONE] = gone.done
        model = self._models.get(environ["PATH_INFO"])
        if model and environ["REQUEST_METHOD"] not in model.methods:
            model = None
        body = Body(receive, self._budget)
        try:
            await self._answer(environ, model, body, gone, send)
        finally:
            body.release()

    async def _answer(
        self,
        environ: Environ,
        model: ServedModel | None,
        body: Body,
        gone: "asyncio.Future[None]",
        send: Send,
    ) -> None:
        started = time.perf_counter()
        limit = model.max_body_bytes if model else _ANY_MAX_BODY_BYTES
        try:
            if self._check_head(environ, model, limit):
                assert model
                await self._admits.run(gone, model.admit, environ)
            gunzip = Gunzip(self._gunzips, gone) if model and is_gzip(environ) else None
            content = await body.read(limit, gunzip)
        except Exception as error:  # noqa: BLE001 (unexpected ones are logged and answered with 500)
            body.release()
            start, refusal = _refuse(error, environ, model, started)
            start["headers"].append((b"connection", b"close"))
            await send(start)
            await send(body_message(refusal, more=True))
            await body.drain()
            await send(body_message(b"", more=False))
            return
        if model:
            environ.pop("HTTP_CONTENT_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(content))
        environ["wsgi.input"] = Input(content)
        environ[request_context.ARRIVED_AT] = time.perf_counter()
        del content
        response = Response(self._application, environ)
        try:
            try:
                if model:
                    pool = self._fits
                    messages = await self._compute(model, response, environ, gone)
                else:
                    path = environ["PATH_INFO"]
                    pool = self._probes if path in self._probe_paths else self._pages
                    if path in self._brief_paths:
                        messages = response.next_messages()
                    else:
                        messages = await pool.run(gone, response.next_messages)
            finally:
                # Before the response is sent, because a client may take any time to read it.
                environ["wsgi.input"].close()
                body.release()
        except Exception as error:  # noqa: BLE001
            start, refusal = _refuse(error, environ, model, started)
            await send(start)
            await send(body_message(refusal, more=False))
        else:
            await _send(pool, response, messages, gone, send)

    def _check_head(self, environ: Environ, model: ServedModel | None, limit: Setting[int]) -> bool:
        """Return whether the model's `admit` must be called.

        Raises APIException if the body need not be read.
        """
        if (coding := environ.get("HTTP_TRANSFER_ENCODING", "chunked").lower()) != "chunked":
            detail = format_lazy(_("the transfer coding {coding} is not supported"), coding=coding)
            raise Problem("not-implemented", detail)
        length = environ["CONTENT_LENGTH"]
        announced = int(length) if length else None
        if announced and announced > limit.value:
            raise too_large(limit)
        if model is None:
            return False
        needs_admission = model.check_head(environ)
        self._admission.check_queue(model, announced)
        return needs_admission

    async def _compute(
        self,
        model: ServedModel,
        response: Response,
        environ: Environ,
        gone: "asyncio.Future[None]",
    ) -> list[Message]:
        """Return the first messages of the response to a request to a model, made in its lane."""
        size = int(environ["CONTENT_LENGTH"])
        async with self._admission.turn(model, size, gone):
            # The others wait in the queue meanwhile.
            while not model.is_ready():
                if gone.done():
                    raise caller_gone()
                await asyncio.sleep(_READY_SECONDS)
            if model.is_brief(environ, size):
                return response.next_messages()
            return await self._fits.run(gone, response.next_messages)


async def _send(
    pool: Pool,
    response: Response,
    messages: list[Message],
    gone: "asyncio.Future[None]",
    send: Send,
) -> None:
    """Send the response; while the client does not read, this waits without a thread."""
    try:
        while True:
            for message in messages:
                await send(message)
            if response.is_complete or gone.done():
                return
            messages = await pool.resume(response.next_messages)
    finally:
        if not response.is_complete:
            await pool.resume(response.close)


def _through_middleware(response: HttpResponse, environ: Environ) -> HttpResponse:
    for path in conf.load().refusal_middleware:
        request = WSGIRequest({**environ, "wsgi.input": io.BytesIO()})
        response = import_string(path)(lambda _, answer=response: answer)(request)
    return response


def _refuse(
    error: Exception, environ: Environ, model: ServedModel | None, started: float
) -> tuple[Message, bytes]:
    """Return the start and the body of a response that Django has no part in, and record it."""
    caller = request_context.identify(environ)
    request_context.current.set(caller)
    response: HttpResponse = problems.answer(error, environ)
    if model:
        model.record_refused(model.name, environ, response, started)
    response["X-Request-ID"] = caller.request_id
    response = _through_middleware(response, environ)
    headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in response.items()]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    return start, response.content
