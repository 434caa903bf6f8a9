"""YAML without what makes a config text mean something else than it seems to."""

from collections.abc import Hashable
from typing import Any

import yaml
from django.utils.translation import gettext as _


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader that also rejects aliases and duplicate keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few nested aliases under a merge key expand exponentially, and no config needs them.
        if self.check_event(yaml.AliasEvent):
            raise ValueError(_("YAML aliases are not accepted"))
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            keys = [key.value for key, _value in node.value]
            duplicates = sorted({str(key) for key in keys if keys.count(key) > 1})
            raise ValueError(
                _("duplicate keys: %(keys)s") % {"keys": ", ".join(duplicates) or _("merged ones")}
            )
        return mapping


def load(text: str) -> tuple[Any, Any]:
    """Return the root of the YAML `text`, as a node and as an object.

    Raises ValueError, with a reason in the active language.
    """
    try:
        return _load(_StrictLoader(text))
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        raise ValueError(_("not valid YAML: %(error)s") % {"error": what}) from error
    except RecursionError as error:
        raise ValueError(_("not valid YAML: nested too deeply")) from error


def _load(loader: _StrictLoader) -> tuple[Any, Any]:
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    finally:
        loader.dispose()
