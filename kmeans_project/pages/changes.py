"""The latest changes for the overview: of the config, in words, and what users did."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext

from clustering.config.changes import describe
from nacos_integration import reasons
from nacos_integration.models import ConfigChange
from nacos_integration.state.states import ConfigOrigin
from serving import stored_texts

RECENT: Final = 10
# Each instance writes a row of its own about a change.
_ROWS: Final = 50 * RECENT
_SAME_CHANGE: Final = timedelta(minutes=1)
# Messages of a LogEntry, which are stored in English.
PUBLISHING: Final = gettext_noop("publishing: {change}")
PUBLISHED: Final = gettext_noop("published: {change}")
NOT_PUBLISHED: Final = gettext_noop("not published, {error}: {change}")
PERHAPS_PUBLISHED: Final = gettext_noop("perhaps published, {error}: {change}")
TAKING_OUT: Final = gettext_noop("taking out of the registry: {instance}")
TAKEN_OUT: Final = gettext_noop("taking out of the registry: {instance}, confirmed")
PUTTING_BACK: Final = gettext_noop("putting back into the registry: {instance}")
PUT_BACK: Final = gettext_noop("putting back into the registry: {instance}, confirmed")
_STARTED: Final = {
    ConfigOrigin.SNAPSHOT: gettext_lazy("started with the last good config"),
    ConfigOrigin.DEFAULT: gettext_lazy("started with the default config"),
}


def recent() -> list[dict[str, Any]]:
    """Return the users' changes, and the configs that agents applied or rejected, newest first."""
    rows = list(ConfigChange.objects.all()[:_ROWS])
    groups = _groups(rows)
    if len(rows) == _ROWS and len(groups) > 1:
        groups.pop()  # some of its rows may be missing
    judged = [_config_change(rows) for rows in groups[:RECENT]]
    done = LogEntry.objects.filter(content_type=content_type()).select_related("user")
    changes = judged + [
        {
            "at": entry.action_time,
            "who": entry.user.get_username(),
            "what": stored_texts.translated(entry.change_message),
        }
        for entry in done[:RECENT]
        if not _is_told(entry, judged)
    ]
    return sorted(changes, key=lambda change: change["at"], reverse=True)[:RECENT]


def content_type() -> ContentType:
    """Return what the LogEntry of a change is about."""
    return ContentType.objects.get_for_model(ConfigChange)


def _is_told(entry: LogEntry, judged: list[dict[str, Any]]) -> bool:
    """Return whether an agent has recorded what the user published, with more about it."""
    return entry.change_message.startswith(PUBLISHED.format(change="")) and any(
        change["who"] == entry.user.get_username()
        and abs(change["at"] - entry.action_time) < _SAME_CHANGE
        for change in judged
    )


def _groups(rows: Iterable[ConfigChange]) -> list[list[ConfigChange]]:
    """Group the rows that several instances wrote about one change."""
    groups: list[list[ConfigChange]] = []
    for row in rows:
        for group in groups:
            first = group[0]
            if (
                (first.outcome, first.md5, first.before) == (row.outcome, row.md5, row.before)
                and abs(first.created_at - row.created_at) < _SAME_CHANGE
                and row.instance not in {other.instance for other in group}
            ):
                group.append(row)
                break
        else:
            groups.append([row])
    return groups


def _config_change(rows: list[ConfigChange]) -> dict[str, Any]:
    row = rows[0]
    is_applied = row.outcome == ConfigChange.Outcome.APPLIED
    if row.source in _STARTED:
        what = str(_STARTED[ConfigOrigin(row.source)])
    else:
        what = describe(row.before, row.after) if is_applied else row.get_outcome_display()
    publishers = [row.published_by for row in rows]
    return {
        "at": min(row.created_at for row in rows),
        # "" if it was published elsewhere, None if that is unknown.
        "who": next(filter(None, publishers), "" if "" in publishers else None),
        "instance": row.instance,
        "what": ", ".join(filter(None, [what, _rollout(rows)])),
        "reason": row.reason and reasons.translated(row.after, row.reason, row.key),
        "pk": row.pk,
        "applied_md5": row.md5 if is_applied and row.after.strip() else None,
    }


def _rollout(rows: list[ConfigChange]) -> str:
    """Return when all workers had the config, "" if that is not known of each instance."""
    workers = sum(row.workers or 0 for row in rows)
    seconds = [row.in_force_after_seconds for row in rows]
    known = [value for value in seconds if value is not None]
    if not known or len(known) < len(rows):
        return ""
    values = {"workers": workers, "instances": len(rows), "seconds": f"{max(known):g}"}
    if len(rows) > 1:
        text = _(
            "in force in all %(workers)d workers of %(instances)d instances after %(seconds)s s"
        )
    else:
        text = ngettext(
            "in force in %(workers)d worker after %(seconds)s s",
            "in force in all %(workers)d workers after %(seconds)s s",
            workers,
        )
    return text % values
