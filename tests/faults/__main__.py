"""Make every fault against real servers, and print what callers and the registry saw.

Words on the command line choose the faults whose names contain one of them.
"""

import os
import sys
import tempfile
from pathlib import Path

import django

# Before what is imported from the tests, some of which needs the settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from tests.faults.faults import FAULTS  # noqa: E402
from tests.support.scene import HEADER, ImpossibleError, Outcome, Scene, start_server  # noqa: E402
from tests.support.servers import nacos_3_jar  # noqa: E402
from tools.nacos_server import build_jar  # noqa: E402


def main() -> int:
    """Return 1 if anything was not as required."""
    words = sys.argv[1:] or [""]
    chosen = [fault for fault in FAULTS if any(word in fault.name for word in words)]
    jars = [build_jar()]
    if jar_3 := nacos_3_jar():
        jars.append(jar_3)
    else:
        print("NACOS_SERVER_JAR names no Nacos 3 server: only Nacos 2 is tried.", file=sys.stderr)
    outcomes: list[Outcome] = []
    for jar in jars:
        with tempfile.TemporaryDirectory(prefix="skl-kmeans-faults-") as folder:
            nacos = start_server(jar, Path(folder) / "nacos")
            try:
                for number, fault in enumerate(chosen):
                    instance = Path(folder) / f"instance-{number}"
                    instance.mkdir()
                    scene = Scene(fault, nacos, instance, is_short=False)
                    try:
                        outcomes.append(scene.run())
                    except ImpossibleError as error:
                        print(f"{fault.name}: skipped: {error}", file=sys.stderr, flush=True)
                        continue
                    except AssertionError as error:
                        scene.outcome.wrong.append(str(error))
                        outcomes.append(scene.outcome)
                    finally:
                        scene.close()
                    tell(outcomes[-1], scene.service.log())
            finally:
                nacos.stop()
    print("\n" + HEADER)
    for outcome in outcomes:
        print(outcome.row())
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def tell(outcome: Outcome, log: str) -> None:
    """Say at once how it went, on the error stream, with the service's log where it went wrong."""
    print(outcome.row(), *outcome.notes, *outcome.wrong, sep="\n    ", file=sys.stderr, flush=True)
    if outcome.wrong:
        print(log, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
