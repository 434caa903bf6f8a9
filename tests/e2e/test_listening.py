"""Simultaneous connections are shared among the workers."""

import socket
from contextlib import ExitStack
from functools import partial

import psutil

from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.support.workers import resident_bytes


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

    def all_have_come(connections: int) -> bool:
        return sum(shares()) == connections

    # One that still starts takes none.
    with ExitStack() as stack:

        def all_listen() -> bool:
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            return min(shares()) > 0

        wait_until(all_listen)

    # The second time, what the first ones left must be forgotten. Not to the last connection: a
    # worker that is held up leaves some to the other.
    for connections, least in ((20, 6), (4, 1)):
        wait_until(lambda: shares() == [0, 0])
        with ExitStack() as stack:
            for _ in range(connections):
                stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            wait_until(partial(all_have_come, connections))
            assert min(shares()) >= least
