"""The parameters of k-means, and how to parse them from the config text."""

import re
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Final, Self

import yaml
from django.conf import settings
from django.utils.translation import gettext as _

from clustering.config import strict_yaml
from clustering.config.characters import ascii_of, name_odd_character
from clustering.engine.parameters import KMeansParameters

# YAML 1.1 reads 010, 0x8, 0b1000, 1_0 and 1:30 as numbers too, others read them otherwise.
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# YAML 1.1 reads 1e-4 as a string.
_NUMBER: Final = re.compile(_INTEGER.pattern + r"(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_SHOWN_MAX: Final = 40
# The least and the greatest value of the integers; `clusters` has KMEANS_MAX_CLUSTERS.
_BOUNDS: Final = {"n_init": (1, 100), "max_iter": (1, 1000), "random_state": (0, 2**32 - 1)}
_TOL_MAX: Final = 1.0
_STRING: Final = "tag:yaml.org,2002:str"
_INITS: Final = ("k-means++", "random")


class Parameters(KMeansParameters):
    """The parameters, and how a config text sets them; the defaults hold until one is applied."""

    @classmethod
    def parse(cls, text: str) -> tuple[Self, list[str]]:
        """Return the parameters in the YAML `text`, and remarks about keys that have no effect.

        Raises ValueError if the text must not be applied, with a reason for the operator, in the
        active language.
        """
        try:
            values, unknown = _values(text)
        except ValueError as error:
            hint = name_odd_character(text)
            raise ValueError(f"{error}; {hint}" if hint else str(error)) from error
        remarks = [_("unknown keys ignored: %(keys)s") % {"keys": ", ".join(unknown)}]
        for key in unknown:
            if similar := get_close_matches(key, _names(), 1, cutoff=0.75):
                remark = _("did you mean `%(similar)s` instead of `%(key)s`?")
                remarks.append(remark % {"similar": similar[0], "key": _shown(key)})
        return cls(**values), remarks if unknown else []


def check(key: str, value: object, written: str = "") -> Any:
    """Return the value of a parameter if it is valid; raise ValueError otherwise.

    `written` is how it stands in the config text, for the reason.
    """
    if key == "init":
        if value in _INITS:
            return value
        raise ValueError(_must_be(key, " / ".join(_INITS), value, written))
    if key == "tol":
        if type(value) not in (int, float):
            raise ValueError(_must_be(key, _("a number such as 0.0001"), value, written))
        assert isinstance(value, int | float)
        if not 0 <= value <= _TOL_MAX:
            raise ValueError(
                _("`%(key)s` must be from %(least)s to %(most)s, not %(value)s")
                % {"key": key, "least": 0, "most": f"{_TOL_MAX:g}", "value": written or value}
            )
        return abs(float(value))  # not -0.0
    # bool is a subclass of int, but `clusters: yes` does not mean 1.
    if type(value) is not int:
        example = _("a whole number such as %(example)s") % {"example": _default(key)}
        raise ValueError(_must_be(key, example, value, written))
    least, most = _BOUNDS.get(key, (1, settings.KMEANS_MAX_CLUSTERS))
    if not least <= value <= most:
        setting = "" if key in _BOUNDS else " (KMEANS_MAX_CLUSTERS)"
        raise ValueError(
            _("`%(key)s` must be from %(least)s to %(most)s, not %(value)s")
            % {"key": key, "least": least, "most": f"{most}{setting}", "value": _shortened(value)}
        )
    return value


def _values(text: str) -> tuple[dict[str, Any], list[str]]:
    """Return the valid values by parameter, and the other keys."""
    node, config = strict_yaml.load(text)
    if not isinstance(config, dict):
        raise ValueError(  # noqa: TRY004 (one type for all rejected texts)
            _("not a mapping such as `clusters: 3`, but %(what)s") % {"what": _type_name(config)}
        )
    if "clusters" not in config:
        raise ValueError(_("`clusters` is missing") + _similar_key(config))
    names = _names()
    values = {
        key.value: _value(text, key.value, value, config[key.value])
        for key, value in node.value
        if key.tag == _STRING and key.value in names
    }
    return values, sorted(str(key) for key in config if key not in names)


def _names() -> list[str]:
    return [field.name for field in fields(Parameters)]


def _value(text: str, key: str, node: yaml.Node, value: object) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        return check(key, value)
    written = _shown(text[node.start_mark.index : node.end_mark.index])
    is_plain = node.style is None
    if key == "tol" and is_plain and _NUMBER.fullmatch(node.value):
        value = float(node.value)
    elif (type(value) is int or (type(value) is float and key == "tol")) and not (
        _NUMBER.fullmatch(node.value)
    ):
        raise ValueError(
            _("`%(key)s` must be a decimal number such as %(example)s, not %(written)s")
            % {"key": key, "example": _default(key), "written": written}
        )
    return check(key, value, written)


def _similar_key(config: dict[Any, Any]) -> str:
    for key in config:
        if get_close_matches(ascii_of(str(key)).casefold(), ["clusters"], cutoff=0.75):
            return _(": write `%(key)s` as `clusters`") % {"key": _shown(str(key))}
    return ""


def _must_be(key: str, what: str, value: object, written: str) -> str:
    given = f"{_type_name(value)}: {written}" if written else _type_name(value)
    return _("`%(key)s` must be %(what)s, not %(given)s") % {
        "key": key,
        "what": what,
        "given": given,
    }


def _default(key: str) -> str:
    value = getattr(Parameters(), key)
    return f"{value:f}".rstrip("0") if isinstance(value, float) else str(value)


def _type_name(value: object) -> str:
    names = {
        "NoneType": _("nothing"),
        "bool": _("a boolean"),
        "str": _("a string"),
        "int": _("a whole number"),
        "float": _("a float"),
        "list": _("a list"),
        "dict": _("a mapping"),
    }
    name = type(value).__name__
    return names.get(name, f"a {name}")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def _shortened(number: int) -> str:
    # str() of an int raises above 4,300 digits.
    return str(number) if abs(number) < 10**20 else _("a number of more than 20 digits")
