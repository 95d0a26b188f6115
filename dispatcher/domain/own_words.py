"""How much of a letter is in its writer's own words. Own words weigh more with a reader than the sample's."""

from enum import StrEnum

from dispatcher.domain.wording import PLAIN_WORD

_RUN = 4  # words that, one after the other, are hardly the same by chance
_RUN_OF_SIGNS = 8  # the same for Chinese, Japanese and Korean, in signs
_MOST_OWN = 0.7
_SOME_OWN = 0.25


class Ownness(StrEnum):
    OWN = "own"
    MIXED = "mixed"
    SAMPLE = "sample"


def own_words(text: str, sample: str) -> float:
    """0: the sample as it is; 1: nothing of it. The share of the letter's runs of words that the sample has not."""
    runs = _runs(text)
    return len(runs - _runs(sample)) / len(runs) if runs else 0.0


def ownness(share: float) -> Ownness:
    if share >= _MOST_OWN:
        return Ownness.OWN
    return Ownness.MIXED if share >= _SOME_OWN else Ownness.SAMPLE


def _runs(text: str) -> set[tuple[str, ...]]:
    words = PLAIN_WORD.findall(text.casefold())
    # Writing without blanks makes "words" as long as clauses: there the signs are counted.
    signs = not text.isascii() and sum(sign >= "\u3040" for sign in text) * 2 > len(text)
    row = list("".join(words)) if signs else words
    size = _RUN_OF_SIGNS if signs else _RUN
    return {tuple(row[at : at + size]) for at in range(max(1, len(row) - size + 1))} if row else set()
