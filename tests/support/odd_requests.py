"""Malformed and odd requests, made at random but the same for the same number."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.support.reference import REFERENCE_POINTS

SEED = "2026-11"
BODY = json.dumps({"points": REFERENCE_POINTS}).encode()
GZIPPED = gzip.compress(BODY)
BOMB = gzip.compress(b" " * 5_000_000)
JSON = b"Content-Type: application/json"
ENDPOINT = b"/api/skl-kmeans"
# What a body must not be larger than, and how long it may take, in the service that is attacked.
MAX_BODY_BYTES = 1_000_000
READ_TIMEOUT_SECONDS = 1

Ending = Literal["read", "leave", "reset", "half-close"]


@dataclass
class Attack:
    """What is sent, piece by piece with a pause between, and how the sender then behaves.

    `answers` is how many requests may at most be seen in it. `may_be` are statuses beyond those of
    4xx and less that are right.
    """

    pieces: list[bytes]
    ending: Ending = "read"
    answers: int = 1
    method: str = "POST"
    may_be: tuple[int, ...] = ()
    pause: float = 0.0
    must_be: tuple[int, ...] = ()
    category: str = field(default="", repr=False)


def attack(number: int) -> Attack:
    """Return the attack of this number."""
    dice = random.Random(f"{SEED}-{number}")
    make = GENERATORS[number % len(GENERATORS)]
    made = make(dice)
    made.category = make.__name__
    return made


def request(
    *headers: bytes,
    method: bytes = b"POST",
    path: bytes = ENDPOINT,
    version: bytes = b"HTTP/1.1",
    host: bytes | None = b"a.service",
    body: bytes | None = None,
) -> bytes:
    lines = [b" ".join((method, path, version))]
    if host is not None:
        lines.append(b"Host: " + host)
    lines += headers
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


def post(body: bytes, *headers: bytes) -> bytes:
    return request(JSON, *headers, body=body)


def get(path: bytes, *headers: bytes, host: bytes | None = b"localhost") -> bytes:
    return request(*headers, method=b"GET", path=path, host=host)


def chunked(body: bytes, *headers: bytes) -> bytes:
    """Return a request whose body, sent as it is, must be of chunks."""
    return request(JSON, b"Transfer-Encoding: chunked", *headers) + body


def noise(dice: random.Random, most: int = 200) -> bytes:
    return dice.randbytes(dice.randint(1, most))


def some(dice: random.Random, choices: list[bytes], most: int = 5) -> bytes:
    return b"".join(dice.choices(choices, k=dice.randint(1, most)))


def in_pieces(dice: random.Random, whole: bytes, most: int = 8) -> list[bytes]:
    cuts = sorted(dice.sample(range(1, len(whole)), dice.randint(1, most)))
    return [whole[i:j] for i, j in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


# Requests that are well-formed


def valid(dice: random.Random) -> Attack:
    indent = dice.choice([None, 0, 7])
    body = json.dumps(
        {"x": "\u2603" * dice.randint(0, 9), "points": REFERENCE_POINTS}, indent=indent
    )
    whole = post(body.encode())
    if dice.random() < 0.3:
        encoded = body.encode()
        size = dice.randint(1, len(encoded))
        parts = [encoded[i : i + size] for i in range(0, len(encoded), size)]
        extension = dice.choice([b"", b";a=b", b';a="b c"', b";a"])
        chunks = [b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts]
        whole = chunked(b"".join(chunks) + b"0\r\n" + dice.choice([b"", b"X-Sum: 1\r\n"]) + b"\r\n")
    return Attack([whole], must_be=(200,))


def pipelined(dice: random.Random) -> Attack:
    count = dice.randint(2, 6)
    requests = [post(BODY), get(b"/livez"), post(b"{}"), get(b"/nothing"), post(b"x")]
    return Attack([b"".join(dice.choices(requests, k=count))], answers=count)


def sent_slowly(dice: random.Random) -> Attack:
    pieces = in_pieces(dice, post(BODY))
    if dice.random() < 0.5:
        return Attack(pieces, pause=0.005, must_be=(200,))
    return Attack(pieces[: dice.randint(1, len(pieces))], "leave", pause=0.005)


def expecting(dice: random.Random) -> Attack:
    head, _, body = post(BODY, b"Expect: 100-continue").partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    match dice.randrange(5):
        case 0:
            return Attack([head, body], pause=0.01, must_be=(200,))
        case 1:
            return Attack([head + body], must_be=(200,))
        case 2:
            return Attack([head], dice.choice(["leave", "reset", "half-close"]))
        case 3:
            old = request(JSON, b"Expect: 100-continue", version=b"HTTP/1.0", body=BODY)
            return Attack([old], must_be=(200,))
        case _:
            other = dice.choice([b"200-ok", b"100-continue, 100-continue", b"", b"x=y"])
            return Attack([post(BODY, b"Expect: " + other)])


def leaving(dice: random.Random) -> Attack:
    return Attack([post(BODY)], dice.choice(["leave", "reset", "half-close"]))


# Bodies that end elsewhere than they should


def truncated(dice: random.Random) -> Attack:
    whole = (
        post(BODY) if dice.random() < 0.7 else chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
    )
    part = whole[: dice.randint(1, len(whole) - 1)]
    return Attack([part], dice.choice(["leave", "reset", "half-close"]))


def too_long_a_length(dice: random.Random) -> Attack:
    length = len(BODY) + dice.choice([1, 1000, 900_000])
    whole = request(JSON, b"Content-Length: %d" % length) + BODY
    return Attack([whole], dice.choice(["leave", "reset", "half-close"]))


def announced_too_large(dice: random.Random) -> Attack:
    length = dice.choice([MAX_BODY_BYTES + 1, 2**31, 2**63, 2**64, 10**18, 10**30, 10**300])
    whole = request(JSON, b"Content-Length: %d" % length) + BODY
    # What would come is waited for, which costs time.
    return Attack([whole], "read" if dice.random() < 0.2 else "leave", must_be=(400, 413))


def too_short_a_length(dice: random.Random) -> Attack:
    length = dice.randint(0, len(BODY) - 1)
    rest = dice.choice([b"", noise(dice), get(b"/livez").strip()])
    whole = request(JSON, b"Content-Length: %d" % length) + BODY + rest + b"\r\n\r\n"
    return Attack([whole], answers=2)


def too_large(dice: random.Random) -> Attack:
    size = MAX_BODY_BYTES + dice.choice([1, 1000, 500_000])
    if dice.random() < 0.8:
        return Attack([post(b" " * size)], must_be=(413,))
    return Attack([chunked(b"%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n")], must_be=(413,))


def late(dice: random.Random) -> Attack:
    """Never comes to its end; waiting costs time, so most give up before they are told."""
    whole = dice.choice(
        [post(BODY)[:-1], post(BODY)[:60], chunked(b"5\r\nabc"), chunked(b"FFFFFFF\r\nabc"), b"G"]
    )
    if dice.random() < 0.1:
        return Attack([whole], must_be=(408,))
    return Attack([whole], dice.choice(["leave", "reset"]))


SIZES = [
    b"", b"-1", b"-0", b"0x5", b"zz", b"5 ", b" 5", b"+5", b"5_0", b"5.", b"\x005", b"5\x00",
    b"5;\x00", b"5;a=\"", b"5;\rb", b"5;=", b"5\t", b"0" * 30 + b"5", b"\xd9\xa3", b"5\r", b"5\n",
]  # fmt: skip


def broken_chunks(dice: random.Random) -> Attack:
    data = b"%x\r\n%s" % (len(BODY), BODY)
    broken = dice.choice(
        [
            dice.choice(SIZES) + b"\r\nabcde\r\n0\r\n\r\n",
            data + b"XX0\r\n\r\n",
            data + b"\n0\r\n\r\n",
            data + b"\r\nnothing\r\n\r\n",
            b"3\r\n" + BODY + b"\r\n0\r\n\r\n",
            b"5" + b";a=b" * 5000 + b"\r\nabcde\r\n0\r\n\r\n",
            data + b"\r\n0\r\n" + b"X: y\r\n" * dice.choice([1, 200, 5000]) + b"\r\n",
            data + b"\r\n0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
            data + b"\r\n0\r\nno field\r\n\r\n",
            data + b"\r\n0 ; a=b\r\n\r\n",
            data + b"\r\n0\r\n" + dice.choice([b"Content-Length: 5", b"Host: b"]) + b"\r\n\r\n",
            noise(dice) + b"\r\n\r\n",
        ]
    )
    # The end of what cannot be told to be wrong yet is waited for.
    return Attack([chunked(broken)], answers=2)


def huge_chunks(dice: random.Random) -> Attack:
    size = dice.choice(
        [b"F" * 8, b"7" + b"F" * 15, b"F" * 16, b"F" * 17, b"F" * 4000, b"1" + b"0" * 16]
    )
    return Attack([chunked(size + b"\r\nabc")], dice.choice(["leave", "reset", "half-close"]))


# Requests that two servers could understand differently

LENGTHS = [
    b"+5", b"-5", b"0x5", b"5,5", b"5, 5", b"5 5", b"", b"5;", b"5.0", b"\xd9\xa3", b"\xb2",
    b"5\x00", b"5e0", b"1_0", b"9" * 19, b"9" * 30, b"9" * 4300, b"9" * 5000, b"NaN",
]  # fmt: skip
CODINGS = [
    b"chunked, chunked", b"chunked, identity", b"identity", b"xchunked", b"chunked;q=1", b"gzip",
    b"gzip, chunked", b"chunked\x00", b"\x0bchunked", b'"chunked"', b"", b",", b"chunked, gzip",
    b"cow", b"cow, chunked",
]  # fmt: skip


def smuggling(dice: random.Random) -> Attack:
    inner = get(b"/smuggled")
    length, te = b"Content-Length: %d" % len(inner), b"Transfer-Encoding: chunked"
    chunks = b"0\r\n\r\n" + inner
    coding = b"Transfer-Encoding: " + dice.choice(CODINGS)
    headers: list[bytes] = dice.choice(
        [
            [length, te],
            [te, length],
            [length, length],
            [length, b"Content-Length: 0"],
            [b"Content-Length: " + dice.choice(LENGTHS)],
            [coding],
            [coding, length],
            [te, te],
            [te, coding],
            [b"Transfer-Encoding : chunked"],
            [b" Transfer-Encoding: chunked"],
            [b"X: y\r\n Transfer-Encoding: chunked"],
            [b"X: y\nTransfer-Encoding: chunked"],
            [b"X: y\rTransfer-Encoding: chunked"],
            [b"Content-Length : 5"],
        ]
    )
    return Attack([request(JSON, *headers) + chunks], may_be=(501,))


def lookalikes(dice: random.Random) -> Attack:
    """Names that CGI could take for those of framing; they mean nothing."""
    name = dice.choice(
        [b"Content_Length", b"Transfer_Encoding", b"Content-Length\xad", b"Content.Length"]
    )
    return Attack([post(BODY, name + b": " + dice.choice([b"5", b"chunked", b"0"]))])


def old_chunks(dice: random.Random) -> Attack:
    te = b"Transfer-Encoding: " + dice.choice([b"chunked", b"identity"])
    whole = request(JSON, te, version=b"HTTP/1.0") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    return Attack([whole])


# Bodies


def encoded(dice: random.Random) -> Attack:
    coding, body = dice.choice(
        [
            (b"gzip", GZIPPED),
            (b"deflate", zlib.compress(BODY)),
            (b"br", noise(dice)),
            (b"gzip, gzip", gzip.compress(GZIPPED)),
            (b"gzip", BOMB),
            (b"zstd", b"\x28\xb5\x2f\xfd" + noise(dice)),
            (b"\xff", noise(dice)),
        ]
    )
    return Attack([post(body, b"Content-Encoding: " + coding)])


def nested(dice: random.Random) -> Attack:
    depth = dice.choice([1, 10, 500, 1000, 1100, 100_000])
    open_, close = dice.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'{"points":', b"}")])
    inside = open_ * depth + b"1" + close * dice.choice([depth, 0, depth - 1, depth + 1])
    frame = dice.choice(
        [b"%s", b'{"points":%s}', b'{"x":%s,"points":[[1,2]]}', b'{"points":[[%s]]}']
    )
    return Attack([post(frame % inside)])


def numbers(dice: random.Random) -> Attack:
    literal = dice.choice(
        [
            b"1e400", b"-1e400", b"1e-400", b"NaN", b"Infinity", b"-0", b"1" * 100_000, b"1e308",
            b"0." + b"1" * 100_000, b"1e" + b"9" * 1000, b"0x1", b"01", b"1.", b"--1", b"1e", b"+1",
            b"1" * 5000 + b"e-5000", b"null", b"true", b'"1"', b"[1]", b"\xd9\xa1", b"", b"1 1",
        ]
    )  # fmt: skip
    points = [[b"%d" % n for n in point] for point in REFERENCE_POINTS]
    points[dice.randrange(9)][dice.randrange(2)] = literal
    return Attack([post(b'{"points":[%s]}' % b",".join(b"[%s]" % b",".join(p) for p in points))])


def encodings(dice: random.Random) -> Attack:
    text = BODY.decode()
    body = dice.choice(
        [
            text.encode("utf-16"), text.encode("utf-16-be"), text.encode("utf-32"),
            text.encode("utf-8-sig"), b"\x00" + BODY, BODY + b"\x00", BODY.replace(b" ", b"\x00"),
            BODY.replace(b"{", b'{"\xff":1,'), BODY.replace(b"{", b'{"x":"\xed\xa0\x80",'),
            BODY.replace(b"{", b'{"x":"\\ud800",'), b"\xfe\xff" + BODY,
            BODY.replace(b"p", b"\xd1\x80"), text.encode("cp037"), text.encode("utf-7"),
            BODY.replace(b" ", b"\xa0"),
        ]
    )  # fmt: skip
    return Attack([post(body)])


def random_bodies(dice: random.Random) -> Attack:
    return Attack([post(noise(dice, 3000))])


def mutated(dice: random.Random) -> Attack:
    body = bytearray(BODY)
    tokens = [
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"\\",
        b"null",
        b"1e999",
        b"\x00",
        b"\xff",
        b"-",
    ]
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(body))
        body[place : place + dice.choice([0, 0, 1, 5])] = dice.choice([b"", *tokens])
    return Attack([post(bytes(body))])


def shapes(dice: random.Random) -> Attack:
    content: object = dice.choice(
        [
            {}, [], None, 1, "points", {"points": None}, {"points": {}}, {"points": []},
            {"points": [[]]}, {"points": [[1]] * 2}, {"points": [[1], [1, 2], [1]]},
            {"points": [[], [1], [2]]}, {"points": [[1] * 1001] * 3}, {"points": [[1e200]] * 3},
            {"points": [[0]] * 9}, {"Points": REFERENCE_POINTS}, {"points": [REFERENCE_POINTS]},
            {"points": [[[1]]]}, {"points": [[1, 2]] * 20_000}, {"points": [{"0": 1}]},
            {"points": "[[1]]"},
        ]
    )  # fmt: skip
    return Attack([post(json.dumps(content).encode())])


# Heads


def content_types(dice: random.Random) -> Attack:
    kind = dice.choice(
        [
            b"text/plain", b"", b"application/json; charset=utf-16", b"application/JSON", b"*/*",
            b"application/*", b"application/json;", b"application/json;;;=", b"application", b"/",
            b"multipart/form-data", b"multipart/form-data; boundary=" + b"x" * 300, b"\xff\xfe",
            b"application/x-www-form-urlencoded", b"application/json, text/plain", b'a/b; c="',
            b"application/problem+json", b"text/plain; charset=" + b"a" * 5000,
            b"application/json\t", b"multipart/form-data; boundary=\xff",
            b"application/json; charset=nonsense",
        ]
    )  # fmt: skip
    headers = [b"Content-Type: " + kind] * dice.choice([1, 1, 1, 0, 2])
    return Attack([request(*headers, body=dice.choice([BODY, b"", b"a=b", b"--x\r\n\r\n"]))])


def large_heads(dice: random.Random) -> Attack:
    headers = dice.choice(
        [
            [b"X: " + b"a" * dice.choice([8000, 8190, 9000, 100_000])],
            [b"X-%d: a" % i for i in range(dice.choice([90, 101, 5000]))],
            [b"X: a"] * dice.choice([90, 101, 5000]),
            [b"Cookie: " + b"a=b; " * dice.choice([1000, 5000])],
            [b"X-%d: %s" % (i, b"a" * 8000) for i in range(dice.choice([9, 90]))],
            [b"a" * 9000 + b": b"],
        ]
    )
    if dice.random() < 0.2:
        return Attack([b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000])
    return Attack([get(b"/livez", *headers)], method="GET")


LINES = [
    b"GET", b"GET /", b"GET /livez", b"GET  /livez HTTP/1.1", b" GET /livez HTTP/1.1",
    b"get /livez HTTP/1.1", b"GET /livez HTTP/9.9", b"GET /livez HTTP/1.10", b"GET /livez HTTP/1",
    b"GET /livez http/1.1", b"GET\t/livez\tHTTP/1.1", b"GET /livez HTTP/1.1 x",
    b"GET /a b HTTP/1.1", b"/livez HTTP/1.1", b"", b"PRI * HTTP/2.0", b"SSH-2.0-OpenSSH_9.9",
    b"DESCRIBE rtsp://x RTSP/1.0", b"GET /\x00 HTTP/1.1", b"GET /\xff HTTP/1.1",
    b"GET livez HTTP/1.1", b"GET ? HTTP/1.1", b"GET # HTTP/1.1", b"GET * HTTP/1.1",
    b"OPTIONS * HTTP/1.1", b"CONNECT a:80 HTTP/1.1", b"GET http://a/livez HTTP/1.1",
    b"GET :// HTTP/1.1", b"GET http:// HTTP/1.1", b"GET //a/livez HTTP/1.1",
    b"(GET) /livez HTTP/1.1", b"G\x00T /livez HTTP/1.1", b"A" * 300 + b" /livez HTTP/1.1",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"GET /livez HTTP/1.1\n", b"POST /livez HTTP/1.1\r",
    b"HTTP/1.1 200 OK", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 50,
]  # fmt: skip


def request_lines(dice: random.Random) -> Attack:
    line = dice.choice(LINES)
    if dice.random() < 0.1:
        line = noise(dice)
    end = dice.choice([b"\r\nHost: a\r\n\r\n", b"\r\n\r\n", b"\n\n\r\n\r\n", b"\r\n\r\n\r\n\r\n"])
    return Attack([line + end], method="GET", answers=9, may_be=(505,))


FIELDS = [
    b"X Y: a", b": a", b"no colon", b"X\x00: a", b"X: a\x00b", b"X: a\rb", b"X: a\nb", b" X: a",
    b"\tX: a", b"X: a\r\n b", b"\xc3\xa9: a", b"X(): a", b"X@: a", b'"X": a', b"X:", b":",
    b"X: \x7f", b"X: \x01", b"X: \xff\xfe", b"X: " + "\u2603".encode(), b"X\t: a", b"X : a",
    b"Host: b", b"host: b", b"HoSt : b",
]  # fmt: skip


def fields(dice: random.Random) -> Attack:
    field_ = dice.choice(FIELDS)
    if dice.random() < 0.2:
        field_ = noise(dice, 50)
    whole = get(b"/livez", field_) if dice.random() < 0.5 else post(BODY, field_)
    return Attack([whole], answers=2)


def hosts(dice: random.Random) -> Attack:
    host = dice.choice(
        [
            None, b"", b"a b", b"a/b", b"a@b", b"[::1]", b"[::1", b"a:99999", b"a:b", b"a" * 300,
            b"\xff", b"..", b".", b"localhost:1:2", b"\xe2\x98\x83", b"%00", b"a,b", b"127.1",
            b"0x7f.1",
        ]
    )  # fmt: skip
    path = dice.choice([b"/livez", b"/admin/", b"/api/schema", b"/nothing"])
    return Attack([get(path, host=host)], method="GET")


def methods(dice: random.Random) -> Attack:
    method = dice.choice(
        [
            b"OPTIONS", b"TRACE", b"PUT", b"PATCH", b"DELETE", b"PROPFIND", b"BREW", b"M-SEARCH",
            b"GET", b"HEAD", b"_", b"A1", b"POSTX", b"LINK",
        ]
    )  # fmt: skip
    path = dice.choice(
        [ENDPOINT, b"/livez", b"/metrics", b"/api/schema/", b"/nothing", b"/api/docs/"]
    )
    body = dice.choice([None, b"", BODY])
    return Attack([request(method=method, path=path, body=body)], method=method.decode())


PARTS = [
    b"/", b"//", b"/.", b"/..", b"%2e%2e", b"%2f", b"%00", b"%ff%fe", b"%", b"%zz", b"%u0041",
    b"%0d%0aX:%20y", b"api", b"skl-kmeans", b"schema", b"livez", b"static", b"admin",
    b"etc/passwd", b";a=b", b"\\", b"~", b"%c0%ae", b"%e2%98%83", b"%25%30%30", b"*", b"'",
    b"<script>", b"${x}", b"{{x}}", b"login", b"|", b"#x", b"drf_spectacular_sidecar",
    b"__debug__", b".git", b"%5c", b"a" * 500,
]  # fmt: skip
WHOLE_PATHS = [
    b"/api/%73kl-kmeans", b"/api/skl-kmeans/", b"//api/skl-kmeans", b"/api//skl-kmeans",
    b"/api/schema", b"/static/", b"/static/../settings.py", b"/static/%2e%2e/manage.py",
    b"/static/admin/css/base.css%00", b"/admin/clustering/apikey/%00/change/", b"/admin/jsi18n/",
    b"/admin/%ff/", b"/metrics/", b"/livez/..", b"http://a/livez", b"http://a", b"https://[::1",
    b"http://a:b/livez", b"//evil.example/%2e%2e",
]  # fmt: skip


def paths(dice: random.Random) -> Attack:
    path = dice.choice(WHOLE_PATHS) if dice.random() < 0.4 else b"/" + some(dice, PARTS)
    if dice.random() < 0.3:
        return Attack([request(JSON, path=path, body=BODY)])
    return Attack([get(path)], method="GET")


VALUES = [
    b"", b"%00", b"%0d%0aSet-Cookie:%20a=b", b"%ff", b"%zz", b"%", b"..%2f..%2fetc", b"a" * 3000,
    b"1%00", b"%F0%9F%98%80", b"'", b"xml", b"json", b"openapi-json", b"%22", b"[]", b"-1",
    b"zh-cn", b"de", b"%e2%98%83",
]  # fmt: skip
NAMES = [
    b"format",
    b"version",
    b"lang",
    b"next",
    b"p",
    b"a",
    b"",
    b"urls",
    b"url",
    b"q",
    b"token",
    b"o",
]


def queries(dice: random.Random) -> Attack:
    pairs = [dice.choice(NAMES) + b"=" + dice.choice(VALUES) for _ in range(dice.randint(1, 4))]
    path = dice.choice(
        [
            b"/api/schema/",
            b"/api/docs/",
            b"/admin/login/",
            b"/admin/",
            b"/livez",
            b"/metrics",
            ENDPOINT,
        ]
    )
    query = dice.choice([b"&", b";", b"&&"]).join(pairs)
    return Attack(
        [get(path + b"?" + query + dice.choice([b"", b"?", b"#x", b"&" * 500]))], method="GET"
    )


def upgrades(dice: random.Random) -> Attack:
    headers = dice.choice(
        [
            [b"Upgrade: websocket", b"Connection: Upgrade"],
            [
                b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ],
            [
                b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: x",
            ],
            [
                b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings",
                b"HTTP2-Settings: AAMAAABkAAQAAP__",
            ],
            [b"Upgrade: TLS/1.0", b"Connection: Upgrade"],
            [b"Connection: \xff, close,,,"],
            [b"Connection: keep-alive, close"],
        ]
    )  # fmt: skip
    return Attack([get(dice.choice([b"/livez", ENDPOINT, b"/nothing"]), *headers)], method="GET")


ODD_HEADERS = [
    b"X-Request-ID", b"traceparent", b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host",
    b"Accept", b"Accept-Language", b"Accept-Encoding", b"Authorization", b"Cookie",
    b"If-Modified-Since", b"If-None-Match", b"Range", b"Referer", b"Origin", b"Forwarded",
    b"X-HTTP-Method-Override", b"Content-Language", b"TE",
]  # fmt: skip
ODD_VALUES = [
    b"", b"\xff\xfe", b"a" * 5000, b"*/*;q=abc", b"text/html", b";;;", b",,,", b'"', b"Api-Key",
    b"Api-Key \xff", b"Api-Key a.b", b"Basic !!!", b'sessionid="abcdefgh\\000"',
    b"csrftoken=" + b"x" * 64, b"bytes=5-1", b"bytes=0-0,1-1", b"https",
    b"Thu, 99 Foo 9999 99:99:99 GMT", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",
    b"application/json;indent=99999", b"application/json; q=0", b"xx-" + b"y" * 400, b"*",
    b"a.b.c.d", b"::1", b"application/*;q=0.5, */*;q=0.1", b"application/" + b"x/" * 100,
    b"trailers", b"%00",
]  # fmt: skip


def odd_headers(dice: random.Random) -> Attack:
    headers = [
        dice.choice(ODD_HEADERS) + b": " + dice.choice(ODD_VALUES)
        for _ in range(dice.randint(1, 4))
    ]
    path = dice.choice(
        [
            b"/livez",
            b"/api/schema/",
            b"/api/docs/",
            b"/admin/",
            b"/static/admin/css/base.css",
            b"/metrics",
        ]
    )
    if dice.random() < 0.4:
        return Attack([post(BODY, *headers)])
    return Attack([get(path, *headers)], method="GET")


def forms(dice: random.Random) -> Attack:
    kind = dice.choice(
        [
            b"application/x-www-form-urlencoded",
            b"multipart/form-data; boundary=b",
            b"multipart/form-data",
        ]
    )
    body = dice.choice(
        [
            b"username=a&password=b", b"a=%00&" * 2000, b"=&" * 1500,
            b"--b\r\nContent-Disposition: form-data",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + noise(dice) + b"\r\n--b--",
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="../\x00"\r\n\r\n--b--',
            noise(dice), b"csrfmiddlewaretoken=" + b"x" * 64,
        ]
    )  # fmt: skip
    path = dice.choice([b"/admin/login/", b"/admin/logout/", b"/admin/", b"/livez", ENDPOINT])
    cookie = b"Cookie: csrftoken=" + b"x" * dice.choice([32, 64])
    return Attack(
        [request(b"Content-Type: " + kind, cookie, path=path, host=b"localhost", body=body)]
    )


def random_heads(dice: random.Random) -> Attack:
    head, _, body = post(BODY).partition(b"\r\n\r\n")
    changed = bytearray(head)
    for _ in range(dice.randint(1, 5)):
        place = dice.randrange(len(changed))
        changed[place : place + dice.choice([0, 1, 1, 3])] = dice.choice(
            [b"", b"\r", b"\n", b"\x00", b" ", b":", b"\xff", b"\r\n", dice.randbytes(1)]
        )
    whole = bytes(changed) + b"\r\n\r\n" + body
    return Attack([whole + b"\r\n\r\n"], dice.choice(["read", "read", "leave"]), answers=9)


def random_requests(dice: random.Random) -> Attack:
    return Attack([noise(dice, 2000).replace(b"\n", b"\r\n") + b"\r\n\r\n\r\n\r\n"], answers=9)


GENERATORS: list[Callable[[random.Random], Attack]] = [
    valid, pipelined, sent_slowly, expecting, leaving, truncated, too_long_a_length,
    announced_too_large,
    too_short_a_length, too_large, late, broken_chunks, huge_chunks, smuggling, lookalikes,
    old_chunks, encoded, nested, numbers, encodings, random_bodies, mutated, shapes, content_types,
    large_heads, request_lines, fields, hosts, methods, paths, queries, upgrades, odd_headers,
    forms, random_heads, random_requests,
]  # fmt: skip
