"""Exports that are cancelled, wrong passwords, and an impostor in the registry."""

import contextlib
import sqlite3
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from tests.support.admin import Admin
from tests.support.attack import Scene
from tests.support.raw_clients import connected, head, read_to_the_end, status_of

ROWS = 200_000
EXPORT = "/admin/clustering/requestrecord/export/"


def cancelled_exports(scene: Scene) -> None:
    """A user cancels the export of a long history six times."""
    scene.start(HTTP_WRITE_TIMEOUT_SECONDS="2")
    with contextlib.closing(sqlite3.connect(scene.folder / "state" / "db.sqlite3")) as database:
        database.executemany(
            "INSERT INTO clustering_requestrecord (created_at, request_id, client, config_version,"
            " duration_ms, status, outcome) VALUES (datetime(), ?, '192.0.2.1', '', 1, 200, 'ok')",
            ((f"{number:032x}",) for number in range(ROWS)),
        )
        database.commit()
    cookies = Admin(scene.service).cookies
    request = head("GET", EXPORT, Cookie=f"sessionid={cookies['sessionid']}")
    with scene.watched():
        for _ in range(6):
            with connected(scene.service.port, receive_buffer=4096) as connection:
                connection.sendall(request)
                scene.outcome.answers[status_of(connection)] += 1
    for _ in range(2):
        with connected(scene.service.port) as connection:
            connection.sendall(request)
            scene.check(status_of(connection) == "200", "exports are refused afterwards")
            scene.check(read_to_the_end(connection) > 50 * ROWS, "an export is not whole")


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
