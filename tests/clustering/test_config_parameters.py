"""Which config texts are accepted, and the reasons for rejecting others."""

import pytest
from django.utils import translation

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


def test_all_parameters_can_be_set() -> None:
    text = "clusters: 4\nn_init: 1\nmax_iter: 1000\ntol: 1e-3\ninit: random\nrandom_state: 0\n"
    parameters, remarks = Parameters.parse(text)
    assert parameters == Parameters(4, 1, 1000, 0.001, "random", 0)
    assert not remarks
    assert repr(Parameters(4, n_init=5)) == "Parameters(clusters=4, n_init=5)"
    for written, tol in {"0": 0, "1": 1, "0.5": 0.5, "1.0e-4": 1e-4, "2E-2": 0.02}.items():
        assert Parameters.parse(f"clusters: 3\ntol: {written}")[0].tol == tol


def test_a_similar_key_is_named() -> None:
    _, remarks = Parameters.parse("clusters: 3\nn_inits: 20\ncolour: red\n")
    assert remarks == [
        "unknown keys ignored: colour, n_inits",
        "did you mean `n_init` instead of `n_inits`?",
    ]


def test_a_key_that_is_no_string_is_unknown() -> None:
    parameters, remarks = Parameters.parse("clusters: 3\n!!binary init: aGk=\ntol: -0\n")
    assert repr(parameters) == "Parameters(clusters=3, tol=0.0)"
    [remark] = remarks
    assert remark.startswith("unknown keys ignored: b'")


def test_the_defaults_are_those_of_the_contract() -> None:
    assert Parameters() == Parameters(3, 10, 300, 1e-4, "k-means++", 9)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("n_init: auto", "`n_init` must be a whole number such as 10, not a string: auto$"),
        ("n_init: 0", "`n_init` must be from 1 to 100, not 0$"),
        ("n_init: 101", "from 1 to 100"),
        ("n_init: 010", "`n_init` must be a decimal number such as 10, not 010$"),
        ("max_iter: 0", "`max_iter` must be from 1 to 1000"),
        ("max_iter: 1001", "`max_iter` must be from 1 to 1000"),
        ("max_iter: 1e3", "whole number such as 300, not a string: 1e3$"),
        ("tol: -0.1", "`tol` must be from 0 to 1, not -0.1$"),
        ("tol: 1.5", "from 0 to 1"),
        ("tol: .nan", "decimal number such as 0.0001, not .nan$"),
        ("tol: 1:30", "decimal number such as 0.0001, not 1:30$"),
        ("tol: 0x1", "decimal number"),
        ("tol: '0.1'", "`tol` must be a number such as 0.0001, not a string: '0.1'$"),
        ("tol: yes", "not a boolean: yes$"),
        ("init: k-means", r"`init` must be k-means\+\+ / random, not a string: k-means$"),
        ("init: [[1, 2]]", "not a list$"),
        ("random_state: null", "`random_state` must be a whole number such as 9, not nothing"),
        ("random_state: -1", "from 0 to 4294967295"),
        ("random_state: 4294967296", "from 0 to 4294967295"),
    ],
)
def test_a_parameter_out_of_bounds_is_rejected(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Parameters.parse(f"clusters: 3\n{line}")


def test_reasons_are_in_the_active_language() -> None:
    with translation.override("zh-hans"), pytest.raises(ValueError, match="必须"):
        Parameters.parse("clusters: 0")


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
        ("clusters: true", "not a boolean"),
        ("clusters: yes", "not a boolean"),
        ("clusters: '3'", "not a string"),
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
        ("!!binary clusters: 3", "`clusters` is missing"),
        ("clusters: \x0b3", "not valid YAML: .*#x000b"),
        # Numbers in other notations of YAML 1.1, and what looks like one.
        ("clusters: 010", "decimal number such as 3, not 010$"),
        ("clusters: 0x8", "not 0x8$"),
        ("clusters: 0b11", "not 0b11$"),
        ("clusters: 1_0", "not 1_0$"),
        ("clusters: 1:30", "not 1:30$"),
        ("clusters: -0o7", "not a string: -0o7$"),
        ("clusters: !!int 010", "not 010$|not !!int 010$"),
        ("clusters: 0o10", "not a string: 0o10$"),
        ("clusters: 08", "not a string: 08$"),
        ("clusters: 1e3", "not a string: 1e3$"),
        ("clusters: 3.0", r"not a float: 3\.0$"),
        ("clusters: 1:30.5", r"not a float: 1:30\.5$"),
        ("clusters: yes", "not a boolean: yes$"),
        ("clusters: '3'", "not a string: '3'$"),
        (f"clusters: {'x' * 100}", f"not a string: {'x' * 40}…$"),
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
