"""Gives up a fit that takes too long, or whose caller is gone."""

import time
from collections.abc import Callable
from typing import Final

from serving.conf import Setting
from serving.contract import IS_GONE, Environ
from serving.problems import Problem

TIMEOUT_SECONDS: Final = Setting[float]("KMEANS_FIT_TIMEOUT_SECONDS")


def check_from_now(environ: Environ) -> Callable[[], None]:
    """Return a function that raises Problem if the fit, which starts now, must be given up.

    The status is 503 after the timeout, and 499 if the server says that the caller is gone.
    """
    timeout = TIMEOUT_SECONDS.value
    deadline = time.monotonic() + timeout
    is_gone: Callable[[], bool] = environ.get(IS_GONE, lambda: False)

    def check() -> None:
        if is_gone():
            raise Problem("caller-gone", "the caller closed the connection during the fit")
        if time.monotonic() > deadline:
            raise Problem(
                "fit-timeout",
                f"the fit took longer than {timeout:g} s ({TIMEOUT_SECONDS.name}); send fewer "
                "points or dimensions",
            )

    return check
