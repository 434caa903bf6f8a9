"""Loops without HTTP, in processes of their own: what the work itself costs."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import django
import msgspec
import numpy as np
from sklearn.cluster import KMeans

from benchmarks.bodies import body_of
from benchmarks.load import Seconds
from benchmarks.results import FIT, OWN_PARSE_AND_FIT, PARSE_AND_FIT, Round, Work

Labels = list[int]


def prepare() -> None:
    """Load Django in a process of the pool, with the state directory of the one that started it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "kmeans_project.settings"
    django.setup()


class _Body(msgspec.Struct):
    points: list[list[float]]


_decoder = msgspec.json.Decoder(_Body)


def _parse(content: bytes) -> object:
    return np.array(_decoder.decode(content).points)


def _fit(points: object) -> Labels:
    labels: Labels = KMeans(n_clusters=3, random_state=9, n_init=10).fit_predict(points).tolist()
    return labels


def _fit_alone(content: bytes) -> Callable[[], Labels]:
    points = _parse(content)
    return lambda: _fit(points)


def _parse_and_fit(content: bytes) -> Callable[[], Labels]:
    return lambda: _fit(_parse(content))


def _own_parse_and_fit(content: bytes) -> Callable[[], Labels]:
    # They need Django's settings.
    from rest_framework.test import APIRequestFactory

    from clustering.api.parsers import PointsParser
    from clustering.api.serializers import PointsField
    from clustering.engine.kmeans import fit_predict
    from clustering.engine.parameters import KMeansParameters

    context = {"request": APIRequestFactory().post("/")}
    parser, field = PointsParser(), PointsField()

    def work() -> Labels:
        parsed = parser.parse(BytesIO(content), parser_context=context)
        points = field.to_internal_value(parsed["points"])
        labels: Labels = fit_predict(points, KMeansParameters(3)).labels.tolist()
        return labels

    return work


_WORK = {
    FIT: _fit_alone,
    PARSE_AND_FIT: _parse_and_fit,
    OWN_PARSE_AND_FIT: _own_parse_and_fit,
}


class Loop(NamedTuple):
    seconds: Seconds
    wall_seconds: float
    cpu_seconds: float


def _loop(name: str, content: Path, labels: Labels, seconds: float) -> Loop:
    """Return what came of working at least once, and again until the seconds are over."""
    work = _WORK[name](content.read_bytes())
    results: Seconds = {}
    cpu_seconds = time.process_time()
    began = now = time.monotonic()
    while not results or now < began + seconds:
        is_right = work() == labels
        before, now = now, time.monotonic()
        outcome = "200" if is_right else "other labels"
        results.setdefault(outcome, []).append(now - before)
    return Loop(results, now - began, time.process_time() - cpu_seconds)


class Floor:
    """One of the loops, in as many processes as there are clients, or else workers."""

    def __init__(self, name: str, pool: ProcessPoolExecutor, workers: int, folder: Path) -> None:
        self.name = name
        self._pool = pool
        self._workers = workers
        self._folder = folder

    def run(self, work: Work, seconds: float) -> Round:
        """Return what all processes did together."""
        body = body_of(work.points, work.dimensions)
        # A file, so that no large body is sent to a process each time.
        path = self._folder / f"{work.points}-{work.dimensions}.json"
        if not path.exists():
            path.write_bytes(body.content)
        loops = [
            self._pool.submit(_loop, self.name, path, body.labels, seconds)
            for _ in range(min(work.clients, self._workers))
        ]
        together: Seconds = {}
        wall_seconds = cpu_seconds = 0.0
        for loop in loops:
            one = loop.result()
            for outcome, each in one.seconds.items():
                together.setdefault(outcome, []).extend(each)
            wall_seconds = max(wall_seconds, one.wall_seconds)
            cpu_seconds += one.cpu_seconds
        return Round.of(together, wall_seconds)._replace(cpu_seconds=cpu_seconds)
