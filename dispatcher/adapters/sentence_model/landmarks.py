"""Learning the pulls of the landmarks: least squares over all known sentences, by way of a sample of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model import kernel
from dispatcher.adapters.sentence_model.embedding import Points

Floats: TypeAlias = NDArray[np.float64]

LANDMARKS = 6_000  # all 18,000 would gain next to nothing
SMOOTHING, SMOOTHING_OF_LETTERS = 0.3, 0.03
_STEADY = 1e-4  # on the diagonal: alike landmarks must not make the system singular
_AT_ONCE = 4_096  # rows; bounds the memory


def sample(texts: Sequence[str]) -> NDArray[np.int64]:
    """The same landmarks each time: the texts whose digests come first."""
    digests = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in texts]
    return np.array(sorted(range(len(texts)), key=digests.__getitem__)[:LANDMARKS], dtype=np.int64)


@dataclass(frozen=True)
class Field:
    """near: of each known sentence to each landmark. among: of the landmarks to each other."""

    rows: kernel.Rows
    near: Points
    among: Floats

    @classmethod
    def of(cls, points: Points, chosen: NDArray[np.int64], middle: Points) -> "Field":
        rows = kernel.Rows.of(points[chosen], middle)
        places = rows.points()
        moved = kernel.centred(points, middle)
        near = np.concatenate(
            [kernel.near(moved[start : start + _AT_ONCE], places) for start in range(0, len(moved), _AT_ONCE)]
        )
        return cls(rows, near, kernel.near(places, places).astype(np.float64))

    def fitted(
        self, chosen: NDArray[np.int64], targets: Floats, weights: Floats, *, landmarks: int = LANDMARKS
    ) -> tuple[Points, float]:
        """The pulls that give the chosen sentences their targets, and the level. landmarks: as many of them."""
        level = float(np.average(targets, weights=weights))
        width = min(landmarks, self.near.shape[1])
        system = np.zeros((width, width))
        right = np.zeros(width)
        for start in range(0, len(chosen), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            near = self.near[chosen[part], :width]
            weight = weights[part].astype(np.float32)
            system += near.T @ (near * weight[:, None])
            right += near.T @ (weight * (targets[part] - level).astype(np.float32))
        return self._solved(system, right, SMOOTHING), level

    def fitted_to_letters(self, means: Points, targets: Floats, weights: Floats) -> tuple[Points, float]:
        """means: of the nearness of each letter's sentences to the landmarks."""
        level = float(np.average(targets, weights=weights))
        width = means.shape[1]
        system, right = np.zeros((width, width)), np.zeros(width)
        for start in range(0, len(means), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            wide, weight = means[part].astype(np.float64), weights[part]
            system += wide.T @ (wide * weight[:, None])
            right += wide.T @ (weight * (targets[part] - level))
        return self._solved(system, right, SMOOTHING_OF_LETTERS), level

    def _solved(self, system: Floats, right: Floats, smoothing: float) -> Points:
        width = len(system)
        system = system + smoothing * self.among[:width, :width]
        system[np.diag_indices(width)] += _STEADY
        found: Points = np.linalg.solve(system, right).astype(np.float32)
        return found
