"""The writer says yes: GET shows the letter, POST confirms, a repeat shows the same receipt. And may say no until
the minute of dispatch."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dispatcher.domain.delivery import Delivery, DeliveryState, Notice
from dispatcher.domain.letter import FROM_FILE, STANDING, Letter, LetterId, LetterState
from dispatcher.domain.tone import Verdict
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.outbox import Dispatch, notice
from dispatcher.services.store import Store, Work

CONFIRM, STATUS = "confirm", "status"
# How long a link can be used, and when the one reminder is sent.
LINK_LIFE = timedelta(days=7)
REMINDER_AFTER = timedelta(days=2)

_OPEN = frozenset({LetterState.SUBMITTED, LetterState.CONFIRMED, LetterState.IN_REVIEW, LetterState.APPROVED})
_WAITING = frozenset({DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.LEASED})
# A refused delivery never reached anybody; a bounced one did leave.
_NEVER_LEFT = _WAITING | {DeliveryState.CANCELLED, DeliveryState.FAILED}


class Answer(StrEnum):
    """What became of a confirmation or a recall."""

    DONE = "done"
    ALREADY = "already"
    EXPIRED = "expired"
    DOUBLE = "double"
    TOO_LATE = "too_late"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A letter and its deliveries, as its writer may see them."""

    letter: Letter
    deliveries: tuple[Delivery, ...]

    @property
    def recallable(self) -> bool:
        """Until something of it is on the wire."""
        return self.letter.state in _OPEN and all(row.state in _NEVER_LEFT for row in self.deliveries)


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    store: Store
    clock: Clock
    campaigns: Campaigns
    dispatch: Dispatch

    def find(self, purpose: str, token: str) -> Standing | None:
        """The letter of a link; None for a link that nobody was sent."""
        id = self.store.links.letter(purpose, token)
        if id is None:
            return None
        with self.store.read() as work:
            letter = work.letters.get([id]).get(id)
            if letter is None or letter.text is None:
                return None
            return Standing(letter=letter, deliveries=tuple(work.outbox.of_letters([id]).get(id, ())))

    def confirm(self, id: LetterId) -> Answer:
        """Repeat-safe: the second POST finds the letter confirmed and changes nothing."""
        now = self.clock.now()
        with self.store.write() as work:
            letter = work.letters.get([id], lock=True)[id]
            if letter.state in STANDING:
                return Answer.ALREADY
            if letter.state is not LetterState.SUBMITTED or now > letter.submitted_at + LINK_LIFE:
                return Answer.EXPIRED
            assert letter.person is not None  # noqa: S101 - only erased letters have none, and they are closed
            if (letter.person, letter.mission) in work.letters.standing(
                letter.campaign, letter.action_day, [letter.person]
            ):
                return Answer.DOUBLE
            self._say_yes(work, letter, at=now)
            return Answer.DONE

    def _say_yes(self, work: Work, letter: Letter, *, at: datetime) -> None:
        work.letters.move(letter.id, LetterState.CONFIRMED, at=at, by="supporter")
        campaign = self.campaigns.get(letter.campaign)
        work.outbox.add([notice(letter, Notice.RECEIPT, campaign, at=at)], at=at, by="supporter")
        if letter.verdict != Verdict.PASS.value or letter.asked_for_person:
            work.letters.move(letter.id, LetterState.IN_REVIEW, at=at, by="review")
        elif letter.source != FROM_FILE:  # what came by file stays, and waits for its second reading
            work.letters.move(letter.id, LetterState.APPROVED, at=at, by="review")
            self.dispatch.open_first(work, [work.letters.get([letter.id])[letter.id]], at=at)

    def withdraw(self, id: LetterId, *, tell: bool = True) -> Answer:
        """Takes the letter back as long as nothing of it is on the wire. tell: send a mail that says so."""
        now = self.clock.now()
        with self.store.write() as work:
            letter = work.letters.get([id], lock=True)[id]
            if letter.state is LetterState.WITHDRAWN:
                return Answer.ALREADY
            if letter.state in {LetterState.REJECTED, LetterState.EXPIRED}:
                return Answer.ALREADY
            rows = tuple(work.outbox.of_letters([id], lock=True).get(id, ()))
            if not Standing(letter=letter, deliveries=rows).recallable:
                return Answer.TOO_LATE
            waiting = [row.id for row in rows if row.state in _WAITING]
            if waiting:
                work.outbox.move(waiting, DeliveryState.CANCELLED, at=now, by="supporter", reason="withdrawn")
            work.letters.move(id, LetterState.WITHDRAWN, at=now, by="supporter")
            if tell:
                campaign = self.campaigns.get(letter.campaign)
                work.outbox.add([notice(letter, Notice.WITHDRAWN, campaign, at=now)], at=now, by="supporter")
            return Answer.DONE

    def remind(self) -> int:
        """Queues the one reminder of letters that wait for their writer's yes."""
        now = self.clock.now()
        with self.store.write() as work:
            waiting = work.letters.unreminded(now - REMINDER_AFTER)
            for letter in waiting:
                campaign = self.campaigns.get(letter.campaign)
                work.outbox.add([notice(letter, Notice.REMINDER, campaign, at=now)], at=now, by="clock")
                work.letters.remind(letter.id, now)
            return len(waiting)

    def purge(self) -> int:
        """Letters that nobody confirmed in time expire, and their personal data is erased."""
        now = self.clock.now()
        with self.store.write() as work:
            stale = work.letters.in_state(LetterState.SUBMITTED, submitted_before=now - LINK_LIFE)
            for letter in stale:
                work.letters.move(letter.id, LetterState.EXPIRED, at=now, by="clock")
            ids = [letter.id for letter in stale]
            work.outbox.cancel_notices(ids, at=now, by="clock")
            work.letters.erase(ids, at=now)
            return len(stale)

    def erase(self, mailbox: str) -> int:
        """Everything personal of this supporter, on their request. Letters that have not left are withdrawn
        first. Answers how many letters they had."""
        now = self.clock.now()
        with self.store.read() as work:
            ids = work.letters.of_person(work.letters.person(mailbox))
        for id in ids:
            self.withdraw(id, tell=False)
        with self.store.write() as work:
            work.outbox.cancel_notices(ids, at=now, by="supporter")
            # Of a letter that had left by another channel before: nothing is left to send by this one.
            rows = [row for of_one in work.outbox.of_letters(ids, lock=True).values() for row in of_one]
            waiting = [row.id for row in rows if row.state in _WAITING]
            work.outbox.move(waiting, DeliveryState.CANCELLED, at=now, by="supporter", reason="erased")
            work.letters.erase(ids, at=now)
        return len(ids)
