"""Learning the weights of words: logistic regression over hashed features, by Newton's method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model.ngrams import TABLE

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]

_STEPS, _INNER_STEPS = 8, 15  # the weights stand still by then
_CLOSE, _STILL = 1e-4, 1e-3
_LEAST = 1e-6


class Linear(Protocol):
    """A matrix of features, by what one does with it."""

    def times(self, weights: Floats) -> Floats: ...
    def back(self, values: Floats) -> Floats: ...


class SentenceRows:
    """One row for each sentence, of length 1."""

    def __init__(self, rows: Sequence[Places]) -> None:
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        self._places = np.concatenate([*rows, np.empty(0, np.int64)])
        self._owner = np.repeat(np.arange(len(rows)), lengths)
        self._share = 1 / np.sqrt(np.maximum(1, lengths))
        self._count = len(rows)

    def times(self, weights: Floats) -> Floats:
        return np.bincount(self._owner, weights[self._places], self._count) * self._share

    def back(self, values: Floats) -> Floats:
        found: Floats = np.bincount(self._places, (values * self._share)[self._owner], TABLE).astype(
            np.float64
        )
        return found


@dataclass(frozen=True)
class LetterRows:
    """One row for each letter: the mean of its sentences'. owner: the letter of each sentence."""

    sentences: SentenceRows
    owner: Places
    sizes: Places

    def times(self, weights: Floats) -> Floats:
        return np.bincount(self.owner, self.sentences.times(weights), len(self.sizes)) / self.sizes

    def back(self, values: Floats) -> Floats:
        return self.sentences.back((values / self.sizes)[self.owner])


def learned(rows: Linear, targets: Floats, weights: Floats, smoothing: float) -> tuple[Floats, float]:
    """The table of weights, and the level. targets: 1 disrespectful, -1 civil."""
    table, level = np.zeros(TABLE), 0.0
    right = (targets > 0).astype(np.float64)
    for _ in range(_STEPS):
        share = 1 / (1 + np.exp(-(rows.times(table) + level)))
        off = weights * (share - right)
        curve = weights * share * (1 - share) + _LEAST
        step, up = _newton_step(rows, curve, rows.back(off) + smoothing * table, float(off.sum()), smoothing)
        table += step
        level += up
        if np.abs(step).max() < _STILL:
            break
    return table, level


def _newton_step(
    rows: Linear, curve: Floats, slope: Floats, level_slope: float, smoothing: float
) -> tuple[Floats, float]:
    """By conjugate gradients. The level is not smoothed."""
    step, up = np.zeros_like(slope), 0.0
    rest, level_rest = -slope, -level_slope
    way, level_way = rest.copy(), level_rest
    size = float(rest @ rest) + level_rest**2
    for _ in range(_INNER_STEPS):
        bent = curve * (rows.times(way) + level_way)
        turned, level_turned = rows.back(bent) + smoothing * way, float(bent.sum())
        far = size / (float(way @ turned) + level_way * level_turned)
        step += far * way
        up += far * level_way
        rest -= far * turned
        level_rest -= far * level_turned
        new = float(rest @ rest) + level_rest**2
        if new < _CLOSE * size:
            break
        way = rest + new / size * way
        level_way = level_rest + new / size * level_way
        size = new
    return step, up
