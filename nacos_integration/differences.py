"""How an instance's entry in the registry differs from what it registers.

The agent records this in English. A page compares the entry again for its reader's language.
"""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from nacos_integration import conf


def of(listed: dict[str, Any], settings: conf.Conf) -> list[str]:
    """Return what an operator has changed in the console, which overrides what we register."""
    ours = {"enabled": True, "weight": settings.weight, **settings.metadata}
    theirs = listed | listed["metadata"]
    changed = [
        _("%(name)s: %(theirs)r instead of %(ours)r")
        % {"name": name, "theirs": theirs.get(name), "ours": value}
        for name, value in ours.items()
        if theirs.get(name) != value
    ]
    added = [
        _("%(name)s: %(value)r added") % {"name": name, "value": value}
        for name, value in listed["metadata"].items()
        if name not in ours
    ]
    return changed + added


def translated(recorded: list[str], listed: dict[str, Any] | None) -> list[str]:
    """Return recorded differences in the active language, in English if they are not found again.

    `listed` is the entry that they were found in.
    """
    if not recorded or listed is None:
        return recorded
    with override("en"):
        found_again = of(listed, conf.load()) == recorded
    return of(listed, conf.load()) if found_again else recorded
