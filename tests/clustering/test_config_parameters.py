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
        ("clusters: +3", 3),
        ("\ufeffclusters: 3", 3),
        ("# 三\u3000\t\nclusters: 3 # ３", 3),
        ("other: 010\nclusters: 3", 3),
    ],
)
def test_accepted(text: str, clusters: int) -> None:
    parameters, remarks = Parameters.parse(text)
    assert parameters == Parameters(clusters=clusters)
    assert remarks == (["unknown keys ignored: other"] if "other" in text else [])


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
        # Numbers in other notations of YAML 1.1, and what looks like one.
        ("clusters: 010", "decimal number such as 3, not 010$"),
        ("clusters: 0x8", "not 0x8$"),
        ("clusters: 0b11", "not 0b11$"),
        ("clusters: 1_0", "not 1_0$"),
        ("clusters: 1:30", "not 1:30$"),
        ("clusters: -0o7", "not a str: -0o7$"),
        ("clusters: !!int 010", "not 010$|not !!int 010$"),
        ("clusters: 0o10", "not a str: 0o10$"),
        ("clusters: 08", "not a str: 08$"),
        ("clusters: 1e3", "not a str: 1e3$"),
        ("clusters: 3.0", r"not a float: 3\.0$"),
        ("clusters: 1:30.5", r"not a float: 1:30\.5$"),
        ("clusters: yes", "not a bool: yes$"),
        ("clusters: '3'", "not a str: '3'$"),
        (f"clusters: {'x' * 100}", f"not a str: {'x' * 40}…$"),
        # Characters that look like others.
        ("clusters:\t3", r"line 1 has a tab \(U\+0009\): use spaces"),
        ("# \t\n\tclusters: 3", r"line 2 has a tab"),
        ("clusters: 3\t", "line 1 has a tab"),
        ("clusters:\u00a03", r"line 1 has \(U\+00A0 no-break space\): use spaces"),
        ("clusters: \u00a03", "no-break space"),
        ("clusters: 3\u00a0", "no-break space"),
        ("\u00a0clusters: 3", r"write `\s*clusters` as `clusters`; line 1 has .* no-break space"),
        ("# ３　\nclusters: ３", r"line 2 has ３ \(U\+FF13 fullwidth digit three\): use 3"),
        ("clusters: ٣", "arabic-indic digit three.: use 3"),
        ("clusters：3", r"line 1 has ： \(U\+FF1A fullwidth colon\): use :"),
        ("clusters: 3\u3000", "ideographic space.: use spaces"),
        ("clusters: \u200b3", r"\(U\+200B zero width space\): remove it"),
        # The wrong key.
        ("Clusters: 3", "`clusters` is missing: write `Clusters` as `clusters`$"),
        ("CLUSTERS: 3", "write `CLUSTERS` as `clusters`"),
        ("cluster: 3", "write `cluster` as `clusters`"),
        ("n_clusters: 3", "write `n_clusters` as `clusters`"),
        ("ｃlusters: 3", "write `ｃlusters` as `clusters`"),
    ],
)
def test_rejected_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Parameters.parse(text)
