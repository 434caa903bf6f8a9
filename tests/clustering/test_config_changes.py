"""What a change of the config text changes, in words."""

import pytest

from clustering.config.changes import describe

CASES = [
    ("clusters: 3\n", "clusters: 4\n", "clusters 3 → 4"),
    ("", "clusters: 4\n", "clusters set to 4"),
    ("clusters: 3\nn_init: 20\n", "clusters: 3\n", "n_init removed, it was 20"),
    (
        "clusters: 3\ninit: k-means++\n",
        "max_iter: 50\nclusters: 5\ninit: 'random'\n",
        "clusters 3 → 5, init k-means++ → random, max_iter set to 50",
    ),
    ("clusters: 3  # three\n", "{clusters: 3}", "no parameter has changed"),
    ("clusters: 3\na: [1,\n  2]\n", "clusters: 3\na: [1]\n", "a [1, 2] → [1]"),
    ("clusters: 3\na:\n", "clusters: 3\na: 1\n", "a null → 1"),
    # Neither is a mapping.
    ("- 1\n", "[\n", "no parameter has changed"),
    ("clusters: [\n", "clusters: 5\n", "clusters set to 5"),
    ("? [1, 2]\n: 3\n", "", "no parameter has changed"),
]


@pytest.mark.parametrize(("before", "after", "words"), CASES)
def test_it_names_each_parameter_that_differs(before: str, after: str, words: str) -> None:
    assert describe(before, after) == words


def test_it_takes_any_text() -> None:
    layers = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    bomb = "\n".join(["a0: &a0 [x]", *layers])
    for text in (bomb, "[" * 10_000, "\0", "a: " + "x" * 60_000, "k" * 1000 + ": 1\n"):
        assert len(describe("clusters: 3\n", text)) < 5000
