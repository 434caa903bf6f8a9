"""The language of problems that are answered without Django."""

import http.client
import json
import socket
from typing import Any

from tests.support.service import Service

CHINESE = b"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n"
HEAD = (
    b"POST /api/skl-kmeans HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
)


def send(service: Service, request: bytes) -> tuple[http.client.HTTPMessage, dict[str, Any]]:
    """Send bytes; return the headers and the document of the answer."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection, method="POST")
        response.begin()
        return response.headers, json.loads(response.read())


def test_titles_are_in_the_language_of_the_caller(service: Service) -> None:
    service.environment |= {
        "WORKERS": "1",
        "HTTP_READ_TIMEOUT_SECONDS": "1",
        "KMEANS_MAX_BODY_BYTES": "1000",
    }
    service.start()
    service.wait_until_it_answers()
    for request, status, english, chinese in [
        (HEAD % 1001, 413, "Content Too Large", "请求内容过大"),
        (HEAD % 10, 408, "Request Timeout", "请求超时"),
        (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n", 404, "Not Found", "未找到"),
        (b"PUT /livez HTTP/1.1\r\nHost: a\r\n", 405, "Method Not Allowed", "不允许使用该方法"),
    ]:
        for header, language, title in [
            (b"", "en", english),
            (b"Accept-Language: fr\r\n", "en", english),
            (CHINESE, "zh-hans", chinese),
        ]:
            headers, problem = send(service, request + header + b"\r\n")
            assert (problem["status"], problem["title"]) == (status, title)
            assert headers["Content-Language"] == language
            assert headers["Vary"] == "Accept-Language"
            assert problem["detail"].isascii() == (language == "en")


def test_a_malformed_request_gets_an_english_title(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    headers, problem = send(service, b"GARBAGE\r\n" + CHINESE + b"\r\n")
    assert problem["title"] == "Bad Request"
    assert headers["Content-Language"] == "en"
