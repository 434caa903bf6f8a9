"""Latency percentiles from a histogram that the database counts."""

import math
from collections import Counter
from typing import Final

from django.db.models import Func, IntegerField

# Upper limits in ms, from 0.5 ms to 55 s, each a quarter above the one before. A percentile is
# given as the middle of its bucket, so its error is at most 12 %.
_LIMITS: Final[list[float]] = [0.5 * 1.25**step for step in range(53)]


class Bucket(Func):
    """The number of a duration's bucket, in SQL.

    A logarithm would be slower: SQLite calls Python for it. So would Django's Case: compiling it
    takes longer than the database takes to count a minute.
    """

    template = (
        "CASE "
        + " ".join(f"WHEN %(expressions)s <= {limit!r} THEN {n}" for n, limit in enumerate(_LIMITS))
        + f" ELSE {len(_LIMITS)} END"
    )
    output_field = IntegerField()


def percentile(buckets: Counter[int], share: float, max_ms: float) -> float:
    """Return the duration in ms within which this share of the requests was answered.

    `buckets` has the number of requests by bucket, at least one; the slowest took `max_ms`.
    """
    wanted = share * buckets.total()
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            break
    middle = _LIMITS[min(bucket, len(_LIMITS) - 1)] / math.sqrt(1.25)
    # The first bucket starts at 0 and the last has no end, but no request took more than max_ms.
    return min(round(middle, 2), max_ms)
