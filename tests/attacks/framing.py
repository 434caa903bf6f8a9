"""Requests whose end is in doubt: each must be seen as one request, or as none."""

from typing import NamedTuple

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked"
# Ends at once where it is taken for chunks, and hides a request where it is not, or the reverse.
CHUNKS = b"0\r\n\r\n" + SMUGGLED
CHUNKS_LENGTH = b"Content-Length: %d" % len(CHUNKS)
WHOLE = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)


class Case(NamedTuple):
    """What is sent on one connection.

    A proxy in `split_by` takes it for two requests itself, and may pass on both.
    """

    name: str
    sent: bytes
    split_by: tuple[str, ...] = ()


def post(*lines: bytes, body: bytes = b"", path: bytes = b"/api/skl-kmeans") -> bytes:
    head = [b"POST " + path + b" HTTP/1.1", b"Host: a", b"Content-Type: application/json", *lines]
    return b"\r\n".join([*head, b"", body])


def _lengths() -> list[Case]:
    values = {
        "repeated": b"%d, %d" % (len(SMUGGLED), len(SMUGGLED)),
        "contradictory": b"0, %d" % len(SMUGGLED),
        "signed": b"+%d" % len(SMUGGLED),
        "negative": b"-1",
        "hexadecimal": b"0x23",
        "underscore": b"3_5",
        "two numbers": b"3 5",
        "empty": b"",
        "exponent": b"3e1",
        "decimal": b"35.0",
        "semicolon": b"35;",
        "Arabic digits": "٣٥".encode(),
        "vertical tab": b"\x0b35",
        "NUL": b"35\x00",
        "20 digits": b"9" * 20,
        "5,000 digits": b"9" * 5000,
    }
    cases = [
        Case(f"length: {name}", post(b"Content-Length: " + value, body=SMUGGLED))
        for name, value in values.items()
    ]
    zero = b"Content-Length: 0"
    return [
        *cases,
        Case("length: two fields, equal", post(LENGTH, LENGTH, body=SMUGGLED)),
        Case("length: two fields, the first is 0", post(zero, LENGTH, body=SMUGGLED)),
        Case("length: two fields, the second is 0", post(LENGTH, zero, body=SMUGGLED)),
        Case("length: space before the colon", post(b"Content-Length : 35", body=SMUGGLED)),
        Case("length: underscore in the name", post(b"Content_Length: 0", LENGTH, body=SMUGGLED)),
        Case("length: folded", post(b"Content-Length:\r\n 35", body=SMUGGLED)),
        Case(
            "length: smaller than the body", post(b"Content-Length: 2", body=b"{}" + SMUGGLED[4:])
        ),
    ]


def _codings() -> list[Case]:
    values = {
        "twice in one field": b"chunked, chunked",
        "not last": b"chunked, identity",
        "identity": b"identity",
        "unknown": b"xchunked",
        "a parameter": b"chunked;q=1",
        "gzip before": b"gzip, chunked",
        "gzip alone": b"gzip",
        "quoted": b'"chunked"',
        "empty": b"",
        "comma": b",chunked",
        "NUL": b"chunked\x00",
        "vertical tab": b"\x0bchunked",
    }
    cases = [
        Case(
            f"coding: {name}",
            post(b"Transfer-Encoding: " + value, CHUNKS_LENGTH, body=CHUNKS),
        )
        for name, value in values.items()
    ]
    old = post(CHUNKED, CHUNKS_LENGTH, body=CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    return [
        *cases,
        Case("coding: with a length", post(CHUNKED, CHUNKS_LENGTH, body=CHUNKS)),
        Case("coding: a length before", post(CHUNKS_LENGTH, CHUNKED, body=CHUNKS)),
        Case("coding: length 0", post(b"Content-Length: 0", CHUNKED, body=WHOLE)),
        Case("coding: two fields", post(CHUNKED, b"Transfer-Encoding: identity", body=CHUNKS)),
        Case("coding: in HTTP/1.0", old),
        Case(
            "coding: space before the colon",
            post(b"Transfer-Encoding : chunked", CHUNKS_LENGTH, body=CHUNKS),
        ),
        Case(
            "coding: underscore in the name",
            post(b"Transfer_Encoding: chunked", CHUNKS_LENGTH, body=CHUNKS),
        ),
        Case("coding: folded", post(b"Transfer-Encoding:\r\n chunked", CHUNKS_LENGTH, body=CHUNKS)),
        Case(
            "coding: behind a bare LF",
            post(b"X: y\nTransfer-Encoding: chunked", CHUNKS_LENGTH, body=CHUNKS),
        ),
        Case(
            "coding: behind a bare CR",
            post(b"X: y\rTransfer-Encoding: chunked", CHUNKS_LENGTH, body=CHUNKS),
        ),
        Case(
            "coding: behind a NUL",
            post(b"X: y\x00\r\nTransfer-Encoding: chunked", CHUNKS_LENGTH, body=CHUNKS),
        ),
    ]


def _chunks() -> list[Case]:
    bodies = {
        "negative size": b"-1\r\n\r\n" + SMUGGLED,
        "hexadecimal prefix": b"0x0\r\n\r\n" + SMUGGLED,
        "sign": b"+0\r\n\r\n" + SMUGGLED,
        "space before": b" 0\r\n\r\n" + SMUGGLED,
        "underscore": b"0_0\r\n\r\n" + SMUGGLED,
        "no size": b"\r\n\r\n" + SMUGGLED,
        "overflow": b"1" + b"0" * 16 + b"\r\n" + SMUGGLED,
        "overflow, long": b"F" * 4000 + b"\r\n" + SMUGGLED,
        "bare CR behind the size": b"2\r{}\r\n0\r\r" + SMUGGLED,
        "no line end behind the data": b"2\r\n{}0\r\n\r\n" + SMUGGLED,
        "more data than announced": b"2\r\n{}XX\r\n0\r\n\r\n" + SMUGGLED,
        "a length in the trailers": b"2\r\n{}\r\n0\r\nContent-Length: 35\r\n\r\n",
        "a host in the trailers": b"2\r\n{}\r\n0\r\nHost: b\r\n\r\n",
        "a folded trailer": b"2\r\n{}\r\n0\r\nX: y\r\n z\r\n\r\n",
        "a trailer without a colon": b"2\r\n{}\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    }
    cases = [Case(f"chunks: {name}", post(CHUNKED, body=body)) for name, body in bodies.items()]
    return [
        *cases,
        Case(
            "chunks: space behind the size",
            post(CHUNKED, body=b"0 \r\n\r\n" + SMUGGLED),
            split_by=("haproxy", "nginx"),
        ),
        Case(
            "chunks: bare LF behind the size",
            post(CHUNKED, body=b"2\n{}\r\n0\n\n" + SMUGGLED),
            split_by=("haproxy", "nginx"),
        ),
        Case(
            "chunks: bare LF in an extension",
            post(CHUNKED, body=b"0;a\n\r\n" + SMUGGLED),
            split_by=("haproxy", "nginx"),
        ),
    ]


def _heads() -> list[Case]:
    rest = b"Host: a\r\nContent-Length: 0\r\n\r\n"
    return [
        Case("head: bare LFs", post(LENGTH).replace(b"\r\n", b"\n") + SMUGGLED),
        Case("head: bare CRs", post(LENGTH).replace(b"\r\n", b"\r") + SMUGGLED),
        Case("head: a folded field", post(b"X: y\r\n Content-Length: 0", LENGTH, body=SMUGGLED)),
        Case("head: no colon", post(b"GET /smuggled HTTP/1.1", LENGTH, body=SMUGGLED)),
        Case("head: no name", post(b": y", LENGTH, body=SMUGGLED)),
        Case("head: NUL in a name", post(b"X\x00: y", LENGTH, body=SMUGGLED)),
        Case("head: two hosts", post(b"Host: b", LENGTH, body=SMUGGLED)),
        Case(
            "head: no host", b"POST /api/skl-kmeans HTTP/1.1\r\n" + LENGTH + b"\r\n\r\n" + SMUGGLED
        ),
        Case("head: a space in the path", b"GET / /smuggled HTTP/1.1\r\n" + rest),
        Case("head: no version", b"GET /\r\n" + rest),
        Case("head: HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED),
        Case("head: version 9", b"GET / HTTP/9.9\r\n" + rest),
    ]


def _bodies() -> list[Case]:
    upgrade = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA")
    large = b"Content-Length: 999999999999"
    return [
        Case("body: of a GET", post(LENGTH, body=SMUGGLED).replace(b"POST", b"GET", 1)),
        Case("body: of a HEAD", post(LENGTH, body=SMUGGLED).replace(b"POST", b"HEAD", 1)),
        Case("body: refused for its size", post(large, body=SMUGGLED)),
        Case("body: refused, and in pieces", post(large, body=SMUGGLED * 2000)),
        Case("body: refused for its type", post(LENGTH, b"X: y", body=SMUGGLED, path=b"/nothing")),
        Case("body: with an upgrade", post(LENGTH, *upgrade, body=SMUGGLED)),
        Case("body: in chunks, with an upgrade", post(CHUNKED, *upgrade, body=WHOLE)),
        Case("body: of a CONNECT", post(LENGTH, body=SMUGGLED).replace(b"POST", b"CONNECT", 1)),
        Case("body: behind an Expect", post(LENGTH, b"Expect: 100-continue", body=SMUGGLED)),
        Case("body: behind an unknown Expect", post(LENGTH, b"Expect: cows", body=SMUGGLED)),
    ]


CASES = [*_lengths(), *_codings(), *_chunks(), *_heads(), *_bodies()]
