"""The smaller model: letters in a row and words, hashed into a table of weights. Standard library only."""

from array import array
from collections.abc import Sequence
from math import sqrt
from unicodedata import normalize
from zlib import crc32

TABLE = 1 << 16  # weights; more gave nothing
_SHORTEST, _LONGEST = 2, 5  # letters in a row
_READ = 1_000  # characters of a sentence; the splitter makes none that are much longer


def features(sentence: str) -> list[int]:
    """Places in the table, each once and in order: rows of letters within words, and words alone and in pairs."""
    words = normalize("NFKC", sentence[:_READ]).casefold().split()
    grams: set[str] = set()
    before = ""
    for word in words:
        padded = f" {word} "
        for length in range(_SHORTEST, _LONGEST + 1):
            grams.update(padded[at : at + length] for at in range(len(padded) - length + 1))
        bare = word.strip(".,;:!?\"'()…。，！？、")
        grams.add(f"w {bare}")
        grams.add(f"p {before} {bare}")
        before = bare
    return sorted({crc32(gram.encode("utf-8", "replace")) % TABLE for gram in grams})


class NgramScores:
    def __init__(self, weights: "array[int]", unit: float) -> None:
        """unit: what one step of the small integers is worth."""
        if len(weights) != TABLE:
            raise ValueError("the table of weights has another size")
        self._weights = weights
        self._unit = unit

    def scores(self, sentences: Sequence[str]) -> list[float]:
        return [self._score(features(sentence)) for sentence in sentences]

    def _score(self, places: list[int]) -> float:
        if not places:
            return 0.0
        return sum(self._weights[place] for place in places) * self._unit / sqrt(len(places))
