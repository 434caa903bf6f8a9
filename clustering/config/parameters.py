"""The parameters of k-means, and how to parse them from the config text."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, Self

import yaml
from django.conf import settings

from clustering.config.characters import ascii_of, name_odd_character

# YAML 1.1 reads 010, 0x8, 0b1000, 1_0 and 1:30 as numbers too, others read them otherwise.
_DECIMAL: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_SHOWN_MAX: Final = 40


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader that also rejects aliases and duplicate keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # A few nested aliases under a merge key expand exponentially, and no config needs them.
        if self.check_event(yaml.AliasEvent):
            raise ValueError("YAML aliases are not accepted")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            keys = [key.value for key, _ in node.value]
            duplicates = sorted({str(key) for key in keys if keys.count(key) > 1})
            raise ValueError(f"duplicate keys: {', '.join(duplicates) or 'merged ones'}")
        return mapping


@dataclass(frozen=True)
class Parameters:
    """The parameters of k-means; the defaults hold until a config is applied."""

    clusters: int = 3

    @classmethod
    def parse(cls, text: str) -> tuple[Self, list[str]]:
        """Return the parameters in the YAML `text`, and remarks about keys that have no effect.

        Raises ValueError, with a reason for the operator, if the text must not be applied.
        """
        try:
            node, config = _load(text)
            clusters = _clusters(text, node, config)
        except ValueError as error:
            hint = name_odd_character(text)
            raise ValueError(f"{error}; {hint}" if hint else str(error)) from error
        unknown = sorted(str(key) for key in config if key != "clusters")
        remarks = [f"unknown keys ignored: {', '.join(unknown)}"] if unknown else []
        return cls(clusters=clusters), remarks


def _load(text: str) -> tuple[Any, Any]:
    """Return the root of the YAML `text`, as a node and as an object."""
    loader = _StrictLoader(text)
    try:
        node = loader.get_single_node()
        return node, loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ValueError("not valid YAML: nested too deeply") from error
    finally:
        loader.dispose()


def _clusters(text: str, node: Any, config: Any) -> int:
    if not isinstance(config, dict):
        raise ValueError(  # noqa: TRY004 (one type for all rejected texts)
            f"not a mapping such as `clusters: 3`, but {_type_name(config)}"
        )
    if "clusters" not in config:
        similar = [
            f": write `{_shown(str(key))}` as `clusters`"
            for key in config
            if get_close_matches(ascii_of(str(key)).casefold(), ["clusters"], cutoff=0.75)
        ]
        raise ValueError("`clusters` is missing" + "".join(similar[:1]))
    (value,) = (value for key, value in node.value if key.value == "clusters")
    written = ""
    if isinstance(value, yaml.ScalarNode):
        written = _shown(text[value.start_mark.index : value.end_mark.index])
        if type(config["clusters"]) is int and not _DECIMAL.fullmatch(value.value):
            raise ValueError(f"`clusters` must be a decimal number such as 3, not {written}")
    return check_clusters(config["clusters"], written)


def check_clusters(clusters: object, written: str = "") -> int:
    """Return `clusters` if it is a valid number of clusters; raise ValueError otherwise.

    `written` is how it stands in the config text, for the reason.
    """
    # bool is a subclass of int, but `clusters: yes` does not mean 1.
    if type(clusters) is not int:
        given = f"{_type_name(clusters)}: {written}" if written else _type_name(clusters)
        raise ValueError(f"`clusters` must be a whole number such as 3, not {given}")
    if not 1 <= clusters <= settings.KMEANS_MAX_CLUSTERS:
        raise ValueError(
            f"`clusters` must be from 1 to {settings.KMEANS_MAX_CLUSTERS} "
            f"(KMEANS_MAX_CLUSTERS), not {_shortened(clusters)}"
        )
    return clusters


def _type_name(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def _shortened(number: int) -> str:
    # str() of an int raises above 4,300 digits.
    return str(number) if abs(number) < 10**20 else "a number of more than 20 digits"
