"""Whether a letter is respectful, by rules. Naming an act passes; naming the reader does not."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dispatcher.domain.rule import HEARD_IN_QUOTES, Category, Detector, Match, Pattern, Rule, Verdict
from dispatcher.domain.rulebook import RuleBook
from dispatcher.domain.wording import is_heading, mostly_capitals, quotations, sentences

__all__ = [
    "Assessment", "Category", "Detector", "Finding", "Hint", "Pattern", "Quotations", "Rule", "RuleBook", "Verdict",
    "assess", "assessed", "examine", "verdict_of",
]  # fmt: skip

FINDINGS_SHOWN = 50  # more in one letter help nobody; the verdict still counts all of them
MOSTLY_QUOTED = 0.9  # a letter that stands in quotation marks as a whole quotes nobody

Sentence = tuple[int, str]  # where it starts in the letter, and its words


@dataclass(frozen=True, kw_only=True)
class Finding:
    """start, end: offsets of the matched words in the letter as given."""

    rule: str
    category: Category
    severity: Verdict
    start: int
    end: int
    sentence: str
    reason: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class Hint:
    """Something a good letter has and this one might do with. Never a reason to refuse one."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Assessment:
    verdict: Verdict
    language: str
    findings: tuple[Finding, ...]
    hints: tuple[Hint, ...] = ()

    @property
    def to_mend(self) -> tuple[Finding, ...]:
        """What the writer is asked to change; doubts are for a person and would only puzzle them."""
        return tuple(finding for finding in self.findings if finding.severity is Verdict.REVISE)


def assess(text: str, book: RuleBook) -> Assessment:
    """By the rules of one language. An empty letter passes: refusing it is the intake's business."""
    return assessed(examine(text, sentences(text), book, Quotations(text)), language=book.language)


def examine(text: str, spans: Sequence[Sentence], book: RuleBook, quoted: "Quotations") -> list[Finding]:
    """What a book's rules find in these sentences of a letter."""
    found = [
        (match, start, sentence)
        for (start, sentence), matches in zip(spans, book.examine([bare for _, bare in spans]), strict=True)
        for match in matches
    ]
    if not found:
        return []
    shouts_throughout = mostly_capitals(text)
    return [
        _finding(match, start, sentence)
        for match, start, sentence in found
        if _counts(text, match, start, quoted, shouts_throughout=shouts_throughout)
    ]


def assessed(findings: Iterable[Finding], *, language: str, hints: Iterable[Hint] = ()) -> Assessment:
    row = list(findings)
    verdict = verdict_of(row)
    # A threat never falls off the end.
    row.sort(key=lambda finding: finding.category is not Category.THREAT)
    shown = sorted(row[:FINDINGS_SHOWN], key=lambda finding: (finding.start, finding.end))
    return Assessment(verdict=verdict, language=language, findings=tuple(shown), hints=tuple(hints))


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """A threat is read by a person, whatever else there is; then what the supporter can mend; then doubts."""
    seen = tuple(findings)
    if any(finding.category is Category.THREAT for finding in seen):
        return Verdict.REVIEW
    if any(finding.severity is Verdict.REVISE for finding in seen):
        return Verdict.REVISE
    return Verdict.REVIEW if seen else Verdict.PASS


class Quotations:
    """What stands in quotation marks: testimony, unless the letter stands in them as a whole."""

    def __init__(self, text: str) -> None:
        self._spans = quotations(text)
        quoted = sum(end - start for start, end in self._spans)
        if quoted >= MOSTLY_QUOTED * len(text.strip()):
            self._spans = []
        self._starts = [start for start, _ in self._spans]

    def cover(self, start: int, end: int) -> bool:
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._spans[at][1]

    def left_out(self, start: int, sentence: str) -> str:
        """The sentence without the words that it quotes. start: where it begins in the letter."""
        end, at, kept = start + len(sentence), start, []
        for begins, ends in self._spans:
            if ends > at and begins < end:
                kept.append(sentence[max(0, at - start) : max(0, begins - start)])
                at = ends
        if at == start:
            return sentence
        return "…".join([*kept, sentence[min(len(sentence), at - start) :]]).strip(" …")


def _counts(text: str, match: Match, offset: int, quoted: Quotations, *, shouts_throughout: bool) -> bool:
    start, end = offset + match.start, offset + match.end
    if match.rule.detector is Detector.CAPITALS:
        return shouts_throughout or not is_heading(text, start, end)
    return match.rule.category in HEARD_IN_QUOTES or not quoted.cover(start, end)


def _finding(match: Match, offset: int, sentence: str) -> Finding:
    return Finding(
        rule=match.rule.id,
        category=match.rule.category,
        severity=match.rule.severity,
        start=offset + match.start,
        end=offset + match.end,
        sentence=sentence,
        reason=match.rule.reason,
        advice=match.rule.advice,
    )
