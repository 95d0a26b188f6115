"""What a rule of respect is, and what it may say of a letter."""

import re
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from dispatcher.domain.phrase import Phrase


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - not a password
    REVISE = "revise"  # the supporter is shown what to change
    REVIEW = "review"  # a person reads it


class Category(StrEnum):
    INSULT = "insult"
    SLUR = "slur"
    PROFANITY = "profanity"
    THREAT = "threat"
    HARM_WISH = "harm_wish"
    DEHUMANISING = "dehumanising"
    GENERALISATION = "generalisation"
    CONTEMPT = "contempt"
    SHOUTING = "shouting"
    DOUBTFUL = "doubtful"  # no rule speaks, but the sentence judge thinks that a reader may be hurt
    LANGUAGE = "language"  # no rules for this language
    UNREAD = "unread"  # a layer of the check failed, or the text is none that can be read


# What no rule of a file may be: the check itself says these.
SAID_BY_THE_CHECK = frozenset({Category.DOUBTFUL, Category.LANGUAGE, Category.UNREAD})


class Detector(StrEnum):
    CAPITALS = "capitals"
    MARKS = "marks"


# A witness may quote what was shouted at her; a threat or a shout is one's own in whatever marks it stands.
HEARD_IN_QUOTES = frozenset({Category.THREAT, Category.SHOUTING})
# "The guards called us dogs": what was said to somebody is told, with quotation marks or without.
TOLD = frozenset(
    {Category.INSULT, Category.SLUR, Category.PROFANITY, Category.DEHUMANISING, Category.CONTEMPT}
)


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A regular expression for Chinese, Japanese or Korean, tried where one of the hints stands."""

    hints: tuple[str, ...]
    regex: re.Pattern[str]

    def search(self, folded: str) -> bool:
        for hint in self.hints:  # a plain loop: this is asked of every pattern for one sentence in ten
            if hint in folded:
                return self.regex.search(folded) is not None
        return False


@dataclass(frozen=True, kw_only=True)
class Words:
    """Any of these: whole words, beginnings of words; in Chinese, Japanese and Korean, signs wherever they stand."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()

    def stand_in(self, forms: Set[str]) -> bool:
        if not self.words.isdisjoint(forms):
            return True
        return bool(self.stems) and any(form.startswith(self.stems) for form in forms)

    def found_in(self, folded: str) -> bool:
        return any(sign in folded for sign in self.words)


@dataclass(frozen=True, kw_only=True)
class Together:
    """Words that count only beside others of the same sentence: `told` where one of each of `beside` stands, too, and
    none of `unless`."""

    told: Words
    beside: tuple[Words, ...]
    unless: Words

    def may_stand_in(self, forms: Set[str]) -> bool:
        return all(words.stand_in(forms) for words in self.beside) and not self.unless.stand_in(forms)

    def may_stand_in_signs(self, folded: str) -> bool:
        return all(words.found_in(folded) for words in self.beside) and not self.unless.found_in(folded)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """words, stems and phrases are folded (wording.fold), literals too (wording.fold_signs).
    unless: where one of these stands in the sentence, the rule is silent."""

    id: str
    category: Category
    severity: Verdict
    reason: str
    advice: str
    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    literals: frozenset[str] = frozenset()
    patterns: tuple[Pattern, ...] = ()
    together: tuple[Together, ...] = ()
    unless: Words = Words()
    detector: Detector | None = None


class Match(NamedTuple):
    """Offsets count from the start of the sentence."""

    rule: Rule
    start: int
    end: int


def outranks(other: Match, match: Match) -> bool:
    """Of two that overlap, whether the other is what is told."""
    if other.rule.detector is not None and match.rule.detector is None:
        return False  # how it is written says nothing of what it says; and a heading may excuse the first
    if other.rule.category is Category.THREAT:
        return True
    if match.rule.severity is Verdict.REVISE and other.rule.severity is Verdict.REVIEW:
        return False  # a doubt about a whole clause hides no word that can be mended
    return match.rule.category is not Category.THREAT
