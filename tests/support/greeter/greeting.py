from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Greeting:
    word: str = "Hello"

    @classmethod
    def parse(cls, text: str) -> tuple[Self, list[str]]:
        word = text.strip()
        if not word.isalpha():
            raise ValueError(f"not one word: {word[:60]!r}")
        return cls(word), []
