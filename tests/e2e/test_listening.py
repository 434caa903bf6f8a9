"""Connections that come together are shared among the workers."""

import socket
from contextlib import ExitStack

import psutil

from tests.service import Service
from tests.waiting import wait_until
from tests.workers import resident_bytes


def test_every_worker_gets_its_share_of_connections(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    workers = [psutil.Process(pid) for pid in resident_bytes(service)]
    assert len(workers) == 2

    def shares() -> list[int]:
        return [
            sum(each.status == psutil.CONN_ESTABLISHED for each in worker.net_connections("tcp"))
            for worker in workers
        ]

    wait_until(lambda: shares() == [0, 0])
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        wait_until(lambda: sum(shares()) == 20)
        # Not to the last one: a worker that is held up leaves some to the other.
        assert min(shares()) >= 6
    # What they leave is forgotten, so later ones are shared as well.
    wait_until(lambda: shares() == [0, 0])
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        wait_until(lambda: sum(shares()) == 4)
        assert min(shares()) >= 1
