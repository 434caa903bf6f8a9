"""Functions of the project that each worker calls; `gunicorn.conf.py` sets them."""

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> None:
    pass


@dataclass
class Hooks:
    """`tick` and `stopping` run on the event loop, so they must not block.

    `loaded` runs once, after the application is loaded and before the first request. `tick` runs
    about every 0.2 s while the worker serves. `stopping` runs once, before the last requests
    finish.
    """

    loaded: Callable[[], None] = _nothing
    tick: Callable[[], None] = _nothing
    stopping: Callable[[], None] = _nothing


hooks = Hooks()
