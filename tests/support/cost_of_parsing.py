"""Measures what it costs to parse a body: `python -m tests.support.cost_of_parsing FILE`."""

import io
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

import django


def measure(path: Path) -> dict[str, float]:
    """Return seconds, the longest hold of the interpreter's lock, and the growth in bytes."""
    from rest_framework.exceptions import APIException
    from rest_framework.request import Request
    from rest_framework.test import APIRequestFactory

    from clustering.api.parsers import PointsParser
    from clustering.api.serializers import PointsField

    request = Request(APIRequestFactory().post("/"))
    body = io.BytesIO(path.read_bytes())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest = 0.0
    is_done = threading.Event()

    def tick() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not is_done.wait(0.01):
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        longest = max(longest, time.perf_counter() - last)

    ticker = threading.Thread(target=tick)
    ticker.start()
    started = time.perf_counter()
    try:
        data = PointsParser().parse(body, None, {"request": request})
        PointsField().to_internal_value(data["points"])
    except APIException:
        pass
    seconds = time.perf_counter() - started
    is_done.set()
    ticker.join()
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": seconds, "longest_hold_seconds": longest, "growth": growth * 1024}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    print(json.dumps(measure(Path(sys.argv[1]))))
