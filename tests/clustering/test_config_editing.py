"""A change of `clusters` keeps the rest of the config text."""

import pytest

from clustering.config.editing import with_clusters
from clustering.config.parameters import Parameters

REPLACED = "clusters: 5\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("clusters: 3\n", "clusters: 5\n"),
        ("clusters: 3", "clusters: 5"),
        ("# why 3\nclusters: 3 # 中文\nother: x\n", "# why 3\nclusters: 5 # 中文\nother: x\n"),
        ('clusters: "3"\r\nother: x\r\n', "clusters: 5\r\nother: x\r\n"),
        ("clusters:\n", "clusters: 5\n"),
        ("clusters: [1,\n  2]\nother: x\n", "clusters: 5\nother: x\n"),
        ("---\nclusters: !!int 3\n...\n", "---\nclusters: 5\n...\n"),
        ("{clusters: 3, other: x}", "{clusters: 5, other: x}"),
        ("{other: x}", "{clusters: 5, other: x}"),
        ("{}", "{clusters: 5}"),
        ("# no number\nother: x\r\n", "# no number\nclusters: 5\r\nother: x\r\n"),
        ("  other: x\n  more: y\n", "  clusters: 5\n  other: x\n  more: y\n"),
        # Not a mapping, or rejected anyway: nothing is kept.
        ("", REPLACED),
        ("just text", REPLACED),
        ("- 1\n", REPLACED),
        ("clusters: [", REPLACED),
        ("clusters: 3\nclusters: 4\n", REPLACED),
        ("other: &x 1\nclusters: *x\n", REPLACED),
        ("[" * 2000, REPLACED),
    ],
)
def test_only_the_number_changes(before: str, after: str) -> None:
    assert with_clusters(before, 5) == after
    assert Parameters.parse(after)[0].clusters == 5
