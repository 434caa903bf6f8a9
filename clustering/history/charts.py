"""The last hour as two bar charts, for the template `clustering/last_hour.html`."""

from typing import Any, Final

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from clustering.history.statistics import Hour, Minute

# In units of the viewBox, which has room for numbers on the left and times below.
_LEFT: Final = 40
_STEP: Final = 10
_BOTTOM: Final = 110
_HEIGHT: Final = 100
_LABEL_EVERY: Final = 15


def charts(hour: Hour) -> list[dict[str, Any]]:
    """Return requests per minute, and latency per minute; all lengths are integers."""
    most = max(minute.requests for minute in hour.minutes)
    slowest = max(minute.p95_ms or 0.0 for minute in hour.minutes)
    return [
        {
            "name": "requests",
            "title": _("Requests per minute"),
            "summary": _("At most %(most)d in a minute.") % {"most": most},
            "top": most,
            "front": _("answered with labels"),
            "back": _("rejected"),
            "bars": [
                _bar(place, minute, minute.requests, minute.requests - minute.rejected, most)
                for place, minute in enumerate(hour.minutes)
            ],
        },
        {
            "name": "latency",
            "title": _("Latency in milliseconds"),
            "summary": _("The highest 95th percentile of a minute is %(slowest).1f ms.")
            % {"slowest": slowest},
            "top": round(slowest),
            "front": _("median"),
            "back": _("95th percentile"),
            "bars": [
                _bar(place, minute, minute.p95_ms or 0.0, minute.median_ms or 0.0, slowest)
                for place, minute in enumerate(hour.minutes)
            ],
        },
    ]


def _bar(place: int, minute: Minute, back: float, front: float, top: float) -> dict[str, Any]:
    """Return one bar: the whole one behind, and a part of it in front."""
    back_height, front_height = _length(back, top), _length(front, top)
    starts_at = localtime(minute.starts_at)
    return {
        "x": _LEFT + _STEP * place + 1,
        "back_y": _BOTTOM - back_height,
        "back_height": back_height,
        "front_y": _BOTTOM - front_height,
        "front_height": front_height,
        "is_counted": minute.is_counted,
        "label": f"{starts_at:%H:%M}" if starts_at.minute % _LABEL_EVERY == 0 else "",
        "title": _describe(f"{starts_at:%H:%M}", minute),
    }


def _length(value: float, top: float) -> int:
    # Any value above 0 is visible.
    return max(1, round(_HEIGHT * value / top)) if value else 0


def _describe(time: str, minute: Minute) -> str:
    if not minute.is_counted:
        return _("%(time)s: not counted yet") % {"time": time}
    if not minute.requests:
        return _("%(time)s: no requests") % {"time": time}
    return _(
        "%(time)s: %(requests)d requests, %(rejected)d rejected; "
        "median %(median).1f ms, 95th percentile %(p95).1f ms"
    ) % {
        "time": time,
        "requests": minute.requests,
        "rejected": minute.rejected,
        "median": minute.median_ms,
        "p95": minute.p95_ms,
    }
