"""Classes of words: those that the fast embedding takes for similar. They let the smaller model, which has no
embedding, know a word by its like."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model.embedding import Embedding, Points
from dispatcher.adapters.sentence_model.kernel import centred
from dispatcher.adapters.sentence_model.landmarks import sample
from dispatcher.adapters.sentence_model.ngrams import BY_SIGNS, CLASS_TABLE, place_of_word, words_of

Classes: TypeAlias = NDArray[np.int64]

_CLASSES = 250  # with the sign, as many as a small integer tells apart
_HALF = 125
_ROUNDS = 12
_OFTEN = 5  # times that a word must stand in what is borrowed
_AT_ONCE = 4_096


def vocabulary(own: Iterable[tuple[str, str]], borrowed: Iterable[tuple[str, str]]) -> list[str]:
    """own, borrowed: language and text."""
    found = {word for language, text in own if language not in BY_SIGNS for word in words_of(text)}
    counted = Counter(
        (language, word) for language, text in borrowed if language not in BY_SIGNS for word in words_of(text)
    )
    found |= {word for (_, word), count in counted.items() if count >= _OFTEN}
    return sorted(word for word in found if len(word) > 1)


def class_table(words: Sequence[str], embedding: Embedding) -> "array[int]":
    """The class of each word at its place; where two words share a place, the first is heard."""
    table = array("b", bytes(CLASS_TABLE))
    if not words:
        return table
    points = embedding.points(words)
    for word, kind in zip(words, _grouped(centred(points, points.mean(axis=0)), words), strict=True):
        place = place_of_word(word)
        if not table[place]:
            table[place] = kind + 1 if kind < _HALF else _HALF - 1 - kind
    return table


def _grouped(points: Points, words: Sequence[str]) -> list[int]:
    """K-means on the sphere, from the same beginning each time."""
    centres = points[sample(words)[:_CLASSES]]
    kinds = _nearest(points, centres)
    for _ in range(_ROUNDS):
        sums = np.zeros_like(centres)
        np.add.at(sums, kinds, points)
        centres = centred(sums, np.zeros_like(centres[0]))
        kinds = _nearest(points, centres)
    return [int(kind) for kind in kinds]


def _nearest(points: Points, centres: Points) -> Classes:
    return np.concatenate(
        [
            (points[start : start + _AT_ONCE] @ centres.T).argmax(axis=1)
            for start in range(0, len(points), _AT_ONCE)
        ]
    ).astype(np.int64)
