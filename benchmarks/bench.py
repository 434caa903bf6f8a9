"""Runs a plan: all services at once, and rounds of load that go around them."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import psutil

from benchmarks import floors
from benchmarks.floors import Floor
from benchmarks.load import Seconds
from benchmarks.plan import LARGE_POINTS, LARGEST, SMALL, Plan, Step
from benchmarks.results import (
    DRF,
    ECHO,
    FASTAPI,
    FASTAPI_TYPED,
    FIT,
    OURS,
    OWN_PARSE_AND_FIT,
    PARSE_AND_FIT,
    Beside,
    Results,
    Round,
)
from benchmarks.services import ECHO_PATH, TYPED_PATH, HttpService, started, started_peer

# Threads of each worker of the plain peer.
DRF_THREADS = 2
LATER_SECONDS = 0.3
SERVICE_PACKAGES = ("scikit-learn", "numpy", "django", "djangorestframework", "gunicorn", "uvloop")
PEER_PACKAGES = ("fastapi", "starlette", "pydantic", "uvicorn", "httptools")

Parties = dict[str, HttpService | Floor]


def run(plan: Plan, workers: int, peers: Path) -> Results:
    """Return what was measured; `peers` is the Python of the peers, which may not be there."""
    peers = peers.absolute()  # they run in another folder
    results = Results(facts(workers, peers))
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="skl-kmeans-benchmark-") as folder,
        ProcessPoolExecutor(workers, context, floors.prepare) as pool,
        parties(workers, peers, pool, Path(folder)) as all_parties,
    ):
        for step in plan.steps:
            print(f"{step.work}", flush=True)
            _do(step, all_parties, results)
        for name in (OURS, FASTAPI) if plan.beside_rounds else ():
            print(f"{SMALL} beside {LARGEST} on {name}", flush=True)
            service = all_parties.get(name)
            if isinstance(service, HttpService):
                results.beside[name] = _beside(service, plan, pool)
    return results


@contextlib.contextmanager
def parties(
    workers: int, peers: Path, pool: ProcessPoolExecutor, folder: Path
) -> Iterator[Parties]:
    """Start all who take part."""
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(started(WORKERS=str(workers)))
        assert service.process
        found: Parties = {OURS: HttpService(OURS, folder, service.process.pid, service.port)}
        if peers.exists():
            fastapi = stack.enter_context(started_peer(
                peers, folder, "uvicorn", "fastapi_peer:app", f"--workers={workers}",
                "--port={port}", "--no-access-log",
            ))  # fmt: skip
            drf = stack.enter_context(started_peer(
                peers, folder, "gunicorn", "drf_peer:application", "--bind=127.0.0.1:{port}",
                "--no-control-socket", f"--workers={workers}", f"--threads={DRF_THREADS}",
                "--timeout=600",
            ))  # fmt: skip
            found[FASTAPI] = HttpService(FASTAPI, folder, *fastapi)
            found[FASTAPI_TYPED] = HttpService(FASTAPI_TYPED, folder, *fastapi, TYPED_PATH)
            found[DRF] = HttpService(DRF, folder, *drf)
            found[ECHO] = HttpService(ECHO, folder, *drf, ECHO_PATH)
        for name in (FIT, PARSE_AND_FIT, OWN_PARSE_AND_FIT):
            found[name] = Floor(name, pool, workers, folder)
        yield found


def _do(step: Step, all_parties: Parties, results: Results) -> None:
    present = [all_parties[name] for name in step.names if name in all_parties]
    is_large = step.work.points >= LARGE_POINTS
    services = [party for party in present if is_large and isinstance(party, HttpService)]
    for service in services:
        service.forget_peak()
    for _ in range(step.rounds):
        for party in present:
            results.add(step.work, party.name, party.run(step.work, step.seconds))
        present = _rotated(present)
    for service in services:
        results.memory[step.work, service.name] = service.memory(step.work)


def _rotated(all_of_them: Sequence[HttpService | Floor]) -> list[HttpService | Floor]:
    return [*all_of_them[1:], all_of_them[0]]


def _beside(service: HttpService, plan: Plan, pool: ProcessPoolExecutor) -> Beside:
    """Post small bodies alone and, while another process posts a large one, beside it."""
    found = Beside()
    large = service.post(LARGEST, plan.beside_seconds)
    for _ in range(plan.beside_rounds):
        found.alone.rounds.append(service.run_timed(SMALL, plan.beside_seconds))
        # After the others have connected, which a worker that is busy may not accept.
        serving = pool.submit(_later, large)
        found.beside.rounds.append(service.run_timed(SMALL, LATER_SECONDS + plan.beside_seconds))
        found.large.rounds.append(Round.of(*serving.result()))
    return found


def _later(post: Callable[[], tuple[Seconds, float]]) -> tuple[Seconds, float]:
    time.sleep(LATER_SECONDS)
    return post()


def facts(workers: int, peers: Path) -> dict[str, str]:
    """Return what the figures depend on."""
    versions = {name: importlib.metadata.version(name) for name in SERVICE_PACKAGES}
    if peers.exists():
        code = f"import importlib.metadata as m; print(*map(m.version, {PEER_PACKAGES}))"
        made = subprocess.run([peers, "-c", code], capture_output=True, text=True, check=True)
        versions |= dict(zip(PEER_PACKAGES, made.stdout.split(), strict=True))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load average before": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "workers of each service": str(workers),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
