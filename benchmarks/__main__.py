"""Compare the service with its peers, and print and write what comes of it.

Not in a module of another name, because the processes that are spawned import that.
"""

import argparse
import os
from pathlib import Path

import django

# Before what is imported from the tests, some of which needs the settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from benchmarks import bench, report, wrk  # noqa: E402
from benchmarks.plan import PLANS  # noqa: E402


def main() -> None:
    """Run what the command line chooses."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("plan", nargs="?", default="default", choices=PLANS)
    parser.add_argument("--workers", type=int, default=2, help="of each service")
    parser.add_argument(
        "--peers", type=Path, default=Path(".venv/bench/bin/python"), help="the peers' Python"
    )
    parser.add_argument("--docs", type=Path, help="folder whose performance.md is to be renewed")
    chosen = parser.parse_args()
    wrk.require()
    results = bench.run(PLANS[chosen.plan], chosen.workers, chosen.peers)
    for name, table in report.tables(results).items():
        print(f"\n{name}\n\n{table}")
    if chosen.docs:
        report.write(results, chosen.docs)


if __name__ == "__main__":
    main()
