"""What a run of the benchmark measures."""

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
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
PEERS = (FASTAPI, FASTAPI_TYPED, DRF, ECHO)


@dataclass(frozen=True, order=True)
class Work:
    """Points to cluster, and how many clients post them at once."""

    points: int
    dimensions: int = 2
    clients: int = 1


PERCENTILES = (50, 99, 100)


class Round(NamedTuple):
    """One round of load, and what was used for it."""

    # Right answers.
    requests: int
    # How many had which other outcome.
    others: dict[str, int]
    wall_seconds: float
    # By percentile.
    milliseconds: dict[int, float]
    cpu_seconds: float = 0.0
    generator_seconds: float = 0.0

    @classmethod
    def of(cls, seconds: Seconds, wall_seconds: float) -> "Round":
        """Return the round of requests that took these seconds."""
        right = seconds.get("200") or [np.nan]
        values = np.percentile(right, PERCENTILES)
        return cls(
            requests=len(seconds.get("200", [])),
            others={outcome: len(each) for outcome, each in seconds.items() if outcome != "200"},
            wall_seconds=wall_seconds,
            milliseconds=dict(zip(PERCENTILES, (1000 * values).tolist(), strict=True)),
        )


@dataclass
class Measured:
    """All rounds of one work on one service; peers are counted at their best round."""

    is_peer: bool = False
    rounds: list[Round] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Return how many were answered with the right labels."""
        return sum(each.requests for each in self.rounds)

    @property
    def others(self) -> Counter[str]:
        """Return how many had which other outcome."""
        found: Counter[str] = Counter()
        for each in self.rounds:
            found.update(each.others)
        return found

    @property
    def rate(self) -> float:
        """Return requests per second."""
        rates = [each.requests / each.wall_seconds for each in self.rounds]
        return max(rates) if self.is_peer else median(rates)

    def milliseconds(self, percentile: int) -> float:
        """Return a percentile, of PERCENTILES, of the time of a request."""
        values = [each.milliseconds[percentile] for each in self.rounds if each.requests]
        return min(values) if self.is_peer else median(values)

    @property
    def cpu_milliseconds(self) -> float:
        """Return the CPU time of all processes of the service, per request."""
        return 1000 * sum(each.cpu_seconds for each in self.rounds) / max(1, self.requests)


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

    def add(self, work: Work, name: str, one: Round) -> None:
        """Add a round."""
        self.measured.setdefault((work, name), Measured(name in PEERS)).rounds.append(one)
