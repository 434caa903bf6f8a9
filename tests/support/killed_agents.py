"""Kills agents at random while their config changes; run by test_resilience.py."""

import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Print how many were killed, and what their applied file then held."""
    from kmeans_project.prepare import prepare

    prepare()
    import django
    from django.conf import settings

    django.setup()
    from clustering.config.parameters import Parameters
    from nacos_integration import conf
    from nacos_integration.agent.supervisor import Agent

    file = Path(settings.KMEANS_CONFIG_FILE)
    applied = conf.load().applied_path
    number = itertools.count(1)
    unreadable, seen = [], set()
    kills = int(sys.argv[1])
    for kill in range(kills):
        # Forked from a process without threads: only so do a hundred starts take little time.
        child = os.fork()
        if child == 0:
            agent = Agent(conf.load())
            agent.start()
            time.sleep(60)
            os._exit(1)
        end = time.monotonic() + random.uniform(0.0, 0.6)
        while time.monotonic() < end:
            file.write_text(f"clusters: {next(number) % 900 + 1}\n")
            time.sleep(random.uniform(0.0, 0.25))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if applied.exists():
            try:
                content = json.loads(applied.read_text())["content"]
                Parameters.parse(content)
            except (ValueError, KeyError) as error:
                unreadable.append(f"{kill}: {error}")
            else:
                seen.add(content)
    print(json.dumps({"killed": kills, "unreadable": unreadable, "changes_seen": len(seen)}))


if __name__ == "__main__":
    main()
