"""What the sentences of a letter say together.

The worst sentence speaks loudest, and others add to it. What kind of letter they stand in counts too: a threat in
polite words is surrounded by other sentences than a plea is. But kind surroundings excuse a sentence only so far: one
insult is enough in any letter.
"""

from collections.abc import Sequence
from math import exp, log

from dispatcher.services.tone import Impression

_SHARPNESS = 4.0  # how much louder the worst sentence speaks than the others
_COMPANY = 1.4  # what the company counts beside the worst sentence
_UNSAID = 4  # sentences that lean nowhere: two or three in a letter say little about it
_EXCUSED = -1.0  # the most that the rest of the letter takes off the worst sentence


def score_of(spoken: Sequence[Impression], letter: Sequence[Impression]) -> float:
    """spoken: the sentences that are in question; letter: all of them."""
    worst = max(each.score for each in spoken)
    loud = worst + log(sum(exp(_SHARPNESS * (each.score - worst)) for each in spoken)) / _SHARPNESS
    company = _COMPANY * sum(each.lean for each in letter) / (len(letter) + _UNSAID)
    return loud + max(company, _EXCUSED)
