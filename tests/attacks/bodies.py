"""Bodies that are large, late, costly to read, or made up."""

import contextlib
import itertools
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.support.attack import API, NINE_POINTS, Scene
from tests.support.raw_clients import connected, head, send_until_answered
from tests.support.waiting import wait_until

MB = 1_000_000
PIECE = 1_000_000
MAKE_KEY = (
    "from clustering.models import ApiKey; print(ApiKey.objects.create_key(name='a caller')[1])"
)


def _post(scene: Scene, body: Iterable[bytes], **fields: object) -> None:
    """Send one large body, and count the answer."""
    with connected(scene.service.port) as connection:
        connection.settimeout(120)
        pieces = itertools.chain([head("POST", API, **fields)], body)
        scene.outcome.answers[send_until_answered(connection, pieces)] += 1


def _in_pieces(*parts: tuple[bytes, int]) -> tuple[int, Iterator[bytes]]:
    """Return the size of these texts, each repeated so often, and pieces of them."""

    def pieces() -> Iterator[bytes]:
        for text, times in parts:
            in_piece = max(1, PIECE // len(text))
            for sent in range(0, times, in_piece):
                yield text * min(in_piece, times - sent)

    return sum(len(text) * times for text, times in parts), pieces()


def costly_faults(scene: Scene) -> None:
    """Bodies of 180 MB and 240 MB whose fault is difficult to find."""
    scene.start()
    share = 8 if scene.is_short else 1
    empty = _in_pieces((b'{"a":1,"points":[', 1), (b"[],", 60 * MB // share), (b"[]]}", 1))
    point = b"[" + b",".join([b"1.23456789012345678901234567"] * 8) + b"]"
    last_is_wrong = _in_pieces(
        (b'{"points":[', 1), (point + b",", MB // share), (point[:-2] + b"x]]}", 1)
    )
    with scene.watched(growth_max=1500 * MB // share):
        for size, pieces in (empty, last_is_wrong):
            _post(scene, pieces, Content_Length=size)
    scene.check(scene.outcome.answers == {"400": 2}, "a body with a fault is not answered 400")


def announced_bodies(scene: Scene) -> None:
    """Four connections announce 256 MiB each, and send one byte."""
    scene.start()
    request = head("POST", API, Content_Length=256 * 1024 * 1024) + b"{"
    with scene.watched(), contextlib.ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(connected(scene.service.port))
            connection.sendall(request)
        for _ in range(150):
            scene.outcome.answers[f"{scene.ask(API, NINE_POINTS)} to others"] += 1
            time.sleep(scene.seconds / 150)
    scene.check(scene.outcome.answers.keys() == {"200 to others"}, "others were refused")


def made_up_keys(scene: Scene) -> None:
    """27 connections a second announce large bodies, with API keys that are made up."""
    scene.start(API_KEYS_REQUIRED="true")
    made = scene.service.manage("shell", "-v", "0", "-c", MAKE_KEY)
    scene.headers = {"Authorization": f"Api-Key {made.stdout.split()[-1]}"}

    def attack(number: int) -> None:
        time.sleep(number / 27)
        key = f"{secrets.token_hex(4)}.{secrets.token_hex(16)}"
        _post(
            scene,
            [b" " * PIECE],
            Authorization=f"Api-Key {key}",
            Content_Length=200 * MB,
        )

    with scene.watched(), ThreadPoolExecutor(300) as pool:
        attacks = [pool.submit(attack, number) for number in range(int(27 * scene.seconds))]
        for _ in range(206):
            scene.outcome.answers[f"{scene.ask(API, NINE_POINTS)} to others"] += 1
            time.sleep(scene.seconds / 206)
        for each in attacks:
            each.result()
    others = {answer for answer in scene.outcome.answers if answer.endswith("to others")}
    scene.check(others == {"200 to others"}, "good keys were refused")


def many_bodies(scene: Scene) -> None:
    """12 clients send bodies of 61 MB at once: more than two workers hold."""
    scene.start()
    chunk = b"%x\r\n%s\r\n" % (PIECE, b" " * PIECE)
    first = b"%x\r\n%s\r\n" % (len(NINE_POINTS), NINE_POINTS)

    def send(_: int) -> None:
        chunks = itertools.chain([first], itertools.repeat(chunk, 61), [b"0\r\n\r\n"])
        _post(scene, chunks, Transfer_Encoding="chunked")

    with scene.watched(statuses=("200", "503")), ThreadPoolExecutor(12) as pool:
        list(pool.map(send, range(12)))
    answers = scene.outcome.answers
    scene.check(answers["200"] >= 4, "nearly all were refused")
    scene.check(answers.keys() <= {"200", "503"}, "others than 200 and 503 were answered")


def costly_fits(scene: Scene) -> None:
    """3,000 points of 1,000 dimensions for k = 1000, and 57 MB of numbers with long exponents."""
    scene.start()
    ones = b"[" + b",".join([b"1"] * 1000) + b"]"
    long = b"[" + b",".join([b"12345678901234567890e-25"] * 8) + b"]"
    points = 280_000 // (4 if scene.is_short else 1)
    with scene.watched(statuses=("200", "422")):
        scene.service.config_file.write_text("clusters: 1000\n")
        # For k = 1000, nine points are too few.
        wait_until(lambda: {scene.ask(API, NINE_POINTS) for _ in range(12)} == {"422"})
        for point, times in ((ones, 3000), (long, points)):
            size, pieces = _in_pieces((b'{"points":[', 1), (point + b",", times - 1))
            _post(scene, [*pieces, point + b"]}"], Content_Length=size + len(point) + 2)
        scene.service.config_file.write_text("clusters: 3\n")
        wait_until(lambda: {scene.ask(API, NINE_POINTS) for _ in range(12)} == {"200"})
        size, pieces = _in_pieces((b'{"points":[', 1), (long + b",", points - 1))
        _post(scene, [*pieces, long + b"]}"], Content_Length=size + len(long) + 2)
    scene.check("422" in scene.outcome.answers, "a fit of too much work was not refused")
