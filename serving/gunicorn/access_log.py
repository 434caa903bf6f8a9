"""gunicorn's access log, for ASGI applications: --access-logfile and its format."""

import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any


class AccessLog:
    """An ASGI application that has each answer of another one logged by gunicorn's logger."""

    def __init__(self, application: Callable[..., Any], log: Any) -> None:
        self._application = application
        self._log = log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        began = time.monotonic()
        response = SimpleNamespace(status=500, headers=[], sent=0)

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                response.status = message["status"]
                response.headers = _texts(message["headers"])
            else:
                response.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._application(scope, receive, counted)
        finally:
            request = SimpleNamespace(headers=_texts(scope["headers"]))
            environ = {
                "REQUEST_METHOD": scope["method"],
                "RAW_URI": scope["extensions"]["target"].decode("latin-1"),
                "PATH_INFO": scope["path"],
                "QUERY_STRING": scope["query_string"].decode("latin-1"),
                "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
                "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
            }
            self._log.access(
                response, request, environ, timedelta(seconds=time.monotonic() - began)
            )


def _texts(headers: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
