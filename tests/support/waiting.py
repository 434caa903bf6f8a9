"""Waits for what other threads and processes do."""

import time
from collections.abc import Callable


def wait_until(
    is_so: Callable[[], object], seconds: float = 30.0, what: Callable[[], str] = str
) -> float:
    """Return the seconds until `is_so()` was true; fail after `seconds`, telling `what()`."""
    started = time.monotonic()
    while not is_so():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not so within {seconds} s: {what()}")
        time.sleep(0.02)
    return time.monotonic() - started


def wait_until_the_minute_has(seconds: float) -> None:
    """Return when at least so many seconds of the minute on the clock are left."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.01)
