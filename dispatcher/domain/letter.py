"""A supporter's letter and the states it passes through (design section 2)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NewType

from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.mission import MissionId
from dispatcher.domain.place import Place

LetterId = NewType("LetterId", int)


# Where a letter came from. What came by file stands at `confirmed` until its second reading.
FROM_FORM, FROM_FILE = "form", "file"


class LetterState(StrEnum):
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    # Nobody moves a letter there: an approved one of which somebody took a delivery is read so (decision 0019).
    DISPATCHED = "dispatched"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    EXPIRED = "expired"


_S = LetterState
LETTER_MOVES: dict[LetterState, frozenset[LetterState]] = {
    _S.SUBMITTED: frozenset({_S.CONFIRMED, _S.WITHDRAWN, _S.EXPIRED}),
    _S.CONFIRMED: frozenset({_S.IN_REVIEW, _S.APPROVED, _S.WITHDRAWN}),
    _S.IN_REVIEW: frozenset({_S.APPROVED, _S.REJECTED, _S.WITHDRAWN}),
    _S.APPROVED: frozenset({_S.DISPATCHED, _S.WITHDRAWN}),
    _S.DISPATCHED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
}

# While a letter is in one of these, its writer has said yes to it: a second one to the same mission is a double.
STANDING = frozenset({_S.CONFIRMED, _S.IN_REVIEW, _S.APPROVED, _S.DISPATCHED})


def check_letter_move(old: LetterState, new: LetterState) -> None:
    """Raises IllegalMove when the table above does not know the move."""
    if new not in LETTER_MOVES[old]:
        raise IllegalMove(subject="letter", old=old.value, new=new.value)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A letter as it is kept. The personal fields are None once they were erased.

    mission: the id of the mission it is for, or "none:<why>" where no mission serves the place; with the person
    it makes two letters the same. chosen_mission: what an organizer chose where the place does not decide. person: blind index of the writer's mailbox."""

    id: LetterId
    campaign: CampaignId
    action_day: date
    state: LetterState
    source: str
    person: bytes | None
    name: str | None
    email: str | None
    organisation: str | None
    city: str | None
    country: str
    region: str | None
    language: str
    shielded: bool
    subject: str | None
    text: str | None
    verdict: str
    asked_for_person: bool
    findings: str | None
    mission: str
    route_reason: str | None
    submitted_at: datetime
    confirmed_at: datetime | None = None
    approved_at: datetime | None = None
    chosen_mission: MissionId | None = None

    @property
    def place(self) -> Place:
        return Place(country=self.country, region=self.region, city=self.city)


@dataclass(frozen=True, kw_only=True)
class NewLetter:
    """A letter that has passed every check and is about to be kept. form_key: the form's idempotency key."""

    campaign: CampaignId
    action_day: date
    state: LetterState
    source: str
    person: bytes
    name: str
    email: str
    organisation: str
    city: str
    country: str
    region: str | None
    language: str
    shielded: bool
    subject: str
    text: str
    verdict: str
    asked_for_person: bool
    findings: str
    mission: str
    route_reason: str
    form_key: str | None = None
