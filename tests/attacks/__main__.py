"""Make every attack on a service of its own, and print what others saw of it meanwhile.

Words on the command line choose the attacks whose names contain one of them.
"""

import sys
import tempfile
from pathlib import Path

from tests.attacks.rows import ATTACKS
from tests.support.attack import Outcome, Scene


def main() -> int:
    """Return 1 if anything was not as required."""
    words = sys.argv[1:] or [""]
    outcomes = []
    for attack in ATTACKS:
        if not any(word in attack.name for word in words):
            continue
        with tempfile.TemporaryDirectory(prefix="skl-kmeans-attack-") as folder:
            scene = Scene(attack.name, Path(folder), is_short=False)
            try:
                attack.run(scene)
            except Exception as error:  # noqa: BLE001 (the other attacks are still to be made)
                scene.outcome.wrong.append(repr(error))
            finally:
                scene.close()
            outcomes.append(scene.outcome)
            show(scene.outcome, scene.service.log())
    print("\n" + Outcome.HEADER)
    for outcome in outcomes:
        print(outcome.row())
    return 1 if any(outcome.wrong or outcome.late for outcome in outcomes) else 0


def show(outcome: Outcome, log: str) -> None:
    """Print at once how it went, on the error stream, with the log if something was wrong."""
    faults = outcome.wrong + outcome.late
    print(outcome.row(), *faults, sep="\n    ", file=sys.stderr, flush=True)
    if faults:
        print(log, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
