"""What the signals of terminals, service managers and log rotation do to a service."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence

import psutil
import pytest

from tests.support.service import GUNICORN, PYTHON, ROOT, SERVE, Service
from tests.support.waiting import wait_until
from tests.support.workers import processes

LAUNCHERS = [SERVE, GUNICORN, (*GUNICORN, "--preload")]
SLOW_SECONDS = 3.0


@contextlib.contextmanager
def steady_calls(service: Service) -> Iterator[list[str]]:
    """Call all the time over new connections; yield the list of what went wrong.

    A machine that is busy with a reload is slow, but no answer waits until the reload is over.
    """
    failures: list[str] = []
    slowest = 0.0
    began_all = time.monotonic()
    over = threading.Event()

    def call() -> None:
        nonlocal slowest
        while not over.wait(0.02):
            began = time.monotonic()
            try:
                service.labels()
            except OSError as error:
                failures.append(str(error))
            slowest = max(slowest, time.monotonic() - began)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        yield failures
    finally:
        over.set()
        for caller in callers:
            caller.join()
        if slowest > max(SLOW_SECONDS, (time.monotonic() - began_all) / 2):
            failures.append(f"answered after {slowest:.1f} s")


def worker_pids(service: Service) -> set[int]:
    while True:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            return {worker.pid for worker in processes(service)}


def start(service: Service, command: Sequence[str]) -> None:
    service.start(command)
    service.wait_until_it_answers()
    wait_until(lambda: len(service.workers) == 2, 30, service.log)


@pytest.mark.parametrize("command", LAUNCHERS, ids=" ".join)
def test_a_hangup_replaces_the_workers_and_loses_no_request(
    service: Service, command: tuple[str, ...]
) -> None:
    start(service, command)
    assert service.process
    before = worker_pids(service)
    with steady_calls(service) as failures:
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not worker_pids(service) & before, 90, service.log)
    assert failures == []
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    assert service.stop() == 0
    assert "Traceback" not in service.log()


def test_serve_goes_on_after_the_signals_of_log_rotation(service: Service) -> None:
    start(service, SERVE)
    assert service.process
    before = worker_pids(service)
    with steady_calls(service) as failures:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            service.process.send_signal(number)
            time.sleep(1)
    assert failures == []
    assert worker_pids(service) == before
    assert service.stop() == 0


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=" ".join)
def test_a_signal_to_all_processes_ends_no_worker(
    service: Service, command: tuple[str, ...]
) -> None:
    """A closed terminal sends SIGHUP to gunicorn's workers too."""
    start(service, command)
    before = worker_pids(service)
    with steady_calls(service) as failures:
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            for pid in before:
                os.kill(pid, number)
        time.sleep(1)
    assert failures == []
    assert worker_pids(service) == before


def start_on_terminal(service: Service) -> int:
    """Start `serve` as the first process of a terminal, and return the terminal's other end."""
    ours, theirs = pty.openpty()
    service.process = subprocess.Popen(
        [PYTHON, *SERVE],
        cwd=ROOT,
        env=service.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(theirs)
    return ours


@contextlib.contextmanager
def reading(terminal: int) -> Iterator[None]:
    """Read what is printed, so that nobody waits to print; then close the terminal."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            if select.select([terminal], [], [], 0.05)[0]:
                os.read(terminal, 4096)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
        os.close(terminal)


def test_a_closed_terminal_ends_serve_in_order(service: Service) -> None:
    assert service.manage("migrate", "-v", "0").returncode == 0
    answers: list[list[int]] = []
    points = [[float(i * 7919 % 10007), float(i * 104729 % 10009)] for i in range(600_000)]
    with reading(start_on_terminal(service)):
        service.wait_until_it_answers()
        wait_until(lambda: len(service.workers) == 2, 60)
        caller = threading.Thread(target=lambda: answers.append(service.labels(points, 120)))
        caller.start()
        time.sleep(0.6)
        assert caller.is_alive(), "the request has already finished; send more points"
    assert service.process
    assert service.process.wait(60) == 0
    caller.join()
    assert len(answers[0]) == len(points)
    assert not list((service.folder / "state" / "agents").iterdir())


def test_a_closed_terminal_does_not_end_serve_under_nohup(service: Service) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        start(service, SERVE)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert service.process
    pids = worker_pids(service)
    service.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert worker_pids(service) == pids
    assert service.stop() == 0
