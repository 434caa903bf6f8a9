"""Tells where in a body a fault is that was found in a part of it."""

import re
from typing import NamedTuple

import msgspec

from clustering.api.body import strict_json
from clustering.api.body.gathered_points import GatheredPoints
from serving.problems import Problem

_POINT = re.compile(r"points\[(\d+)\](?:\[(\d+)\])?")


class Place(NamedTuple):
    """The place of a document of `opening_bytes` and then texts, each with its place in the body.

    `points` are those that the document continues, if any; its first number is not in the body.
    """

    opening_bytes: int
    texts: list[tuple[bytes, int]]
    points: GatheredPoints | None

    def problem_of(self, error: msgspec.DecodeError | RecursionError, document: bytes) -> Problem:
        """Return the problem of an error of the document."""
        problem = strict_json.problem_of(error, document, self._byte_in_body)
        if problem.pointer:
            problem.pointer = self.pointer_in_body(problem.pointer)
        return problem

    def pointer_in_body(self, pointer: str) -> str:
        """Return the pointer to what `pointer` names in the document."""
        return _POINT.sub(self._point_in_body, pointer) if self.points else pointer

    def _point_in_body(self, found: re.Match[str]) -> str:
        assert self.points
        i, j = int(found[1]), found[2]
        if self.points.open_length is None:
            i -= 1
        elif j and not i:
            j = str(int(j) - 1 + self.points.open_length)
        return f"points[{self.points.n_points + i}]" + (f"[{j}]" if j else "")

    def _byte_in_body(self, byte: int) -> int:
        place = byte - self.opening_bytes
        for text, start in self.texts:
            in_body = start + place
            if place < len(text):
                break
            place -= len(text)
        return in_body
