"""Each letter is read for respect; a person decides what is doubtful."""

from dataclasses import dataclass
from typing import Protocol

from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import Letter, LetterId, LetterState
from dispatcher.domain.tone import Assessment, Finding
from dispatcher.services.clock import Clock
from dispatcher.services.outbox import Dispatch
from dispatcher.services.review_set import decided
from dispatcher.services.store import Store, Work


class Tone(Protocol):
    def assess(self, text: str, *, language: str) -> Assessment:
        """Never raises for any text; an unsupported language is for a person to read."""


class NoSuchLetter(DispatcherError):
    """There is no letter {letter}. 'dispatcher log' shows the letters."""


@dataclass(frozen=True, kw_only=True)
class Moderation:
    """Organizers read what the tone check left to a person."""

    store: Store
    clock: Clock
    dispatch: Dispatch

    def waiting(self) -> list[Letter]:
        """The oldest first."""
        with self.store.read() as work:
            return work.letters.in_state(LetterState.IN_REVIEW)

    def approve(self, id: LetterId, *, by: str, note: str | None = None) -> bool:
        """Answers False when somebody else has decided already."""
        with self.store.write() as work:
            if not _in_review(work, id):
                return False
            now = self.clock.now()
            work.letters.move(id, LetterState.APPROVED, at=now, by=by, note=note)
            letter = work.letters.get([id])[id]
            work.review_set.add(decided(letter, label=0))
            self.dispatch.open_first(work, [letter], at=now)
            return True

    def reject(self, id: LetterId, *, by: str, note: str) -> bool:
        """note: why, kept with the decision."""
        with self.store.write() as work:
            if not _in_review(work, id):
                return False
            # Read first: a letter that is at its end may have its words erased.
            work.review_set.add(decided(work.letters.get([id])[id], label=1))
            work.letters.move(id, LetterState.REJECTED, at=self.clock.now(), by=by, note=note)
            return True


def _in_review(work: Work, id: LetterId) -> bool:
    letter = work.letters.get([id], lock=True).get(id)
    if letter is None:
        raise NoSuchLetter(letter=id)
    return letter.state is LetterState.IN_REVIEW


def in_words(finding: Finding) -> str:
    """A finding as one line for the writer: what, why, and how to say it otherwise."""
    return f"\u201c{finding.sentence.strip()}\u201d: {finding.reason} {finding.advice}".strip()
