"""How well the tone check reads letters whose right reading is known: what it caught, what it stopped in vain, and
what each rule cost."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from dispatcher.domain.tone import Assessment, Verdict


@dataclass(frozen=True, kw_only=True)
class KnownLetter:
    """category: the author's word for what makes the letter hard, or rude."""

    id: str
    language: str
    text: str
    disrespectful: bool
    category: str


class Reader(Protocol):
    def assess(self, text: str, *, language: str) -> Assessment: ...


@dataclass(kw_only=True)
class Tally:
    """Letters by what they are and what became of them."""

    civil: Counter[Verdict] = field(default_factory=Counter)
    disrespectful: Counter[Verdict] = field(default_factory=Counter)

    def add(self, letter: KnownLetter, verdict: Verdict) -> None:
        (self.disrespectful if letter.disrespectful else self.civil)[verdict] += 1

    @property
    def caught(self) -> int:
        return self.disrespectful.total() - self.disrespectful[Verdict.PASS]

    @property
    def stopped_in_vain(self) -> int:
        return self.civil.total() - self.civil[Verdict.PASS]

    @property
    def recall(self) -> float | None:
        """The share of disrespectful letters that did not pass; None where there were none."""
        return _share(self.caught, self.disrespectful.total())

    @property
    def precision(self) -> float | None:
        """The share of stopped letters that were disrespectful; None where none was stopped."""
        return _share(self.caught, self.caught + self.stopped_in_vain)

    @property
    def f1(self) -> float | None:
        return _share(2 * self.caught, 2 * self.caught + self.stopped_in_vain + self._missed)

    @property
    def handed_back(self) -> float | None:
        """The share of civil letters that were handed back."""
        return _share(self.civil[Verdict.REVISE], self.civil.total())

    @property
    def sent_to_review(self) -> float | None:
        """The share of civil letters that a person would have to read."""
        return _share(self.civil[Verdict.REVIEW], self.civil.total())

    @property
    def _missed(self) -> int:
        return self.disrespectful[Verdict.PASS]


@dataclass(kw_only=True)
class RuleCost:
    """stopped: civil letters in which the rule found something. alone: of these, those that no other rule stopped.
    caught: disrespectful letters in which it found something; alone_caught: those that it alone caught."""

    stopped: int = 0
    alone_stopped: int = 0
    caught: int = 0
    alone_caught: int = 0


@dataclass(kw_only=True)
class Evaluation:
    letters: int = 0
    whole: Tally = field(default_factory=Tally)
    languages: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    categories: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    rules: dict[str, RuleCost] = field(default_factory=lambda: defaultdict(RuleCost))
    wrong: list[tuple[KnownLetter, Verdict]] = field(default_factory=list)

    def add(self, letter: KnownLetter, found: Assessment) -> None:
        self.letters += 1
        for tally in (self.whole, self.languages[letter.language], self.categories[letter.category]):
            tally.add(letter, found.verdict)
        self._charge(letter, found)
        if letter.disrespectful is (found.verdict is Verdict.PASS):
            self.wrong.append((letter, found.verdict))

    def _charge(self, letter: KnownLetter, found: Assessment) -> None:
        spoke = {finding.rule for finding in found.findings}
        for rule in spoke:
            cost, alone = self.rules[rule], len(spoke) == 1
            if letter.disrespectful:
                cost.caught += 1
                cost.alone_caught += alone
            else:
                cost.stopped += 1
                cost.alone_stopped += alone


def evaluate(letters: Iterable[KnownLetter], reader: Reader) -> Evaluation:
    evaluation = Evaluation()
    for letter in letters:
        evaluation.add(letter, reader.assess(letter.text, language=letter.language))
    return evaluation


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
