"""A sentence is judged by the sentences of the training data that lie near it.

Least squares with a Gaussian kernel over embeddings. It learns what a straight line through the embeddings cannot:
that "you are brave" and "you are cowards" differ, in a place where they hardly do. A sample of the known sentences,
the landmarks, stands for all of them (Nyström's method), so that the model stays small.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model.embedding import Embedding, Points
from dispatcher.adapters.sentence_model.ngrams import NgramReadings
from dispatcher.services.tone import Impression, JudgeUnavailable

Floats: TypeAlias = NDArray[np.float64]
Small: TypeAlias = NDArray[np.int8]

WIDTH_OF_KERNEL = 1.0  # 0.5, 1 and 2 were tried by cross-validation
NGRAMS_SCORE, NGRAMS_LEAN = 0.4, 0.35  # what the words say, beside the embeddings
FIRST, SECOND = 0.5, 1.5  # what the two embeddings count where both were asked
PROBE = "We ask you to let the refugees leave in safety."
_AGAIN, _AGAIN_OF = 3, 20  # sentences that the slow embedding reads at most, and one more for each so many
_STEPS = 127
_TINY = 1e-6
_ALIKE = 0.99  # cosine of the probe here and where the model was trained


@dataclass(frozen=True)
class Rows:
    """Training points as small integers: a quarter of the size, with the same judgement. middle: what the points of
    an embedding have in common, which says nothing."""

    small: Small
    unit: float
    middle: Points

    @classmethod
    def of(cls, points: Points, middle: Points) -> "Rows":
        moved = centred(points, middle)
        unit = float(np.abs(moved).max()) / _STEPS
        return cls(np.rint(moved / unit).astype(np.int8), unit, middle)

    def points(self) -> Points:
        return self.small.astype(np.float32) * np.float32(self.unit)


def centred(points: Points, middle: Points) -> Points:
    moved = points - middle
    length = np.sqrt((moved**2).sum(axis=1, keepdims=True))
    found: Points = moved / np.maximum(length, np.float32(_TINY))
    return found


def near(some: Points, others: Points) -> Points:
    """How near each of some lies to each of others: 1 for the same point."""
    distance = (some**2).sum(1)[:, None] + (others**2).sum(1)[None, :] - 2 * (some @ others.T)
    nearness: Points = np.exp(np.float32(-WIDTH_OF_KERNEL) * np.maximum(distance, 0))
    return nearness


class KernelScores:
    """archive: landmarks, and how each pulls a sentence's score and, where it was learned, its lean."""

    def __init__(self, archive: bytes, embedding: Embedding) -> None:
        """Raises JudgeUnavailable, ValueError."""
        with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
            self._known = Rows(arrays["small"], float(arrays["unit"][0]), arrays["middle"]).points()
            self._middle = arrays["middle"]
            self._pulls = arrays["pulls"]
            self._levels = arrays["levels"]
            probe = arrays["probe"]
        self._embedding = embedding
        # Another release of the library, or a processor that counts otherwise, would judge by other points.
        if float(probe @ embedding.points([PROBE])[0]) < _ALIKE:
            raise JudgeUnavailable(
                reason="an embedding library is not the one the model was trained with; run 'dispatcher tone train'"
            )

    def scores(self, sentences: Sequence[str]) -> Points:
        """A row for each sentence: score, and lean."""
        points = centred(self._embedding.points(sentences), self._middle)
        found: Points = near(points, self._known) @ self._pulls + self._levels
        return found


class KernelReadings:
    """The fast embedding and the words together, and for sentences above the gate the fine embedding too. Most of a
    civil letter is below it."""

    def __init__(
        self,
        words: NgramReadings,
        first: KernelScores,
        second: KernelScores | None = None,
        gate: float = 0.0,
    ) -> None:
        self._words = words
        self._first = first
        self._second = second
        self._gate = gate

    def readings(self, sentences: Sequence[str], language: str) -> list[Impression]:
        if not sentences:
            return []
        first = self._first.scores(sentences)
        own = list(map(float, first[:, 0]))
        joint = [joined(score, None) for score in own]
        if self._second is not None:
            asked = read_again(own, self._gate)
            if asked:
                fine = self._second.scores([sentences[at] for at in asked])[:, 0]
                for at, score in zip(asked, map(float, fine), strict=True):
                    joint[at] = joined(own[at], score)
        return [
            Impression(
                score=joint[at] + NGRAMS_SCORE * word.score,
                lean=float(first[at, 1]) + NGRAMS_LEAN * word.lean,
            )
            for at, word in enumerate(self._words.readings(sentences, language))
        ]


def joined(first: float, second: float | None) -> float:
    """Where the second was not asked, it is taken to agree."""
    return (FIRST + SECOND) * first if second is None else FIRST * first + SECOND * second


def read_again(scores: Sequence[float], gate: float) -> list[int]:
    """Which sentences of a letter the fine embedding is asked about: the worst of those above the gate, in order."""
    worst = sorted(
        (at for at, score in enumerate(scores) if score > gate), key=lambda at: scores[at], reverse=True
    )
    return sorted(worst[: _AGAIN + len(scores) // _AGAIN_OF])
