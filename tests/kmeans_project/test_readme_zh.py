"""The Chinese README has the same structure as the English one."""

import re

import pytest

from tests.support.service import ROOT

ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
BLOCK = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)
# Of what stands outside of blocks of code; what may change its order in a sentence is sorted.
PARTS = {
    "levels of headings": lambda text: re.findall(r"^#+(?= )", text, re.MULTILINE),
    "images": lambda text: re.findall(r"!\[[^]]*\]\(([^)]*)\)", text),
    "links": lambda text: sorted(re.findall(r"\]\(([^)]*)\)|<(http[^>]*)>", text)),
    "code": lambda text: sorted(" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)),
    "numbers": lambda text: sorted(re.findall(r"\d+(?:\.\d+)*", text)),
    "items of lists": lambda text: len(re.findall(r"^- ", text, re.MULTILINE)),
    "columns of each row": lambda text: [
        line.count("|") for line in text.splitlines() if line.startswith("|")
    ],
}


def read(name: str, other: str) -> str:
    """Return a README without the link to the other one."""
    text = (ROOT / name).read_text()
    assert f"]({other})" in text, f"{name} does not lead to {other}"
    line = next(line for line in text.splitlines() if f"]({other})" in line)
    return text.replace(line, "", 1)


def test_blocks_of_code_are_the_same() -> None:
    english, chinese = (
        BLOCK.findall(text) for text in (read(ENGLISH, CHINESE), read(CHINESE, ENGLISH))
    )
    assert len(english) > 3
    assert chinese == english, f"copy the blocks of code of {ENGLISH} into {CHINESE}"


@pytest.mark.parametrize("part", PARTS)
def test_the_text_has_the_same(part: str) -> None:
    english, chinese = (
        PARTS[part](BLOCK.sub("", text))
        for text in (read(ENGLISH, CHINESE), read(CHINESE, ENGLISH))
    )
    assert english
    assert chinese == english, f"{part}: translate what changed in {ENGLISH} in {CHINESE} too"
