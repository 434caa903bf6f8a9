"""What a run of the benchmark measures."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from benchmarks.load import Seconds

OURS = "skl-kmeans"
FASTAPI = "FastAPI"
FASTAPI_TYPED = "FastAPI, typed"
DRF = "plain DRF"
ECHO = "DRF echo"
FIT = "fit"
PARSE_AND_FIT = "parse + fit"
OWN_PARSE_AND_FIT = "own parse + fit"


@dataclass(frozen=True, order=True)
class Work:
    """Points to cluster, and how many clients post them at once."""

    points: int
    dimensions: int = 2
    clients: int = 1


class Round(NamedTuple):
    """The seconds of requests by outcome, and what was used for all of them."""

    seconds: Seconds
    wall_seconds: float
    cpu_seconds: float
    generator_seconds: float


@dataclass
class Measured:
    """All rounds of one work on one service."""

    seconds: Seconds = field(default_factory=lambda: defaultdict(list))
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    generator_seconds: float = 0.0

    def add(self, one: Round) -> None:
        for outcome, each in one.seconds.items():
            self.seconds[outcome] += each
        self.wall_seconds += one.wall_seconds
        self.cpu_seconds += one.cpu_seconds
        self.generator_seconds += one.generator_seconds

    @property
    def requests(self) -> int:
        """How many were answered with the right labels."""
        return len(self.seconds.get("200", []))

    @property
    def others(self) -> dict[str, int]:
        """How many had which other outcome."""
        return {outcome: len(each) for outcome, each in self.seconds.items() if outcome != "200"}

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.wall_seconds

    def milliseconds(self, percentile: float) -> float:
        return 1000 * float(np.percentile(self.seconds.get("200", [np.nan]), percentile))

    @property
    def cpu_milliseconds(self) -> float:
        """Of all processes of the service, per request."""
        return 1000 * self.cpu_seconds / max(1, self.requests)


@dataclass(frozen=True)
class Memory:
    """Resident bytes of a service while it served a body of `body_bytes`."""

    body_bytes: int
    peak_bytes: int
    # Of the process that grew most, over what it had before any large body.
    growth_bytes: int

    @property
    def growth_in_bodies(self) -> float:
        return self.growth_bytes / self.body_bytes


@dataclass
class Beside:
    """Small requests, alone and while a large one is served."""

    alone: Measured = field(default_factory=Measured)
    beside: Measured = field(default_factory=Measured)
    large: Measured = field(default_factory=Measured)


@dataclass
class Results:
    """One run. `facts` are of the machine and of the versions."""

    facts: dict[str, str]
    measured: dict[tuple[Work, str], Measured] = field(default_factory=dict)
    memory: dict[tuple[Work, str], Memory] = field(default_factory=dict)
    beside: dict[str, Beside] = field(default_factory=dict)

    def get(self, points: int, clients: int, name: str, dimensions: int = 2) -> Measured | None:
        """Return what was measured of it, None where nothing was answered."""
        found = self.measured.get((Work(points, dimensions, clients), name))
        return found if found and found.requests else None
