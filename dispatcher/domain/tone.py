"""Whether a letter is respectful, by rules. Naming an act passes; naming the reader does not."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from dispatcher.domain.rule import HEARD_IN_QUOTES, Category, Detector, Match, Pattern, Rule, Verdict
from dispatcher.domain.rulebook import RuleBook
from dispatcher.domain.wording import is_heading, mostly_capitals, quotations, sentences

__all__ = [
    "Assessment", "Category", "Detector", "Finding", "Pattern", "Rule", "RuleBook", "Verdict",
    "assess", "verdict_of",
]  # fmt: skip

FINDINGS_SHOWN = 50  # more in one letter help nobody; the verdict still counts all of them
MOSTLY_QUOTED = 0.9  # a letter that stands in quotation marks as a whole quotes nobody


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
class Assessment:
    verdict: Verdict
    language: str
    findings: tuple[Finding, ...]


def assess(text: str, book: RuleBook) -> Assessment:
    """An empty letter passes: refusing it is the intake's business."""
    spans = sentences(text)
    found = [
        (match, start, sentence)
        for (start, sentence), matches in zip(spans, book.examine([bare for _, bare in spans]), strict=True)
        for match in matches
    ]
    if not found:
        return Assessment(verdict=Verdict.PASS, language=book.language, findings=())
    context = _Context(text)
    findings = [
        _finding(match, start, sentence) for match, start, sentence in found if context.counts(match, start)
    ]
    verdict = verdict_of(findings)
    # A threat never falls off the end.
    findings.sort(key=lambda finding: finding.category is not Category.THREAT)
    shown = sorted(findings[:FINDINGS_SHOWN], key=lambda finding: (finding.start, finding.end))
    return Assessment(verdict=verdict, language=book.language, findings=tuple(shown))


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """A threat is read by a person, whatever else there is; then what the supporter can mend; then doubts."""
    seen = tuple(findings)
    if any(finding.category is Category.THREAT for finding in seen):
        return Verdict.REVIEW
    if any(finding.severity is Verdict.REVISE for finding in seen):
        return Verdict.REVISE
    return Verdict.REVIEW if seen else Verdict.PASS


class _Context:
    """What the rest of the letter says about a match: testimony in quotation marks, a heading in capitals."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._quotations = quotations(text)
        quoted = sum(end - start for start, end in self._quotations)
        self._quotes_somebody = quoted < MOSTLY_QUOTED * len(text.strip())
        self._starts = [start for start, _ in self._quotations]
        self._shouts_throughout = mostly_capitals(text)

    def counts(self, match: Match, offset: int) -> bool:
        start, end = offset + match.start, offset + match.end
        if match.rule.detector is Detector.CAPITALS:
            return self._shouts_throughout or not is_heading(self._text, start, end)
        return match.rule.category in HEARD_IN_QUOTES or not self._is_quoted(start, end)

    def _is_quoted(self, start: int, end: int) -> bool:
        at = bisect_right(self._starts, start) - 1
        return self._quotes_somebody and at >= 0 and end <= self._quotations[at][1]


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
