"""The tone check: the layers in their order, and what they say together.

The rules of each sentence's own language speak first. A sentence judge, where one is installed, reads what they
left; a second judge, where one is configured, is asked only about what is still open. A person reads whatever the
layers could not: a language without rules, a layer that failed, a text without end. It never refuses such a letter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dispatcher.domain.courtesy import Courtesy
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.language import Guess
from dispatcher.domain.letter_parts import Parts, parts_of
from dispatcher.domain.tone import (
    Assessment,
    Category,
    Finding,
    Quotations,
    RuleBook,
    Verdict,
    assessed,
    examine,
)
from dispatcher.domain.tongues import tongues_of, unbroken
from dispatcher.domain.without_identity import without_identity
from dispatcher.domain.wording import sentences

SENTENCES_JUDGED = (
    400  # different ones; a letter of 20,000 characters has about 200, and the answer is due in 2 s
)
_KEPT = 20_000  # judged sentences that are remembered: most letters of a campaign share the sample's
_LETTERS_TO_JUDGE = 3  # a sentence with fewer letters says nothing
_REPEATED = 4  # one whose words come back so often on average is no sentence; no example was like it


@dataclass(frozen=True)
class Thresholds:
    """Probabilities: above `review` a person looks; above `revise` a second judge hands the sentence back."""

    review: float
    revise: float


class JudgeUnavailable(DispatcherError):
    """The sentence judge gave no answer ({reason}). Letters wait for a person until it does."""


class SentenceJudge(Protocol):
    def probabilities(self, sentences: Sequence[str], language: str) -> Sequence[float]:
        """For each sentence the calibrated probability (0 to 1) that a fair reader would call it disrespectful.
        language: BCP 47 primary tag. Raises JudgeUnavailable."""

    def thresholds_for(self, language: str) -> Thresholds: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Impression:
    """score: how disrespectful a sentence is by itself. lean: whether its like stands in disrespectful letters."""

    score: float
    lean: float


class LetterJudge(Protocol):
    def impressions(self, sentences: Sequence[str], language: str) -> Sequence[Impression]:
        """One for each sentence. language: BCP 47 primary tag. Raises JudgeUnavailable."""

    def probability(self, spoken: Sequence[Impression], letter: Sequence[Impression]) -> float:
        """The calibrated probability (0 to 1) that a fair reader would call a letter disrespectful for these of its
        sentences. spoken: one or more of the letter's."""

    def review_above(self, language: str) -> float:
        """The probability above which a person looks."""


class Rules(Protocol):
    def book(self, language: str) -> RuleBook | None:
        """None for a language without rules. Raises DispatcherError where a file is broken."""

    def courtesy(self, language: str) -> Courtesy: ...


class Detection(Protocol):
    def guess(self, sentence: str) -> Guess: ...


class ToneCheck:
    """Safe to share among threads, as its layers are."""

    def __init__(
        self,
        *,
        rules: Rules,
        detection: Detection,
        judge: LetterJudge | None = None,
        second: SentenceJudge | None = None,
    ) -> None:
        self._rules = rules
        self._detection = detection
        self._judge = judge
        self._second = second
        self._judged: dict[tuple[str, str], Impression] = {}

    def assess(self, text: str, *, language: str) -> Assessment:
        """language: what the form says, such as "pt" or "pt-BR"; each sentence may turn out to be in another."""
        if not text.strip():
            return assessed((), language=language)
        primary = language.replace("_", "-").split("-")[0].lower()
        try:
            return self._read(_Letter(text), primary)
        except DispatcherError:  # a rule file that is broken: 'dispatcher check' names its mistakes
            return assessed([_unread("check-failed", Category.UNREAD)], language=primary)

    def _read(self, letter: "_Letter", primary: str) -> Assessment:
        if self._rules.book(primary) is None:
            return assessed([_unread("language-without-rules", Category.LANGUAGE)], language=primary)
        reading = tongues_of(letter.spans, letter.parts, primary, self._detection.guess)
        findings: list[Finding] = []
        for tongue, spans in reading.by_language.items():
            book = self._rules.book(tongue)
            if book is not None:
                findings = _joined(findings, examine(letter.text, spans, book, letter.quoted))
        findings += self._judgement(letter, reading.main, findings)
        findings = self._settled(findings, reading.main)
        if reading.strange:
            findings.append(_unread("language-without-rules", Category.LANGUAGE))
        if unbroken(letter.text):
            findings.append(_unread("unreadable", Category.UNREAD))
        courtesy = self._rules.courtesy(primary)
        return assessed(
            findings, language=reading.language, hints=courtesy.hints(letter.text, letter.parts, letter.spans)
        )

    def _judgement(
        self, letter: "_Letter", main: Mapping[str, Sequence[tuple[int, str]]], findings: Iterable[Finding]
    ) -> list[Finding]:
        """What the judge finds in the sentences that no rule hands back."""
        if self._judge is None:
            return []
        settled = {
            finding.sentence
            for finding in findings
            if finding.severity is Verdict.REVISE or finding.category is Category.THREAT
        }
        found: list[Finding] = []
        asked: dict[str, dict[int, str]] = {}
        for language, spans in main.items():
            asked[language] = {
                start: bare
                for start, sentence in spans
                if sentence not in settled and (bare := letter.own_words(start, sentence))
            }
        heard: dict[str, dict[str, Impression]] = {}
        for language, row in asked.items():
            distinct = list(dict.fromkeys(row.values()))
            try:
                heard[language] = self._impressions(distinct[:SENTENCES_JUDGED], language)
            except JudgeUnavailable:
                return [_unread("judge-failed", Category.UNREAD)]
            if len(distinct) > SENTENCES_JUDGED:
                found.append(_unread("long", Category.UNREAD))
        whole = [each for row in heard.values() for each in row.values()]
        for language, impressions in heard.items():
            doubtful = self._doubtful(impressions, whole, language)
            courtesy = self._rules.courtesy(language)
            words = dict(main[language])
            # A person looks: what was learned from examples never hands a letter back by itself.
            found += [
                _doubt(start, words[start], courtesy)
                for start, bare in asked[language].items()
                if bare in doubtful
            ]
        return found

    def _doubtful(
        self, impressions: Mapping[str, Impression], letter: Sequence[Impression], language: str
    ) -> set[str]:
        """The sentences that make the letter one for a person: those that would by themselves, or the worst one."""
        assert self._judge is not None  # noqa: S101 - the one caller has looked
        judge, limit = self._judge, self._judge.review_above(language)
        if not impressions or judge.probability(list(impressions.values()), letter) <= limit:
            return set()
        alone = {words for words, each in impressions.items() if judge.probability([each], letter) > limit}
        return alone or {max(impressions, key=lambda words: impressions[words].score)}

    def _impressions(self, row: Sequence[str], language: str) -> dict[str, Impression]:
        assert self._judge is not None  # noqa: S101 - the one caller has looked
        judged = self._judged
        fresh = [sentence for sentence in row if (language, sentence) not in judged]
        if fresh:
            answers = self._judge.impressions(fresh, language)
            if len(answers) != len(fresh):
                raise JudgeUnavailable(reason="it did not answer for each sentence")
            if len(judged) + len(fresh) > _KEPT:
                judged = self._judged = {}
            judged.update(((language, sentence), each) for sentence, each in zip(fresh, answers, strict=True))
        return {sentence: judged[language, sentence] for sentence in row if (language, sentence) in judged}

    def _settled(
        self, findings: list[Finding], main: Mapping[str, Sequence[tuple[int, str]]]
    ) -> list[Finding]:
        """What a second judge makes of the open questions; they stay open where it does not answer. It never sees
        who writes, and never reads a letter that the first layers have not."""
        if self._second is None or verdict_of_open(findings) is not Verdict.REVIEW:
            return findings
        language_of = {start: language for language, spans in main.items() for start, _ in spans}
        kept: list[Finding] = []
        for finding in findings:
            language = language_of.get(finding.start) if finding.category is Category.DOUBTFUL else None
            kept += [finding] if language is None else self._second_opinion(finding, language)
        return kept

    def _second_opinion(self, finding: Finding, language: str) -> list[Finding]:
        assert self._second is not None  # noqa: S101 - the one caller has looked
        try:
            (share,) = self._second.probabilities([without_identity(finding.sentence, language)], language)
        except (JudgeUnavailable, ValueError):
            return [finding]
        limits = self._second.thresholds_for(language)
        if share > limits.revise:
            return [replace(finding, severity=Verdict.REVISE)]
        return [finding] if share > limits.review else []


def unread_letter(language: str) -> Assessment:
    """Of a letter whose reader failed: a person reads it."""
    return assessed([_unread("judge-failed", Category.UNREAD)], language=language)


def verdict_of_open(findings: Iterable[Finding]) -> Verdict:
    """REVIEW where something hangs on a doubt alone."""
    seen = tuple(findings)
    if any(finding.severity is Verdict.REVISE for finding in seen):
        return Verdict.REVISE
    return Verdict.REVIEW if any(finding.category is Category.DOUBTFUL for finding in seen) else Verdict.PASS


class _Letter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = sentences(text)
        self.parts: Parts = parts_of(text)
        self.quoted = Quotations(text)

    def own_words(self, start: int, sentence: str) -> str:
        """What the writer says here in the body of the letter, or nothing. What is quoted is testimony."""
        if not self.parts.holds(start):
            return ""
        bare = self.quoted.left_out(start, sentence)
        if sum(map(str.isalpha, bare)) < _LETTERS_TO_JUDGE:
            return ""
        words = bare.split()
        return "" if len(words) > _REPEATED * len(set(words)) else bare


def _joined(own: list[Finding], others: list[Finding]) -> list[Finding]:
    """Two books may find the same words; the one that spoke first is heard."""
    taken = {(finding.start, finding.end) for finding in own}
    return own + [finding for finding in others if (finding.start, finding.end) not in taken]


def _doubt(start: int, sentence: str, courtesy: Courtesy) -> Finding:
    return Finding(
        rule="sentence-judge",
        category=Category.DOUBTFUL,
        severity=Verdict.REVIEW,
        start=start,
        end=start + len(sentence),
        sentence=sentence,
        reason=courtesy.doubtful_reason,
        advice=courtesy.doubtful_advice,
    )


_UNREAD = {
    "language-without-rules": "We have no rules for the language of this letter yet.",
    "check-failed": "Our reading program could not read this letter.",
    "judge-failed": "A part of our reading program did not answer.",
    "unreadable": "A part of this letter is not written in words that our reading program knows.",
    "long": "This letter is longer than our reading program reads.",
}


def _unread(rule: str, category: Category) -> Finding:
    return Finding(
        rule=rule,
        category=category,
        severity=Verdict.REVIEW,
        start=0,
        end=0,
        sentence="",
        reason=_UNREAD[rule],
        advice="You need do nothing: one of us will read it.",
    )
