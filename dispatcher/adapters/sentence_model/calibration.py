"""Scores of letters become probabilities, and each language gets the probability above which a person looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_FOREIGN = 0.2  # what a civil letter of another language counts for: the far end of one alone is noise
_AIM = 1e-9


@dataclass(frozen=True)
class Judged:
    """A letter of corpus/dev and its score by a model that knows none of its author's."""

    language: str
    disrespectful: bool
    score: float


def platt(scores: Floats, disrespectful: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the logistic curve that fits best (Newton's method; Lin, Lin and Weng 2007)."""
    count = int(disrespectful.sum())
    target = np.where(disrespectful, (count + 1) / (count + 2), 1 / (len(scores) - count + 2))
    columns = np.stack([scores, np.ones(len(scores))], axis=1)
    curve = np.zeros(2)
    for _ in range(50):
        share = 1 / (1 + np.exp(-columns @ curve))
        step = np.linalg.solve(
            (columns * (share * (1 - share))[:, None]).T @ columns + _AIM * np.eye(2),
            columns.T @ (share - target),
        )
        curve -= step
        if np.abs(step).max() < _AIM:
            break
    return float(curve[0]), float(curve[1])


def limits(
    letters: Sequence[Judged], stopped: Callable[[str], float], logit: Callable[[float], float]
) -> dict[str, float]:
    """By language, so that this share (stopped) of its civil letters lies above."""
    kind = [(letter.language, letter.score) for letter in letters if not letter.disrespectful]
    return {
        language: _share(
            logit(
                _exceeded_by(
                    [(score, 1.0 if own == language else _FOREIGN) for own, score in kind], stopped(language)
                )
            )
        )
        for language in sorted({own for own, _ in kind})
    }


def _exceeded_by(row: Sequence[tuple[float, float]], share: float) -> float:
    """The score that so large a share of the weight lies above."""
    rest = share * sum(weight for _, weight in row)
    for score, weight in sorted(row, reverse=True):
        rest -= weight
        if rest < 0:
            return score
    return max(score for score, _ in row)


def _share(logit: float) -> float:
    share: float = round(1 / (1 + exp(-logit)), 6)
    return share
