"""How long to wait before a retry."""


class Backoff:
    """Counts failures in a row, each with a longer delay, up to the last of `delays` (seconds)."""

    def __init__(self, *delays: float) -> None:
        self._delays = delays
        self.failures = 0

    def next(self) -> float:
        """Count one more failure; return the seconds to wait."""
        self.failures += 1
        return self._delays[min(self.failures, len(self._delays)) - 1]

    @property
    def longest(self) -> float:
        """The last delay, in seconds."""
        return self._delays[-1]

    def reset(self) -> None:
        """Start again with the shortest delay."""
        self.failures = 0
