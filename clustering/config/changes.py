"""Says in words what a change of the config text changes."""

import yaml
from django.utils.translation import gettext as _

_SHOWN_MAX = 40


def describe(before: str, after: str) -> str:
    """Return the keys that differ, such as `clusters 3 → 4`, in the current language.

    Either may be any text: what is not a YAML mapping counts as one without keys.
    """
    old, new = _written(before), _written(after)
    changes = [_change(key, old.get(key), new.get(key)) for key in old | new]
    return ", ".join(filter(None, changes)) or _("no parameter has changed")


def _change(key: str, old: str | None, new: str | None) -> str:
    if old == new:
        return ""
    if old is None:
        return _("%(key)s set to %(value)s") % {"key": key, "value": new}
    if new is None:
        return _("%(key)s removed, it was %(value)s") % {"key": key, "value": old}
    return f"{key} {old} → {new}"


def _written(text: str) -> dict[str, str]:
    """Return each key with its value as written; nothing is constructed, as aliases can explode."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return {
        _shortened(key.value): _value(text, value)
        for key, value in pairs
        if isinstance(key, yaml.ScalarNode)
    }


def _value(text: str, node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return _shortened(node.value) or "null"
    return _shortened(text[node.start_mark.index : node.end_mark.index])


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_MAX else f"{line[: _SHOWN_MAX - 1]}…"
