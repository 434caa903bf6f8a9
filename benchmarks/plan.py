"""Which work is done, by whom, and for how long."""

from itertools import product
from typing import NamedTuple

from benchmarks.results import (
    DRF,
    ECHO,
    FASTAPI,
    FASTAPI_TYPED,
    FIT,
    OURS,
    OWN_PARSE_AND_FIT,
    PARSE_AND_FIT,
    Work,
)

POINTS = (9, 200, 300, 1000, 3000, 10_000, 100_000, 1_000_000)
DIMENSIONS = (2, 8)
CLIENTS = (1, 4, 32, 64)
LARGE_POINTS = 100_000
LARGEST = Work(1_000_000)
# Beside the largest.
SMALL = Work(9, clients=2)


class Step(NamedTuple):
    """Rounds of a work that go around all who do it; each of no seconds is one post a client."""

    work: Work
    names: tuple[str, ...]
    seconds: int
    rounds: int


class Plan(NamedTuple):
    """The steps, and then `beside_rounds` of small requests alone, and beside a large one."""

    steps: tuple[Step, ...]
    beside_seconds: float
    beside_rounds: int


_FASTAPI = (OURS, FASTAPI, FASTAPI_TYPED, PARSE_AND_FIT)
_SERVICES = (OURS, FASTAPI, FASTAPI_TYPED, DRF, PARSE_AND_FIT)
_PAIR = (OURS, FASTAPI, PARSE_AND_FIT)
_ALL = (*_SERVICES, ECHO, FIT, OWN_PARSE_AND_FIT)

DEFAULT = Plan(
    (
        Step(Work(9, clients=1), _ALL, 2, 3),
        Step(Work(9, clients=4), _ALL, 2, 5),
        Step(Work(9, clients=32), _SERVICES[:-1], 2, 5),
        Step(Work(9, clients=64), _SERVICES[:-1], 2, 3),
        Step(Work(200, clients=4), _SERVICES, 2, 5),
        Step(Work(300, clients=4), _SERVICES, 2, 5),
        Step(Work(1000, clients=4), _SERVICES, 2, 5),
        Step(Work(3000, clients=4), _SERVICES, 2, 5),
        Step(Work(10_000, clients=4), _SERVICES, 3, 5),
        Step(Work(10_000, 8, clients=4), _FASTAPI, 3, 3),
        Step(Work(100_000, clients=1), _FASTAPI, 4, 3),
        Step(Work(100_000, clients=4), _FASTAPI, 6, 5),
        Step(LARGEST, _PAIR, 0, 2),
    ),
    beside_seconds=4,
    beside_rounds=3,
)


def _more() -> tuple[Step, ...]:
    """Return the rest of all sizes and numbers of clients that a machine bears."""
    done = {step.work for step in DEFAULT.steps}
    steps = []
    for points, dimensions, clients in product(POINTS, DIMENSIONS, CLIENTS):
        work = Work(points, dimensions, clients)
        # A server may hold the bodies of all clients at once, as Python lists.
        if work in done or points * dimensions * clients > 16_000_000:
            continue
        if points < LARGE_POINTS:
            steps.append(Step(work, _SERVICES, 2, 2))
        else:
            steps.append(Step(work, _FASTAPI, 0, 1))
    return tuple(steps)


PLANS = {
    "default": DEFAULT,
    "full": DEFAULT._replace(steps=DEFAULT.steps + _more()),
    # Whether the benchmark itself works; its figures say nothing.
    "smoke": Plan(
        (
            Step(Work(9, clients=1), _ALL, 1, 1),
            Step(Work(9, clients=4), _ALL, 0, 2),
            Step(Work(200, clients=4), _SERVICES, 0, 1),
            Step(Work(LARGE_POINTS), (OURS, PARSE_AND_FIT), 0, 1),
        ),
        beside_seconds=0,
        beside_rounds=0,
    ),
}
