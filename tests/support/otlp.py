"""A collector's double: takes spans over OTLP/HTTP, and keeps them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


class Span(NamedTuple):
    """One span; ids in hex, attributes of its own and of its process."""

    name: str
    trace_id: str
    parent_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Collector:
    """Listens on `endpoint` within `with`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.spans += decode(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def decode(body: bytes) -> list[Span]:
    """Return the spans of an export request."""
    return [
        Span(
            span.name,
            span.trace_id.hex(),
            span.parent_span_id.hex(),
            _as_dict(span.attributes),
            _as_dict(of_process.resource.attributes),
        )
        for of_process in ExportTraceServiceRequest.FromString(body).resource_spans
        for of_scope in of_process.scope_spans
        for span in of_scope.spans
    ]


def _as_dict(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
