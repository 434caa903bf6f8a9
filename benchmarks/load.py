"""Load on a service. Each function is a load of its own, for a process of its own."""

import asyncio
import collections
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NamedTuple

import uvloop

POINTS = [[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]
LABELS = [1, 1, 1, 1, 2, 0, 0, 0, 0]
BODY = json.dumps({"points": POINTS}).encode()
ENDPOINT = "/api/skl-kmeans"
# For one answer, and by far more than even an overloaded service takes.
PATIENCE_SECONDS = 60.0

# The seconds that requests took, by what became of them.
Seconds = dict[str, list[float]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def is_last(self) -> bool:
        return self.headers.get("connection") == "close"

    @property
    def outcome(self) -> str:
        """Return the status, with the document's type where it is an error."""
        if self.headers.get("content-type") != "application/problem+json":
            return str(self.status)
        problem = json.loads(self.content)
        retry = " with Retry-After" if "retry-after" in self.headers else ""
        return f"{self.status} {problem['type'].rpartition(':')[2]}{retry}"


def head_of_post(length: int) -> bytes:
    return (
        f"POST {ENDPOINT} HTTP/1.1\r\nHost: a.service\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a.service\r\nConnection: close\r\n\r\n".encode()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    content = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            content += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    else:
        content = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(first[9:12]), headers, content)


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def post_all_the_time(port: int, clients: int, seconds: float, body: bytes) -> Seconds:
    """Let so many clients each post the body again as soon as they are answered."""
    results: Seconds = collections.defaultdict(list)
    end = time.monotonic() + seconds

    async def client() -> None:
        async with connected(port) as (reader, writer):
            answer: Answer | None = None
            while time.monotonic() < end and not (answer and answer.is_last):
                began = time.monotonic()
                writer.write(head_of_post(len(body)) + body)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await read_answer(reader)
                results[_judged(answer)].append(time.monotonic() - began)

    uvloop.run(_all(_again_and_again(client, end, results) for _ in range(clients)))
    return dict(results)


def _judged(answer: Answer) -> str:
    if answer.status == 200 and json.loads(answer.content) != {"results": LABELS}:
        return "200 with wrong labels"
    return answer.outcome


def ask_regularly(port: int, path: str, times_a_second: float, seconds: float) -> Seconds:
    """Ask a path, each time on a new connection, and never wait for an answer before the next."""
    results: Seconds = collections.defaultdict(list)

    async def ask(at: float) -> None:
        await asyncio.sleep(at - time.monotonic())
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), connected(port) as (reader, writer):
                writer.write(get(path))
                outcome = (await read_answer(reader)).outcome
        except (OSError, EOFError, TimeoutError) as error:
            outcome = type(error).__name__
        results[outcome].append(time.monotonic() - began)

    began = time.monotonic()
    times = (began + i / times_a_second for i in range(int(seconds * times_a_second)))
    uvloop.run(_all(ask(at) for at in times))
    return dict(results)


def send_slowly(port: int, senders: int, seconds: float) -> Seconds:
    """Let so many callers each send a head and then a byte of the body a second."""
    results: Seconds = collections.defaultdict(list)
    end = time.monotonic() + seconds

    async def sender() -> None:
        async with connected(port) as (reader, writer):
            began = time.monotonic()
            writer.write(head_of_post(1000))
            answer = asyncio.ensure_future(read_answer(reader))
            while not answer.done() and time.monotonic() < began + PATIENCE_SECONDS:
                writer.write(b" ")
                await asyncio.wait([answer], timeout=1)
            results[(await answer).outcome].append(time.monotonic() - began)

    uvloop.run(_all(_again_and_again(sender, end, results) for _ in range(senders)))
    return dict(results)


async def _again_and_again(
    act: Callable[[], Awaitable[None]], end: float, results: Seconds
) -> None:
    """Act until the end comes; how it fails is an outcome as well."""
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            await act()
        except (OSError, EOFError, TimeoutError) as error:
            results[type(error).__name__].append(time.monotonic() - began)
            await asyncio.sleep(0.01)


async def _all(acts: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*acts)
