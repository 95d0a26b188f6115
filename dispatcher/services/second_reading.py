"""Letters from files are read twice: by the rules as they come in, and before they go on by the whole tone check.

A letter that waits for its second reading stands at `confirmed`; no other letter stays there. What the reading has
settled is written batch by batch, so after a crash a letter either waits still, and is read again, or has gone on.
"""

import json
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, field
from threading import Event
from typing import Protocol

from dispatcher.domain.letter import Letter, LetterState
from dispatcher.domain.tone import Assessment, Verdict
from dispatcher.services.clock import Clock
from dispatcher.services.outbox import Dispatch
from dispatcher.services.review import Tone
from dispatcher.services.store import Store
from dispatcher.services.tone import unread_letter

# What one transaction settles: some seconds of reading, which a crash would have to do again.
BATCH = 512
_BY = "second reading"
# How often a command looks whether another process is done.
_LOOK_SECONDS = 0.5

Words = tuple[str, str]  # a letter's text, and the language that its form names
Say = Callable[[str, int, int], None]


class Reader(Protocol):
    def read(self, letters: Sequence[Words]) -> Generator[tuple[int, Assessment | None]]:
        """Each letter's place in the row with what was found, as they are done; None where reading it failed."""

    def rest(self) -> None:
        """Nothing more is to be read for now."""


class Turn(Protocol):
    def taken(self) -> AbstractContextManager[bool]:
        """Inside the block no other process reads, where True: two would do the same work. Lost with the process."""


@dataclass(frozen=True)
class ReaderAtHand:
    """Reads in this process."""

    tone: Tone

    def read(self, letters: Sequence[Words]) -> Generator[tuple[int, Assessment | None]]:
        for place, (text, language) in enumerate(letters):
            yield place, self.tone.assess(text, language=language)

    def rest(self) -> None: ...


@dataclass(kw_only=True)
class Outcome:
    """of_others: another process is reading, so this one read nothing."""

    approved: int = 0
    in_review: int = 0
    of_others: bool = False


def _say_nothing(_words: str, _done: int, _of: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SecondReading:
    store: Store
    clock: Clock
    dispatch: Dispatch
    reader: Reader
    turn: Turn
    _stopped: Event = field(default_factory=Event, init=False)

    def waiting(self) -> int:
        with self.store.read() as work:
            return work.letters.undecided().get(LetterState.CONFIRMED, 0)

    def read(self, say: Say = _say_nothing) -> Outcome:
        """Until no letter waits, or `stop`. say: told what is done and how far (words, done, of)."""
        outcome = Outcome()
        if not self._next(1):
            return outcome
        with self.turn.taken() as ours:
            if not ours:
                return Outcome(of_others=True)
            total, done = self.waiting(), 0
            try:
                while not self._stopped.is_set() and (letters := self._next(BATCH)):
                    start = done

                    def said(count: int, start: int = start) -> None:
                        say("Reading a second time", start + count, max(total, start + count))

                    found = self._found(letters, said)
                    done += len(found)
                    self._settle(found, outcome)
            finally:
                self.reader.rest()
        return outcome

    def finish(self, say: Say = _say_nothing) -> Outcome:
        """As `read`, for what must not go on before: where another process reads, it is waited for."""
        outcome, total = Outcome(), 0
        while not self._stopped.is_set():
            more = self.read(say)
            outcome.approved += more.approved
            outcome.in_review += more.in_review
            if not more.of_others:
                break
            left = self.waiting()
            total = max(total, left)
            say("Another process reads a second time", total - left, total)
            time.sleep(_LOOK_SECONDS)
        return outcome

    def stop(self) -> None:
        """For another thread: the reading ends with the letters that are in hand; what was read is kept."""
        self._stopped.set()

    def _next(self, limit: int) -> list[Letter]:
        with self.store.read() as work:
            return work.letters.in_state(LetterState.CONFIRMED, limit=limit)

    def _found(
        self, letters: Sequence[Letter], said: Callable[[int], None]
    ) -> list[tuple[Letter, Assessment]]:
        """Outside of any transaction: a batch takes seconds."""
        found: list[tuple[Letter, Assessment]] = []
        with closing(
            self.reader.read([(letter.text or "", letter.language) for letter in letters])
        ) as answers:
            for place, assessment in answers:
                letter = letters[place]
                found.append((letter, assessment or unread_letter(letter.language)))
                said(len(found))
                if self._stopped.is_set():
                    break
        return found

    def _settle(self, found: Sequence[tuple[Letter, Assessment]], outcome: Outcome) -> None:
        """Only of letters that wait still: their writers may have taken them back meanwhile."""
        assessments = {letter.id: assessment for letter, assessment in found}
        with self.store.write() as work:
            now = self.clock.now()
            current = work.letters.get(assessments, lock=True)
            still = [current[id] for id in assessments if current[id].state is LetterState.CONFIRMED]
            passed = [letter for letter in still if assessments[letter.id].verdict is Verdict.PASS]
            for letter in still:
                assessment = assessments[letter.id]
                if assessment.verdict is not Verdict.PASS:
                    # Also what the whole check would hand back: the writer is not at hand any more, a person is.
                    work.letters.judge(letter.id, Verdict.REVIEW.value, in_json(assessment))
                    work.letters.move(letter.id, LetterState.IN_REVIEW, at=now, by=_BY)
            work.letters.approve([letter.id for letter in passed], at=now, by=_BY)
            self.dispatch.open_first(work, passed, at=now)
        outcome.approved += len(passed)
        outcome.in_review += len(still) - len(passed)


def in_json(assessment: Assessment) -> str:
    """The findings, as they are kept with the letter."""
    if not assessment.findings:
        return "[]"
    return json.dumps([asdict(finding) for finding in assessment.findings], ensure_ascii=False)
