"""The parameters of k-means, and how to parse them from the config text."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

import yaml
from django.conf import settings


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
            config = yaml.load(text, _StrictLoader)  # noqa: S506 (it is a SafeLoader)
        except yaml.YAMLError as error:
            raise ValueError(f"not valid YAML: {' '.join(str(error).split())}") from error
        except RecursionError as error:
            raise ValueError("not valid YAML: nested too deeply") from error
        if not isinstance(config, dict):
            raise ValueError(  # noqa: TRY004 (one type for all rejected texts)
                f"not a mapping such as `clusters: 3`, but {_type_name(config)}"
            )
        if "clusters" not in config:
            raise ValueError("`clusters` is missing")
        clusters = check_clusters(config["clusters"])
        unknown = sorted(str(key) for key in config if key != "clusters")
        remarks = [f"unknown keys ignored: {', '.join(unknown)}"] if unknown else []
        return cls(clusters=clusters), remarks


def check_clusters(clusters: object) -> int:
    """Return `clusters` if it is a valid number of clusters; raise ValueError otherwise."""
    # bool is a subclass of int, but `clusters: yes` does not mean 1.
    if type(clusters) is not int:
        raise ValueError(f"`clusters` must be a whole number such as 3, not {_type_name(clusters)}")
    if not 1 <= clusters <= settings.KMEANS_MAX_CLUSTERS:
        raise ValueError(
            f"`clusters` must be from 1 to {settings.KMEANS_MAX_CLUSTERS} "
            f"(KMEANS_MAX_CLUSTERS), not {_shortened(clusters)}"
        )
    return clusters


def _type_name(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shortened(number: int) -> str:
    # str() of an int raises above 4,300 digits.
    return str(number) if abs(number) < 10**20 else "a number of more than 20 digits"
