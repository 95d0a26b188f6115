"""The smaller model: words, pairs of words, letters in a row and classes of words, hashed into tables of weights.

Standard library only. The classes are learned where the model is trained: words that the embedding takes for similar, in
six languages. What is learned of one word then counts for its like. Chinese, Japanese and Korean are read by signs.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from unicodedata import normalize
from zlib import crc32

from dispatcher.services.tone import Impression

TABLE = 1 << 17  # weights
CLASS_TABLE = 1 << 18  # places for words
BY_SIGNS = frozenset({"ja", "ko", "zh"})
_SHORTEST, _LONGEST = 3, 5  # letters in a row, within a word
_SIGNS = 4  # in a row, across words
_APART = (2, 3)  # words between which others stand
_READ = 1_000  # characters of a sentence; the splitter makes none that are much longer
_WORD = re.compile(r"[^\W_]+|[!?]")
_APOSTROPHES = str.maketrans("", "", "'’")


def words_of(sentence: str) -> list[str]:
    return _WORD.findall(normalize("NFKC", sentence[:_READ]).casefold().translate(_APOSTROPHES))


def place_of_word(word: str) -> int:
    return crc32(word.encode("utf-8", "replace")) % CLASS_TABLE


def features(sentence: str, language: str, classes: "array[int]") -> list[int]:
    """Places in the table, each once and in order. classes: by place_of_word; 0 for a word that has none."""
    tag = language[:2]
    grams = _signs(sentence, tag) if tag in BY_SIGNS else _words(sentence, tag, classes)
    return sorted({crc32(gram.encode("utf-8", "replace")) % TABLE for gram in set(grams)})


def _signs(sentence: str, tag: str) -> Iterator[str]:
    text = f"^{normalize('NFKC', sentence[:_READ]).casefold()}$"
    for length in range(1, _SIGNS + 1):
        for at in range(len(text) - length + 1):
            yield tag + text[at : at + length]


def _words(sentence: str, tag: str, classes: "array[int]") -> Iterator[str]:
    """tag: the language. Classes are the same in all."""
    words = words_of(sentence)
    for word in set(words):
        yield f"{tag}w{word}"
        padded = f"<{word}>"
        for length in range(_SHORTEST, _LONGEST + 1):
            for at in range(len(padded) - length + 1):
                yield tag + padded[at : at + length]
    for one, next_one in pairwise(["^", *words, "$"]):
        yield f"{tag}b{one} {next_one}"
    kinds = [str(classes[place_of_word(word)] or word) for word in words]
    for kind in kinds:
        yield f"C{kind}"
    for one, next_one in pairwise(["^", *kinds, "$"]):
        yield f"B{one} {next_one}"
    for apart in _APART:
        for one, far in zip(kinds, kinds[apart:], strict=False):
            yield f"K{one} {far}"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """unit: what one step of the small integers is worth; level: where nothing is known."""

    steps: "array[int]"
    unit: float
    level: float

    def __post_init__(self) -> None:
        if len(self.steps) != TABLE:
            raise ValueError("the table of weights has another size")

    def sum(self, places: Sequence[int]) -> float:
        if not places:
            return self.level
        return sum(self.steps[place] for place in places) * self.unit / sqrt(len(places)) + self.level


class NgramReadings:
    def __init__(self, classes: "array[int]", score: Weights, lean: Weights) -> None:
        if len(classes) != CLASS_TABLE:
            raise ValueError("the table of classes has another size")
        self._classes = classes
        self._score = score
        self._lean = lean

    def readings(self, sentences: Sequence[str], language: str) -> list[Impression]:
        return [
            Impression(score=self._score.sum(places), lean=self._lean.sum(places))
            for places in (features(sentence, language, self._classes) for sentence in sentences)
        ]
