"""Reasons that the agent recorded in English, in the language of the reader."""

import pytest
from django.utils import translation

from nacos_integration import reasons

KEY = "skl-kmeans in DEFAULT_GROUP"


@pytest.mark.parametrize(
    ("text", "recorded", "shown"),
    [
        ("k: 1", "`clusters` is missing", "缺少 `clusters`"),
        ("clusters: 3\nx: 1", "unknown keys ignored: x", "忽略了未知的键：x"),
        ("", f"{KEY} is empty", f"{KEY} 为空"),
        (" \n", f"{KEY} is empty", f"{KEY} 为空"),
        ("", f"there is no config at {KEY}", f"{KEY} 处没有配置"),
        # What cannot be found again stays as it was recorded.
        ("clusters: 3\nx: 1", "nacos:8848: connection refused", "nacos:8848: connection refused"),
        (
            "clusters: 3",
            "`clusters` must be from 1 to 2, not 3",
            "`clusters` must be from 1 to 2, not 3",
        ),
        ("", "the handler failed: OSError", "the handler failed: OSError"),
        ("clusters: 3", "not accepted by an earlier release", "not accepted by an earlier release"),
        ("#" * reasons.MAX_BYTES, "too large: 99999 bytes", "too large: 99999 bytes"),
    ],
)
def test_the_reason_is_found_again(text: str, recorded: str, shown: str) -> None:
    with translation.override("zh-hans"):
        assert reasons.translated(text, recorded, KEY) == shown
    with translation.override("en"):
        assert reasons.translated(text, recorded, KEY) == recorded
