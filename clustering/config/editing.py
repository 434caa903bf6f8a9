"""Sets `clusters` in a config text, and leaves the rest unchanged."""

import contextlib

import yaml

from clustering.config.parameters import Parameters


def with_clusters(text: str, clusters: int) -> str:
    """Return `text` with another number of clusters; comments and other keys stay.

    A text that is not a mapping, or that would still be rejected, is replaced as a whole.
    """
    candidate = _replaced(text, str(clusters))
    # The agent would reject a text that cannot be parsed even now.
    with contextlib.suppress(ValueError):
        if Parameters.parse(candidate)[0].clusters == clusters:
            return candidate
    return f"clusters: {clusters}\n"


def _replaced(text: str, number: str) -> str:
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return ""
    if not isinstance(root, yaml.MappingNode):
        return ""
    for key, value in root.value:
        if key.value == "clusters":
            start, end = value.start_mark.index, value.end_mark.index
            space = " " if start == end else ""  # the value is missing
            return f"{text[:start]}{space}{number}{text[end:]}"
    start = root.start_mark.index
    if root.flow_style:
        comma = ", " if root.value else ""
        return f"{text[: start + 1]}clusters: {number}{comma}{text[start + 1 :]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * root.start_mark.column
    return f"{text[:start]}clusters: {number}{newline}{indent}{text[start:]}"
