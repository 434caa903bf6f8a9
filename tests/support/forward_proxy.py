"""A forward proxy, as companies have them: it opens tunnels by CONNECT, or refuses all."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAMES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")


def behind(address: str) -> dict[str, str]:
    """Return what a host behind such a proxy has in its environment, in every spelling."""
    named = dict.fromkeys((*NAMES, *map(str.upper, NAMES)), f"http://{address}")
    return named | {"no_proxy": "", "NO_PROXY": ""}


# Nothing listens there.
BEHIND_A_DEAD_PROXY = behind("127.0.0.1:9")


class ForwardProxy(ThreadingHTTPServer):
    """Keeps what it was asked for, and each `Proxy-Authorization`."""

    daemon_threads = True

    def __init__(self, *, opens: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.opens = opens
        self.asked: list[str] = []
        self.users: set[str | None] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: ForwardProxy

    def do_CONNECT(self) -> None:
        self.server.asked.append(self.path)
        self.server.users.add(self.headers.get("Proxy-Authorization"))
        if not self.server.opens:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), 5) as onward:
            self.send_response(HTTPStatus.OK)
            self.end_headers()
            back = threading.Thread(target=pipe, args=(onward, self.connection))
            back.start()
            pipe(self.connection, onward)
            back.join()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(HTTPStatus.FORBIDDEN)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None: ...


def pipe(source: socket.socket, target: socket.socket) -> None:
    """Pass on all bytes until one side ends, then end both."""
    with contextlib.suppress(OSError):
        source.settimeout(None)
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def forward_proxy(*, opens: bool = True) -> Iterator[ForwardProxy]:
    """Run a proxy that opens tunnels, or answers everything with 403."""
    with ForwardProxy(opens=opens) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=[0.05])
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
