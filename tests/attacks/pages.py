"""Exports that are cancelled, wrong passwords, and an impostor in the registry."""

import contextlib
import itertools
import json
import socketserver
import sqlite3
import threading
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.support.admin import Admin
from tests.support.attack import ANSWER_SECONDS, Scene
from tests.support.raw_clients import connected, head, read_to_the_end, status_of
from tests.support.servers import free_ports
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer, build_jar

EXPORT = "/admin/clustering/requestrecord/export/"


def cancelled_exports(scene: Scene) -> None:
    """A user cancels the export of a long history six times."""
    scene.start(HTTP_WRITE_TIMEOUT_SECONDS="2")
    rows = 60_000 if scene.is_short else 200_000
    with contextlib.closing(sqlite3.connect(scene.folder / "state" / "db.sqlite3")) as database:
        database.executemany(
            "INSERT INTO clustering_requestrecord (created_at, request_id, client, config_version,"
            " duration_ms, status, outcome) VALUES (datetime(), ?, '192.0.2.1', '', 1, 200, 'ok')",
            ((f"{number:032x}",) for number in range(rows)),
        )
        database.commit()
    cookies = Admin(scene.service).cookies
    request = head("GET", EXPORT, Connection="close", Cookie=f"sessionid={cookies['sessionid']}")
    with scene.watched():
        for _ in range(6):
            with connected(scene.service.port, receive_buffer=4096) as connection:
                connection.sendall(request)
                scene.outcome.answers[status_of(connection)] += 1
    for _ in range(2):
        with connected(scene.service.port) as connection:
            connection.sendall(request)
            scene.check(status_of(connection) == "200", "exports are refused afterwards")
            scene.check(read_to_the_end(connection) > 50 * rows, "an export is not whole")


def wrong_passwords(scene: Scene) -> None:
    """200 wrong passwords are posted to the login at once."""
    scene.start()
    token = Admin(scene.service).cookies["csrftoken"]

    def log_in(number: int) -> None:
        fields = {"csrfmiddlewaretoken": token, "username": "ada", "password": f"wrong{number}"}
        body = urllib.parse.urlencode(fields).encode()
        form = "application/x-www-form-urlencoded"
        request = head(
            "POST",
            "/admin/login/",
            Cookie=f"csrftoken={token}",
            Content_Type=form,
            Content_Length=len(body),
        )
        with connected(scene.service.port) as connection:
            connection.settimeout(60)
            connection.sendall(request + body)
            scene.outcome.answers[status_of(connection)] += 1

    with scene.watched(), ThreadPoolExecutor(200) as pool:
        list(pool.map(log_in, range(200)))
    answers = scene.outcome.answers
    scene.check(answers.keys() <= {"200", "429", "503"}, "a login was not answered")
    # Five, and those that were checked beside the fifth in two workers.
    scene.check(0 < answers["200"] <= 9, "too many passwords were checked")


def impostors(scene: Scene) -> None:
    """Instances in a real registry answer `/statusz` with 1e300, NaN, or without an end."""
    nacos = NacosServer(build_jar(), scene.folder / "nacos", *free_ports())
    nacos.start()
    try:
        with contextlib.ExitStack() as stack:
            service = scene.start(
                NACOS_SERVER_ADDR=f"127.0.0.1:{nacos.port}",
                NACOS_USERNAME=nacos.username,
                NACOS_PASSWORD=nacos.password,
                NACOS_SERVICE_NAME="skl-kmeans",
            )
            admin = Admin(service)
            ports: list[str] = []
            for answer in (_statusz("1e300"), _statusz("NaN"), itertools.repeat(b" ")):
                port = stack.enter_context(_listening(answer))
                nacos.register_instance("skl-kmeans", "127.0.0.1", port)
                ports.append(f"127.0.0.1:{port}")
            wait_until(lambda: all(port in admin.panel("instances") for port in ports), 20)
            with scene.watched():
                end = time.monotonic() + scene.seconds
                while time.monotonic() < end:
                    started = time.monotonic()
                    panel = admin.panel("instances")
                    scene.check(all(port in panel for port in ports), "an impostor is not shown")
                    scene.outcome.answers["200"] += 1
                    if time.monotonic() - started > ANSWER_SECONDS:
                        scene.outcome.late.append("the overview took longer")
    finally:
        scene.close()
        nacos.stop()


def _statusz(number: str) -> list[bytes]:
    worker = {"pid": 1, "version": "0123456789ab", "value": "", "since": 1.5, "silent_seconds": 0}
    answer = json.dumps({"service": "skl-kmeans", "workers": [worker]})
    return [answer.replace('"silent_seconds": 0', f'"silent_seconds": {number}').encode()]


@contextlib.contextmanager
def _listening(answer: Iterable[bytes]) -> Iterator[int]:
    """Give this answer to every request, piece by piece; yield the port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
                for piece in answer:
                    self.wfile.write(piece)
                    time.sleep(0.1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()
