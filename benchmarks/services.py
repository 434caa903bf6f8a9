"""The services that the benchmarks start: this one as `manage.py serve` runs it, and its peers."""

import contextlib
import http.client
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil

from benchmarks import load, wrk
from benchmarks.bodies import body_of
from benchmarks.results import Memory, Round, Work
from tests.support.service import Service, free_port
from tests.support.waiting import wait_until

PEERS = Path(__file__).parent / "peers"
# Of the peers, beside the path that all have.
ECHO_PATH = "/echo"
TYPED_PATH = "/typed"


@contextlib.contextmanager
def started(**environment: str) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="skl-kmeans-benchmark-") as folder:
        service = Service(Path(folder), environment)
        try:
            service.start()
            service.wait_until_it_answers()
            # Until both workers have loaded all they need.
            for _ in range(20):
                service.labels()
            yield service
        finally:
            service.close()


@contextlib.contextmanager
def started_peer(python: Path, folder: Path, *arguments: str) -> Iterator[tuple[int, int]]:
    """Run a server of the folder `peers`; yield its process id and its port."""
    port = free_port()
    log_path = folder / f"{port}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", *(argument.format(port=port) for argument in arguments)],
            # Not in the project's folder, where gunicorn would take the service's settings.
            cwd=PEERS,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(partial(_listens, port), 30, log_path.read_text)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
    ):
        connection.request("GET", "/")
        connection.getresponse()
        return True
    return False


class HttpService:
    """A service that runs, and the load on it."""

    def __init__(
        self, name: str, folder: Path, pid: int, port: int, path: str = load.ENDPOINT
    ) -> None:
        self.name = name
        self.port = port
        self._folder = folder
        self._path = path
        self._process = psutil.Process(pid)
        self._answers: dict[tuple[int, int], bytes] = {}
        # Until all workers have loaded all they need.
        load.post_all_the_time(port, 8, 1.0, load.BODY, path=path)
        self._resting_bytes = self._resident_bytes("VmRSS")

    def run(self, work: Work, seconds: int) -> Round:
        """Let wrk post the work's body for `seconds`; if 0, each client posts it once."""
        if not seconds:
            return self.run_timed(work, 0)
        name = f"{self.name}-{work.points}-{work.dimensions}"
        body, expected = self._folder / f"{name}.body", self._folder / f"{name}.expected"
        if not body.exists():
            body.write_bytes(body_of(work.points, work.dimensions).content)
            expected.write_bytes(self._answer(work))
        url = f"http://127.0.0.1:{self.port}{self._path}"
        cpu_seconds = self._cpu_seconds()
        one = wrk.post(url, body, expected, work.clients, seconds)
        return one._replace(cpu_seconds=self._cpu_seconds() - cpu_seconds)

    def run_timed(self, work: Work, seconds: float) -> Round:
        """Let a client of our own post it, at least once each, and wait for all answers."""
        post = self.post(work, seconds)
        cpu_seconds = self._cpu_seconds()
        generator_seconds = time.process_time()
        results, wall_seconds = post()
        generator_seconds = time.process_time() - generator_seconds
        cpu_seconds = self._cpu_seconds() - cpu_seconds
        return Round.of(results, wall_seconds)._replace(
            cpu_seconds=cpu_seconds, generator_seconds=generator_seconds
        )

    def post(self, work: Work, seconds: float) -> "partial[tuple[load.Seconds, float]]":
        """Return the load of `run_timed`, which another process may call."""
        return partial(
            load.post_and_time,
            self.port,
            work.clients,
            seconds,
            body_of(work.points, work.dimensions).content,
            judge=partial(load.judge_bytes, self._answer(work)),
            path=self._path,
        )

    def _answer(self, work: Work) -> bytes:
        """Return the bytes that all answers must have; none are right if the first is wrong."""
        key = work.points, work.dimensions
        if key not in self._answers:
            self._answers[key] = self._first_answer(*body_of(*key))
        return self._answers[key]

    def _first_answer(self, content: bytes, labels: list[int]) -> bytes:
        expected = json.loads(content) if self._path == ECHO_PATH else {"results": labels}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        with contextlib.closing(connection):
            connection.request("POST", self._path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse().read()
        return answer if json.loads(answer) == expected else b""

    @property
    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def _cpu_seconds(self) -> float:
        times = (process.cpu_times() for process in self._processes)
        return sum(each.user + each.system for each in times)

    def _resident_bytes(self, field: str) -> dict[int, int]:
        """Return a field of `/proc/<pid>/status` for each process."""
        sizes = {}
        for process in self._processes:
            status = Path(f"/proc/{process.pid}/status").read_text()
            (line,) = (line for line in status.splitlines() if line.startswith(f"{field}:"))
            sizes[process.pid] = 1024 * int(line.split()[1])
        return sizes

    def forget_peak(self) -> None:
        """Let the kernel measure the peak of resident bytes anew."""
        for process in self._processes:
            Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    def memory(self, work: Work) -> Memory:
        """Return the memory used since `forget_peak`."""
        peaks = self._resident_bytes("VmHWM")
        return Memory(
            body_bytes=len(body_of(work.points, work.dimensions).content),
            peak_bytes=sum(peaks.values()),
            growth_bytes=max(peak - self._resting_bytes.get(pid, 0) for pid, peak in peaks.items()),
        )
