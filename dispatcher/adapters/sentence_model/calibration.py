"""Scores become probabilities, and probabilities become a verdict: the thresholds of each language.

A letter has ten to twenty-five sentences and one of them is enough to stop it, so thresholds are set for letters: so
high that of a hundred civil letters few go to a person, and practically none is handed back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

SENTENCES_OF_A_LETTER = 12  # in the body, that are not the sample's own
REVIEWED = (
    0.05  # civil letters that may go to a person for this layer's sake; the rules have doubts of their own
)
HANDED_BACK = 0.002
_FOREIGN = (
    0.2  # what a civil sentence of another language counts for: the far end of one language alone is noise
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
    pool = {language: list(scores) for language, scores in civil.items()}
    for letter in letters:
        if not letter.disrespectful:
            pool.setdefault(letter.language, []).extend(letter.scores)
    table = {}
    for language in sorted(pool):
        row = [(score, 1.0 if own == language else _FOREIGN) for own in sorted(pool) for score in pool[own]]
        review = _exceeded_by(row, _of_a_sentence(REVIEWED))
        revise = max([_exceeded_by(row, _of_a_sentence(HANDED_BACK)), *pool[language]])
        table[language] = {"review": _share(logit(review)), "revise": _share(logit(revise))}
    return table


def _of_a_sentence(share: float) -> float:
    """How rarely one sentence may be above, for one letter in so many to have such a sentence."""
    return float(1 - (1 - share) ** (1 / SENTENCES_OF_A_LETTER))


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
