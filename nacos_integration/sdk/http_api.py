"""The HTTP API of a Nacos server."""

import asyncio
import ssl
import urllib.parse
from collections.abc import Mapping

from nacos_integration import http_client
from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError

SECONDS = 3.5
MAX_BYTES = 1024 * 1024


def request(
    conf: Conf,
    server: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> http_client.Response:
    """Return the answer of `server`, a `host:port`, whatever its status; raise NacosError.

    `path` is without the server's context path.
    """
    tls = None
    if conf.tls_enabled:
        tls = ssl.create_default_context(cafile=conf.tls_ca_file)
        tls.load_cert_chain(conf.tls_cert_file, conf.tls_key_file)
    form_type = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    try:
        return http_client.request(
            method,
            server,
            conf.context_path + path + (f"?{urllib.parse.urlencode(params)}" if params else ""),
            seconds=SECONDS,
            max_bytes=MAX_BYTES,
            headers={**(headers or {}), **form_type},
            body=urllib.parse.urlencode(form).encode() if form else None,
            tls=tls,
            proxy=conf.proxy,
        )
    except (OSError, ValueError) as error:
        raise NacosError(f"{server}{conf.via} is unreachable: {error}") from error


async def arequest(
    conf: Conf, server: str, method: str, path: str, **details: Mapping[str, str]
) -> http_client.Response:
    """Do the same in a thread of the event loop's."""
    return await asyncio.to_thread(request, conf, server, method, path, **details)
