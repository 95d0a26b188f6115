"""The larger model: a sentence is judged by the sentences of the training data that lie near it.

Least squares with a Gaussian kernel over embeddings. It learns what a straight line through the embeddings cannot:
that "you are brave" and "you are cowards" differ, in a place where they hardly do.
"""

import io
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model.embedding import Embedding, Points
from dispatcher.services.tone import JudgeUnavailable

Floats: TypeAlias = NDArray[np.float64]
Small: TypeAlias = NDArray[np.int8]
_Real = TypeVar("_Real", np.float32, np.float64)

WIDTH_OF_KERNEL = 1.0  # 0.5, 1 and 2 were tried by cross-validation
SMOOTHING = 0.3
_STEPS = 127
_ALIKE = 0.99  # cosine of the probe here and where the model was trained
PROBE = "We ask you to let the refugees leave in safety."


def squeezed(points: Points) -> tuple[Small, float]:
    """Points as small integers and the worth of one step: a quarter of the size, with the same judgement."""
    unit = float(np.abs(points).max()) / _STEPS
    return np.rint(points / unit).astype(np.int8), unit


def near(some: NDArray[_Real], others: NDArray[_Real]) -> NDArray[_Real]:
    """How near each of some lies to each of others: 1 for the same point."""
    distance = (some**2).sum(1)[:, None] + (others**2).sum(1)[None, :] - 2 * (some @ others.T)
    nearness: NDArray[_Real] = np.exp(-WIDTH_OF_KERNEL * np.maximum(distance, 0))
    return nearness


def fitted(nearness: Floats, targets: Floats, weights: Floats) -> tuple[Floats, float]:
    """The pull of each training sentence, and the level. targets: 1 disrespectful, -1 civil."""
    level = float(np.average(targets, weights=weights))
    system = nearness.copy()
    system[np.diag_indices(len(system))] += SMOOTHING / weights
    pulls = np.linalg.solve(system, targets - level)
    return pulls.astype(np.float64), level


class KernelScores:
    def __init__(self, archive: bytes) -> None:
        """Loads the embedding too. Raises JudgeUnavailable."""
        with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
            unit = float(arrays["unit"][0])
            self._known = arrays["known"].astype(np.float32) * np.float32(unit)
            self._pulls = arrays["pulls"].astype(np.float32)
            self._level = float(arrays["level"][0])
            probe = arrays["probe"]
        self._embedding = Embedding()
        # Another release of the library, or a processor that counts otherwise, would judge by other points.
        if float(probe @ self._embedding.points([PROBE])[0]) < _ALIKE:
            raise JudgeUnavailable(
                reason="the embedding library is not the one the model was trained with; run 'dispatcher tone train'"
            )

    def scores(self, sentences: Sequence[str]) -> list[float]:
        points = self._embedding.points(sentences)
        return [float(score) for score in near(points, self._known) @ self._pulls + self._level]
