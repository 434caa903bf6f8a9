"""What the worker calls of the project; `gunicorn.conf.py` sets it before workers are forked."""

from collections.abc import Callable
from dataclasses import dataclass


def _nothing() -> None:
    pass


@dataclass
class Hooks:
    """Functions without arguments; all but `loaded` run on the event loop, and must be quick.

    `loaded` is called once, with the application loaded and before the first request; `tick` about
    every 0.2 s while the worker serves; `stopping` once, before it lets its requests finish.
    """

    loaded: Callable[[], None] = _nothing
    tick: Callable[[], None] = _nothing
    stopping: Callable[[], None] = _nothing


hooks = Hooks()
