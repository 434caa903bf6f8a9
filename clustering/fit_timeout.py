"""Gives up a request that takes too long, or whose caller is gone."""

import time
from collections.abc import Callable
from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from serving.conf import Setting
from serving.contract import IS_GONE, Environ
from serving.problems import Problem

TIMEOUT_SECONDS: Final = Setting[float]("KMEANS_FIT_TIMEOUT_SECONDS")


# Key of the WSGI environ.
_CHECK: Final = "clustering.fit_timeout"


def check_of(environ: Environ) -> Callable[[], None]:
    """Return a function that raises Problem if the request must be given up.

    The status is 503 after the timeout, and 499 if the server says that the caller is gone. The
    time of a request starts at the first call: parsing counts.
    """
    if _CHECK not in environ:
        environ[_CHECK] = _check_from_now(environ)
    check: Callable[[], None] = environ[_CHECK]
    return check


def _check_from_now(environ: Environ) -> Callable[[], None]:
    timeout = TIMEOUT_SECONDS.value
    deadline = time.monotonic() + timeout
    is_gone: Callable[[], bool] = environ.get(IS_GONE, lambda: False)

    def check() -> None:
        if is_gone():
            raise Problem("caller-gone", _("the caller closed the connection during the fit"))
        if time.monotonic() > deadline:
            raise Problem(
                "fit-timeout",
                format_lazy(
                    _(
                        "parsing and the fit took longer than {seconds} s ({setting}); send fewer "
                        "points, dimensions or candidates"
                    ),
                    seconds=f"{timeout:g}",
                    setting=TIMEOUT_SECONDS.name,
                ),
            )

    return check
