"""Scores become probabilities, and probabilities become a verdict: the thresholds of each language.

One sentence is enough to stop a letter, so thresholds are set for letters, not for sentences: of a hundred civil letters
of corpus/dev few may go to a person, and a letter is handed back only for a sentence that scores above every civil
sentence known, in any language.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

REVIEWED = 0.06  # civil letters of dev that may go to a person for this layer's sake; the rules have doubts of their own
_FOREIGN = (
    0.2  # what a civil letter of another language counts for: the far end of one language alone is noise
)
_AIM = 1e-9


@dataclass(frozen=True)
class Judged:
    """A letter of corpus/dev and the scores of its sentences."""

    language: str
    disrespectful: bool
    scores: tuple[float, ...]


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
    civil: Mapping[str, Sequence[float]], letters: Sequence[Judged], logit: Callable[[float], float]
) -> dict[str, dict[str, float]]:
    """Review and revise for each language. civil: scores of civil sentences by language, each by a model that has not
    seen it."""
    kind = [
        (letter.language, max(letter.scores))
        for letter in letters
        if letter.scores and not letter.disrespectful
    ]
    highest = max(*(score for _, score in kind), *(score for row in civil.values() for score in row))
    table = {}
    for language in sorted({own for own, _ in kind}):
        review = _exceeded_by(
            [(score, 1.0 if own == language else _FOREIGN) for own, score in kind], REVIEWED
        )
        table[language] = {"review": _share(logit(review)), "revise": _share(logit(highest))}
    return table


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
