"""Load on a service. Each function is a load of its own, for a process of its own."""

import asyncio
import collections
import contextlib
import functools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import NamedTuple, cast

import uvloop

POINTS = [[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]
LABELS = [1, 1, 1, 1, 2, 0, 0, 0, 0]
BODY = json.dumps({"points": POINTS}).encode()
ENDPOINT = "/api/skl-kmeans"
# For one answer, and by far more than even an overloaded service takes.
PATIENCE_SECONDS = 120.0
# Between the connections of a load's clients.
CONNECT_SECONDS = 0.002

# The seconds that requests took, by what became of them.
Seconds = dict[str, list[float]]
# What became of a request, by the head and the content of its answer.
Judge = Callable[[bytes, bytes], str]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def outcome(self) -> str:
        """Return the status, with the document's type where it is an error."""
        if self.headers.get("content-type") != "application/problem+json":
            return str(self.status)
        problem = json.loads(self.content)
        retry = " with Retry-After" if "retry-after" in self.headers else ""
        return f"{self.status} {problem['type'].rpartition(':')[2]}{retry}"


def head_of_post(length: int, path: str = ENDPOINT) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: a.service\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a.service\r\nConnection: close\r\n\r\n".encode()


def parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of an answer."""
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    fields = (line.partition(":") for line in lines)
    return int(first[9:12]), {name.lower(): value.strip() for name, _, value in fields}


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    status, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
    content = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            content += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    else:
        content = await reader.readexactly(int(headers["content-length"]))
    return Answer(status, headers, content)


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def judge_labels(head: bytes, content: bytes) -> str:
    """Return what became of a request for the reference points."""
    answer = Answer(*parse_head(head), content)
    if answer.status == 200 and json.loads(content) != {"results": LABELS}:
        return "200 with wrong labels"
    return answer.outcome


def judge_bytes(expected: bytes, head: bytes, content: bytes) -> str:
    """Return what became of a request whose answer is known, at little cost."""
    if not head.startswith(b"HTTP/1.1 200"):
        return head[9:12].decode()
    return "200" if content == expected else "200 with another answer"


class _Client(asyncio.Protocol):
    """Posts a request again as soon as it is answered, until the end or the last answer.

    Parses of an answer no more than it needs, because it shares the cores with the service.
    """

    def __init__(self, request: bytes, judge: Judge, results: Seconds) -> None:
        self._request = request
        self._judge = judge
        self._results = results
        self._waits = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def abort(self) -> None:
        self._transport.abort()

    def begin(self, end: float) -> None:
        """Post once at least, and then until the end."""
        self._end = end
        self._post()

    def _post(self) -> None:
        self._received = bytearray()
        self._head_length = 0
        self._waits = True
        self._began = time.monotonic()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._head_length:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head_length = end + 4
            self._head = bytes(self._received[: self._head_length])
            lower = self._head.lower()
            at = lower.index(b"\r\ncontent-length:") + 17
            self._length = self._head_length + int(lower[at : lower.index(b"\r", at)])
            self._is_last = b"\r\nconnection: close" in lower
        if len(self._received) < self._length:
            return
        now = time.monotonic()
        self._waits = False
        outcome = self._judge(self._head, bytes(self._received[self._head_length :]))
        self._results[outcome].append(now - self._began)
        if self._is_last or now >= self._end:
            self._transport.close()
        else:
            self._post()

    def connection_lost(self, error: Exception | None) -> None:
        if self.closed.done():
            return
        if self._waits:
            self.closed.set_exception(error or EOFError())
        else:
            self.closed.set_result(None)


def post_all_the_time(
    port: int,
    clients: int,
    seconds: float,
    body: bytes,
    *,
    judge: Judge = judge_labels,
    path: str = ENDPOINT,
) -> Seconds:
    """Let so many clients each post the body, and again as soon as they are answered."""
    return post_and_time(port, clients, seconds, body, judge=judge, path=path)[0]


def post_and_time(
    port: int, clients: int, seconds: float, body: bytes, *, judge: Judge, path: str
) -> tuple[Seconds, float]:
    """Return what `post_all_the_time` does, and the seconds from the first post to the end."""
    results: Seconds = collections.defaultdict(list)
    request = head_of_post(len(body), path) + body

    async def connect() -> _Client:
        _, client = await asyncio.get_running_loop().create_connection(
            functools.partial(_Client, request, judge, results), "127.0.0.1", port
        )
        return client

    async def client(end: float, connected: list[_Client]) -> None:
        one = connected.pop() if connected else await connect()
        one.begin(end)
        try:
            async with asyncio.timeout(end - time.monotonic() + PATIENCE_SECONDS):
                await one.closed
        finally:
            one.abort()

    async def run() -> float:
        connected = []
        for _ in range(clients):
            connected.append(await connect())
            # One of several workers accepts all connections that are there at once.
            await asyncio.sleep(CONNECT_SECONDS)
        began = time.monotonic()
        act = functools.partial(client, began + seconds, connected)
        await _all(_again_and_again(act, began + seconds, results) for _ in range(clients))
        return time.monotonic() - began

    wall_seconds = uvloop.run(run())
    return dict(results), wall_seconds


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
    """Act once, and until the end comes; how it fails is an outcome as well."""
    began = 0.0
    while not began or time.monotonic() < end:
        began = time.monotonic()
        try:
            await act()
        except (OSError, EOFError, TimeoutError) as error:
            results[type(error).__name__].append(time.monotonic() - began)
            await asyncio.sleep(0.01)


async def _all(acts: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*acts)
