"""A server's HTTP API with some answers scripted; gRPC goes through as it is."""

import contextlib
import http.client
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.proxy import GRPC_PORT_OFFSET, Proxy

Answers = Mapping[str, tuple[int, bytes]]


@contextlib.contextmanager
def http_front(port: int, answers: Answers) -> Iterator[str]:
    """Yield the address of a front of the server at `port`.

    `answers` has a status and a body for what begins with a path; the rest is forwarded.
    """

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            for path, scripted in answers.items():
                if self.path.startswith(path):
                    status, content = scripted
                    break
            else:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                status, content = response.status, response.read()
                connection.close()
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def log_message(self, *_: object) -> None: ...

    proxy = Proxy(port, (GRPC_PORT_OFFSET,))
    with ThreadingHTTPServer(("127.0.0.1", proxy.port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield f"127.0.0.1:{proxy.port}"
        finally:
            server.shutdown()
            thread.join()
            proxy.close()
