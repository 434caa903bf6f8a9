"""Compressed bodies, as Feign sends them, and those that are not what they are said to be."""

import gzip
import http.client
import json
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import Service
from tests.support.workers import processes

MB = 1_000_000
BODY = json.dumps({"points": REFERENCE_POINTS}).encode()
PACKED = gzip.compress(BODY, mtime=0)
FEIGN = ("gzip", "deflate")
EMPTY_MEMBER = gzip.compress(b"", mtime=0)


def post(
    service: Service, body: bytes | Iterable[bytes], *codings: str
) -> tuple[http.client.HTTPResponse, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.putrequest("POST", "/api/skl-kmeans")
    connection.putheader("Content-Type", "application/json")
    for coding in codings:
        connection.putheader("Content-Encoding", coding)
    if isinstance(body, bytes):
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
    else:
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=True)
    response = connection.getresponse()
    content = json.load(response)
    connection.close()
    return response, content


def bomb(level: int, unit: bytes, megabytes: int) -> bytes:
    """Return gzip that expands to so many megabytes."""
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    block = unit * (MB // len(unit))
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


@pytest.mark.parametrize(
    "codings", [("gzip",), ("GZIP",), ("x-gzip",), FEIGN, ("gzip, deflate",), ("identity, gzip",)]
)
def test_a_compressed_body_is_expanded(live: Service, codings: tuple[str, ...]) -> None:
    response, content = post(live, PACKED, *codings)
    assert (response.status, content) == (200, {"results": REFERENCE_LABELS[3]})


def test_it_may_come_in_any_pieces(live: Service) -> None:
    pieces = (PACKED[i : i + 7] for i in range(0, len(PACKED), 7))
    assert post(live, pieces, *FEIGN)[1] == {"results": REFERENCE_LABELS[3]}
    points = [[i * 7919 % 10007, i * 104729 % 10009] for i in range(100_000)]
    response, content = post(live, gzip.compress(json.dumps({"points": points}).encode()), "gzip")
    assert response.status == 200
    assert len(content["results"]) == 100_000  # type: ignore[arg-type]


@pytest.mark.parametrize("coding", ["", " ", "identity", "Identity"])
def test_an_empty_header_is_none(live: Service, coding: str) -> None:
    assert post(live, BODY, coding)[1] == {"results": REFERENCE_LABELS[3]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BODY, "the body is not gzip"),
        (zlib.compress(BODY), "the body is not gzip"),
        (b"", "cut off"),
        (PACKED[:-1], "cut off"),
        (PACKED[:-8] + b"\0" * 8, "the body is not gzip"),
        (PACKED + PACKED, "goes on after the end"),
    ],
    ids=["not compressed", "zlib", "empty", "cut off", "wrong checksum", "two members"],
)
def test_what_is_not_gzip_after_all_is_a_problem(live: Service, body: bytes, said: str) -> None:
    response, content = post(live, body, *FEIGN)
    assert response.status == 400
    assert content["type"] == "urn:skl-kmeans:problem:invalid-gzip"
    assert said in str(content["detail"])
    if said != "goes on after the end":
        for setting in ("spring.cloud.openfeign.", "feign."):
            assert f" {setting}compression.request.enabled=false" in str(content["detail"])


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "deflate, gzip", "\xff"])
def test_other_codings_are_not_supported(live: Service, coding: str) -> None:
    response, content = post(live, PACKED, coding)
    assert response.status == 415
    assert "use gzip" in str(content["detail"])


@pytest.mark.parametrize(
    ("packed", "status"),
    [
        (bomb(9, b"\0", 2000), 413),
        (bomb(9, b"[1,2],", 1000), 413),
        (bomb(9, b'{"points":[' + b" " * 90_000, 1000), 413),
        (bomb(9, b"\0", 300) + EMPTY_MEMBER, 413),
        (EMPTY_MEMBER * (6 * MB // len(EMPTY_MEMBER)), 400),
    ],
    ids=["zeros", "points", "spaces", "just too large", "many members"],
)
def test_a_bomb_costs_little(live: Service, packed: bytes, status: int) -> None:
    (worker,) = processes(live)
    before = worker.memory_info().rss
    Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # forgets the largest size so far
    began = time.monotonic()
    response, _ = post(live, packed, "gzip")
    seconds = time.monotonic() - began
    peak = next(
        int(line.split()[1]) * 1024
        for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert response.status == status
    assert seconds < 5
    assert peak - before < 300 * MB
    assert post(live, PACKED, "gzip")[0].status == 200
