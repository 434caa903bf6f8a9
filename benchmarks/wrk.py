"""Load by wrk, with one thread."""

import json
import resource
import shutil
import subprocess
from pathlib import Path

from benchmarks.results import Round

SCRIPT = Path(__file__).with_name("post.lua")
# For one answer.
TIMEOUT_SECONDS = 120


def require() -> None:
    """Exit with what to do if wrk is not installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk makes the load: install it, such as by `apt-get install wrk`")


def post(url: str, body: Path, expected: Path, clients: int, seconds: int) -> Round:
    """Post the file `body` on `clients` connections, and again after each answer, for `seconds`.

    Right answers have the bytes of the file `expected`. The CPU time of the service is not in the
    result.
    """
    before = _cpu_seconds()
    run = subprocess.run(
        [
            "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", f"--timeout={TIMEOUT_SECONDS}s",
            f"-s{SCRIPT}", url, "--", body, expected,
        ],
        check=True,
        capture_output=True,
        text=True,
    )  # fmt: skip
    found = json.loads(run.stdout.splitlines()[-1])
    others = {
        "wrong status": found["wrong_status"],
        "another answer": found["wrong_content"],
        "no answer": found["broken"],
    }
    return Round(
        requests=found["right"],
        others={outcome: n for outcome, n in others.items() if n},
        wall_seconds=found["microseconds"] / 1e6,
        milliseconds={50: found["p50"] / 1e3, 99: found["p99"] / 1e3, 100: found["max"] / 1e3},
        generator_seconds=_cpu_seconds() - before,
    )


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
