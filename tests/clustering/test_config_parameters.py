"""Which config texts are accepted, and the reasons for rejecting others."""

import pytest

from clustering.config.parameters import Parameters


@pytest.mark.parametrize(
    ("text", "clusters"),
    [
        ("clusters: 3", 3),
        ("clusters: 4\n", 4),
        ("# a comment\nclusters:   12", 12),
        ('{"clusters": 5}', 5),
        ("clusters: 1", 1),
        ("clusters: 1000", 1000),
    ],
)
def test_accepted(text: str, clusters: int) -> None:
    assert Parameters.parse(text) == (Parameters(clusters=clusters), [])


def test_the_default_is_three() -> None:
    assert Parameters().clusters == 3


def test_unknown_keys_are_accepted_with_a_remark() -> None:
    parameters, remarks = Parameters.parse("clusters: 4\ncolour: red\n7: 8")
    assert parameters.clusters == 4
    assert remarks == ["unknown keys ignored: 7, colour"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("clusters: [", "not valid YAML"),
        ("clusters: 3\n---\nclusters: 4", "not valid YAML"),
        ("\t- x", "not valid YAML"),
        ("clusters: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("[" * 5000, "not valid YAML"),
        ("3", "not a mapping"),
        ("- clusters", "not a mapping"),
        ("", "not a mapping"),
        ("k: 3", "`clusters` is missing"),
        ("clusters:", "whole number such as 3, not nothing"),
        ("clusters: true", "not a bool"),
        ("clusters: yes", "not a bool"),
        ("clusters: '3'", "not a str"),
        ("clusters: 3.0", "not a float"),
        ("clusters: .nan", "not a float"),
        ("clusters: [3]", "not a list"),
        ("clusters: 0", "from 1 to 1000"),
        ("clusters: -3", "from 1 to 1000"),
        ("clusters: 1001", "from 1 to 1000"),
        (f"clusters: {'9' * 4000}", "more than 20 digits"),
        (f"clusters: {'9' * 9000}", "limit"),
        ("clusters: 3\nclusters: 4", "duplicate keys: clusters"),
        ("a: &a {x: 1}\nclusters: 3\nb: *a", "aliases are not accepted"),
        ("clusters: 2026-99-99", "month"),
    ],
)
def test_rejected_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Parameters.parse(text)
