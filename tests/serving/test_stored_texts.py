"""Stored English texts in another language."""

import pytest
from django.utils.translation import override

from clustering.api import problem_examples
from serving.stored_texts import translated

CHINESE = "zh-hans"
# Not of this service, but of the server below it.
FOREIGN = "a target of more than 4094 bytes"
EXAMPLES = [
    detail
    for problems in problem_examples._PROBLEMS.values()
    for _code, detail, _pointer in problems
    if detail != FOREIGN
]


@pytest.mark.parametrize("english", EXAMPLES)
def test_the_detail_of_each_problem_is_translated_with_its_values(english: str) -> None:
    with override("en"):
        assert translated(english) == english
    with override(CHINESE):
        chinese = translated(english)
    assert chinese != english
    assert sorted(filter(str.isdecimal, chinese)) == sorted(filter(str.isdecimal, english))


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("1 point cannot form 3 clusters; send at least 3", "1 个点不能分成 3 个簇"),
        ("2 points cannot form 3 clusters; send at least 3", "2 个点不能分成 3 个簇"),
        # A value that is a text, and one that is a name.
        ("must be a number, not a string", "必须是数字，而不是字符串"),
        ("64 requests wait already; try again after 1 s", "已有 64 个请求在等待；请在 1 秒后重试"),
        ("clusters set to 5", "clusters 设为 5"),
        # The part that is a text is another message with two values.
        ("published: tol removed, it was 0.1", "已发布：去掉 tol（原为 0.1）"),
    ],
)
def test_values_are_translated_if_they_are_texts(english: str, chinese: str) -> None:
    with override(CHINESE):
        assert translated(english).startswith(chinese)


@pytest.mark.parametrize(
    "text", ["", "ok", FOREIGN, "{name}", "%(name)s", "1 point\nmore", "x" * 300]
)
def test_other_texts_are_left(text: str) -> None:
    with override(CHINESE):
        assert translated(text) == text
