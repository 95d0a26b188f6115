"""A letter's way in steps, in words for its writer: what is known, and what is not."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from dispatcher.domain.delivery import Delivery, DeliveryState, HoldReason
from dispatcher.domain.letter import Letter, LetterState
from dispatcher.domain.mission import Channel, Mission
from dispatcher.domain.tone import Verdict
from dispatcher.faces.marks import MARKS, Mark
from dispatcher.faces.web.pages import clock_time
from dispatcher.faces.web.sheet import long_day
from dispatcher.services.confirmation import Standing
from dispatcher.services.house import House

_PAST = Mark(sign="●", word="", role="river")
_NEXT = Mark(sign="○", word="", role="slate")
_ENDED = Mark(sign="–", word="", role="quiet")
_BY = {Channel.EMAIL: "by email", Channel.FAX: "by fax", Channel.PAPER: "on paper"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """when: day, time and whose time it is; empty for a step whose time is not known. stamped: the letter is
    with its mission, as far as anyone can tell."""

    title: str
    when: str
    text: str
    mark: Mark
    stamped: bool = False


def steps_of(standing: Standing, mission: Mission | None, house: House) -> tuple[Step, ...]:
    """Oldest first; the last ones may still be open."""
    letter = standing.letter
    steps = [_written(letter, house), *_confirmed(letter, house), *_read(letter, house)]
    shown = [row for row in standing.deliveries if row.state is not DeliveryState.CANCELLED]
    steps += [_on_its_way(row, mission, house) for row in shown]
    if letter.state is LetterState.APPROVED and not shown:
        steps.append(Step(title="It leaves on its day", when="", text="", mark=_NEXT))
    return (*steps, *_ended(letter))


def sentence_of(standing: Standing, mission: Mission | None, house: House) -> str:
    """Where the letter is and what happens next: the first sentence of the page."""
    letter = standing.letter
    match letter.state:
        case LetterState.SUBMITTED:
            return "Your letter waits for you: please open the link in the mail that we sent you."
        case LetterState.CONFIRMED | LetterState.IN_REVIEW:
            reading = "It is read once more" if letter.state is LetterState.CONFIRMED else "A person reads it"
            return f"Your letter is confirmed. {reading} before it leaves."
        case LetterState.WITHDRAWN:
            return "You took your letter back. It will not be sent."
        case LetterState.REJECTED:
            return "Your letter was not sent: a person who read it found words in it that we do not pass on."
        case LetterState.EXPIRED:
            return "Your letter was never confirmed, so it was not sent."
        case LetterState.APPROVED | LetterState.DISPATCHED:
            rows = [row for row in standing.deliveries if row.state is not DeliveryState.CANCELLED]
            return _on_its_way(rows[-1], mission, house).text if rows else "Your letter is ready to leave."
        case _:
            assert_never(letter.state)


def _written(letter: Letter, house: House) -> Step:
    return Step(title="You wrote it", when=_utc(letter.submitted_at, house), text="", mark=_PAST)


def _confirmed(letter: Letter, house: House) -> list[Step]:
    if letter.confirmed_at is not None:
        return [Step(title="You confirmed it", when=_utc(letter.confirmed_at, house), text="", mark=_PAST)]
    if letter.state is LetterState.SUBMITTED:
        text = "Please open the link in our mail. Nothing is sent before you do."
        return [Step(title="You confirm it", when="", text=text, mark=_NEXT)]
    return []


def _read(letter: Letter, house: House) -> list[Step]:
    if letter.state is LetterState.CONFIRMED:
        return [Step(title="It is read once more", when="", text="", mark=_NEXT)]
    if letter.confirmed_at is None or (letter.verdict == Verdict.PASS and not letter.asked_for_person):
        return []
    if letter.approved_at is not None:
        return [Step(title="A person read it", when=_utc(letter.approved_at, house), text="", mark=_PAST)]
    if letter.state is LetterState.REJECTED:
        return [Step(title="A person read it", when="", text="", mark=_PAST)]
    if letter.state is LetterState.WITHDRAWN:
        return []
    return [Step(title="A person reads it", when="", text="It leaves when it has been read.", mark=_NEXT)]


def _on_its_way(row: Delivery, mission: Mission | None, house: House) -> Step:  # noqa: PLR0911 - one a state
    zone = mission.time_zone if mission else "UTC"
    theirs = "their time" if mission else "UTC"
    whom = f"the {mission.name}" if mission else "a mission"
    by = _BY[row.channel] if row.channel else ""
    mark = MARKS[row.state]
    due = f"{long_day(row.due_at, zone, house)}, at {clock_time(row.due_at, zone)} {theirs}"
    moved = f"{long_day(row.moved_at, zone, house)}, {clock_time(row.moved_at, zone)} {theirs}"
    match row.state:
        case DeliveryState.QUEUED | DeliveryState.LEASED:
            leaves = "Your letter was tried and leaves again for" if row.tries else "Your letter leaves for"
            return Step(title=f"It leaves {by}", when=due, text=f"{leaves} {whom} on {due}.", mark=mark)
        case DeliveryState.SENDING:
            return Step(
                title=f"On its way {by}", when=moved, text=f"Your letter is on its way to {whom}.", mark=mark
            )
        case DeliveryState.HELD:
            return Step(title="It waits", when="", text=_held(row.reason), mark=mark)
        case DeliveryState.ACCEPTED:
            return Step(
                title=f"Handed over {by}",
                when=moved,
                text=_accepted(row, whom, house),
                mark=mark,
                stamped=True,
            )
        case DeliveryState.DELIVERED:
            return Step(
                title=f"Delivered {by}", when=moved, text=_delivered(row, whom), mark=mark, stamped=True
            )
        case DeliveryState.BOUNCED | DeliveryState.FAILED:
            text = (
                f"Your letter could not be delivered {by}. "
                f"Where there is another way to {whom}, it is tried next."
            )
            return Step(title=f"Not delivered {by}", when=moved, text=text, mark=mark)
        case DeliveryState.IN_DOUBT:
            text = (
                f"The line broke while your letter was on its way to {whom}, and we do not know whether it "
                "arrived. It is not sent a second time before somebody has found out."
            )
            return Step(title=f"In doubt {by}", when=moved, text=text, mark=mark)
        case DeliveryState.CANCELLED:
            return Step(title="Not sent this way", when=moved, text="", mark=mark)
        case _:
            assert_never(row.state)


def _accepted(row: Delivery, whom: str, house: House) -> str:
    if not house.live:
        return f"In this rehearsal your letter to {whom} lies in the mailroom. It has not left this machine."
    if row.channel is Channel.EMAIL:
        return (
            f"The mail server on the way to {whom} has accepted your letter. That is not proof that it was "
            "read; whether anybody reads it, no mail server tells."
        )
    return f"Your letter to {whom} is in the hands of those who carry it. That is not proof that it was read."


def _delivered(row: Delivery, whom: str) -> str:
    machine = "fax machine" if row.channel is Channel.FAX else "mail server"
    if row.channel is Channel.PAPER:
        return f"Your letter was handed over to {whom}. That is not proof that it was read."
    return f"The {machine} of {whom} has confirmed your letter. That is not proof that it was read."


def _held(reason: str | None) -> str:
    match reason:
        case HoldReason.NO_MISSION.value:
            return "Your letter waits: no mission is known yet that serves the place where you live."
        case HoldReason.NO_CONTACT.value:
            return "Your letter waits: we have no address of this mission yet that can be used."
        case HoldReason.CHOOSE_MISSION.value:
            return "Your letter waits until somebody has chosen which of the consulates serves you."
        case HoldReason.CANNOT_TYPESET.value:
            return "Your letter waits: we cannot put it on a page as it is. Somebody looks into it."
        case HoldReason.MISSION_PAUSED.value | HoldReason.CAMPAIGN_PAUSED.value | HoldReason.ALL_PAUSED.value:
            return "Your letter waits: sending is paused for the moment."
        case _:
            return "Your letter waits. Somebody looks into it."


def _ended(letter: Letter) -> list[Step]:
    titles = {
        LetterState.WITHDRAWN: "You took it back",
        LetterState.REJECTED: "It was not sent",
        LetterState.EXPIRED: "It expired",
    }
    title = titles.get(letter.state)
    return [Step(title=title, when="", text="", mark=_ENDED)] if title else []


def _utc(at: datetime, house: House) -> str:
    return f"{long_day(at, 'UTC', house)}, {clock_time(at, 'UTC')} UTC"
