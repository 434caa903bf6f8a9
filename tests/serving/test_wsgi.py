"""The response of a WSGI application, block by block."""

from collections.abc import Iterator
from typing import Any

import pytest

from serving import wsgi
from serving.contract import Environ

# The end of a block closes the database connections of its thread.
pytestmark = pytest.mark.django_db


def test_what_comes_slowly_is_sent_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "BLOCK_SECONDS", 0.0)

    def application(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"head\n", b"row\n", b"last\n"]

    response = wsgi.Response(application, {"REQUEST_METHOD": "GET"})
    bodies: list[bytes] = []
    while not response.is_complete:
        bodies += [message.get("body", b"") for message in response.next_messages()]
    assert bodies == [b"", b"head\n", b"row\n", b"last\n", b""]


def test_a_response_that_is_not_finished_is_closed() -> None:
    closed: list[bool] = []

    class Rows:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" " * wsgi.BLOCK_BYTES

        def close(self) -> None:
            closed.append(True)

    def application(environ: Environ, start_response: Any) -> Rows:
        start_response("200 OK", [])
        return Rows()

    response = wsgi.Response(application, {"REQUEST_METHOD": "GET"})
    assert len(response.next_messages()) == 2
    assert not response.is_complete
    response.close()
    response.close()
    assert closed == [True]


def test_a_response_that_fails_is_closed() -> None:
    closed: list[bool] = []

    class Rows:
        def __iter__(self) -> Iterator[bytes]:
            yield b"head\n"
            raise OSError("the database is gone")

        def close(self) -> None:
            closed.append(True)

    def application(environ: Environ, start_response: Any) -> Rows:
        start_response("200 OK", [])
        return Rows()

    response = wsgi.Response(application, {"REQUEST_METHOD": "GET"})
    with pytest.raises(OSError, match="gone"):
        response.next_messages()
    assert closed == [True]


@pytest.mark.parametrize(("streaming", "blocks"), [(False, 1), (True, 4)])
def test_only_what_is_streamed_needs_a_thread_more_than_once(streaming: bool, blocks: int) -> None:
    class Answer(list[bytes]):
        """Has the attribute by which Django's responses differ."""

    def application(environ: Environ, start_response: Any) -> Answer:
        start_response("200 OK", [])
        answer = Answer([b" " * wsgi.BLOCK_BYTES] * 3)
        answer.streaming = streaming  # type: ignore[attr-defined]
        return answer

    response = wsgi.Response(application, {"REQUEST_METHOD": "GET"})
    received = []
    while not response.is_complete:
        received.append(response.next_messages()[-1]["body"])
    assert len(received) == blocks
    assert len(b"".join(received)) == 3 * wsgi.BLOCK_BYTES
