"""A sentence is judged by the sentences of the training data that lie near it.

Least squares with a Gaussian kernel over embeddings. It learns what a straight line through the embeddings cannot:
that "you are brave" and "you are cowards" differ, in a place where they hardly do.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model.embedding import Embedding, Points
from dispatcher.services.tone import JudgeUnavailable

Floats: TypeAlias = NDArray[np.float64]
Small: TypeAlias = NDArray[np.int8]

WIDTH_OF_KERNEL = 1.0  # 0.5, 1 and 2 were tried by cross-validation
SMOOTHING = 0.3
PROBE = "We ask you to let the refugees leave in safety."
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
    def of(cls, points: Points) -> "Rows":
        middle = points.mean(axis=0)
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


def fitted(nearness: Points, targets: Floats, weights: Floats) -> tuple[Points, float]:
    """The pull of each training sentence, and the level. targets: 1 disrespectful, -1 civil."""
    level = float(np.average(targets, weights=weights))
    system = nearness.copy()
    system[np.diag_indices(len(system))] += (SMOOTHING / weights).astype(np.float32)
    pulls = np.linalg.solve(system, (targets - level).astype(np.float32))
    return pulls.astype(np.float32), level


class KernelScores:
    def __init__(self, archive: bytes, embedding: Embedding) -> None:
        """Raises JudgeUnavailable, ValueError."""
        with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
            self._known = Rows(arrays["small"], float(arrays["unit"][0]), arrays["middle"]).points()
            self._middle = arrays["middle"]
            self._pulls = arrays["pulls"]
            self._level = float(arrays["level"][0])
            probe = arrays["probe"]
        self._embedding = embedding
        # Another release of the library, or a processor that counts otherwise, would judge by other points.
        if float(probe @ embedding.points([PROBE])[0]) < _ALIKE:
            raise JudgeUnavailable(
                reason="an embedding library is not the one the model was trained with; run 'dispatcher tone train'"
            )

    def scores(self, sentences: Sequence[str]) -> list[float]:
        if not sentences:
            return []
        points = centred(self._embedding.points(sentences), self._middle)
        return [float(score) for score in near(points, self._known) @ self._pulls + self._level]


class SecondLook:
    """The fast scores, and for sentences above the gate the fine ones too. Most of a civil letter is below it."""

    def __init__(self, first: KernelScores, second: KernelScores, gate: float) -> None:
        self._first = first
        self._second = second
        self._gate = gate

    def scores(self, sentences: Sequence[str]) -> list[float]:
        first = self._first.scores(sentences)
        asked = [at for at, score in enumerate(first) if score > self._gate]
        second = dict(zip(asked, self._second.scores([sentences[at] for at in asked]), strict=True))
        return [together(score, second.get(at)) for at, score in enumerate(first)]


def together(first: float, second: float | None) -> float:
    """Where the second was not asked, it is taken to agree."""
    return first + (first if second is None else second)
