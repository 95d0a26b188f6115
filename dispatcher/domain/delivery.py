"""One letter on its way by one channel to one mission: its states and legal moves (design section 2)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import Channel, MissionId

DeliveryId = NewType("DeliveryId", int)


class DeliveryState(StrEnum):
    HELD = "held"
    QUEUED = "queued"
    LEASED = "leased"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    CANCELLED = "cancelled"


_S = DeliveryState
DELIVERY_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    _S.HELD: frozenset({_S.QUEUED, _S.CANCELLED}),
    # Couriers claim and mark as on the wire in one step; a letter rests as leased only in logs of old.
    _S.QUEUED: frozenset({_S.LEASED, _S.SENDING, _S.HELD, _S.CANCELLED}),
    _S.LEASED: frozenset({_S.SENDING, _S.QUEUED, _S.HELD, _S.CANCELLED}),
    # Back to the queue only when the far end has answered "not now" or nothing of the letter was handed over.
    _S.SENDING: frozenset({_S.ACCEPTED, _S.DELIVERED, _S.QUEUED, _S.FAILED, _S.IN_DOUBT}),
    _S.IN_DOUBT: frozenset({_S.ACCEPTED, _S.DELIVERED, _S.QUEUED, _S.BOUNCED, _S.FAILED}),
    _S.ACCEPTED: frozenset({_S.DELIVERED, _S.BOUNCED}),
    _S.DELIVERED: frozenset({_S.BOUNCED}),
    _S.BOUNCED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}

# The step onto the wire has no row in the log: the attempt that follows says when it began, and for a batch it would cost
# as much as its answer. There, and in the outbox, what is on the wire still stands as queued.
UNLOGGED = frozenset({_S.LEASED, _S.SENDING})

# Faxes alone. What a carrier has is not with the mission yet: the call fails and is made again, or is given up, or
# the carrier loses sight of it. A mail that a relay took is out of our hands and only ever comes back (bounced).
GIVEN_BACK = {_S.ACCEPTED: frozenset({_S.QUEUED, _S.FAILED, _S.IN_DOUBT})}

# The mission has it, as far as anyone can tell.
WITH_MISSION = frozenset({_S.ACCEPTED, _S.DELIVERED})
# Ends that open the letter's next channel.
OPENS_NEXT_CHANNEL = frozenset({_S.BOUNCED, _S.FAILED})
# A letter may have at most one delivery in one of these: never two channels at once.
LIVE = frozenset({_S.HELD, _S.QUEUED, _S.LEASED, _S.SENDING, _S.IN_DOUBT, _S.ACCEPTED, _S.DELIVERED})


# Somebody looks for these; the others wait in the queue, are on the wire, or have come to a good end.
AWAITED = frozenset({_S.HELD, _S.IN_DOUBT, _S.BOUNCED, _S.FAILED})


class HoldReason(StrEnum):
    """Why a delivery is held. What an organizer can do about it is said by `remedy`."""

    NO_MISSION = "no_mission"
    NO_CONTACT = "no_contact"
    CHOOSE_MISSION = "choose_mission"
    NO_CARRIER = "no_carrier"
    CANNOT_TYPESET = "cannot_typeset"
    STATIONERY = "stationery"
    MISSION_PAUSED = "mission_paused"
    CAMPAIGN_PAUSED = "campaign_paused"
    ALL_PAUSED = "all_paused"


# Holds that end by themselves when the pause is lifted.
PAUSES = frozenset({HoldReason.MISSION_PAUSED, HoldReason.CAMPAIGN_PAUSED, HoldReason.ALL_PAUSED})


def remedy(reason: HoldReason) -> str:
    """What a person can do, in one sentence."""
    return {
        HoldReason.NO_MISSION: "No mission serves this place; an organizer can choose one for the country with "
        "'dispatcher missions set MISSION --covers COUNTRY', or for this letter with 'dispatcher missions choose'.",
        HoldReason.NO_CONTACT: "The mission has no usable mailbox, fax or address; add one with 'dispatcher missions set'.",
        HoldReason.CHOOSE_MISSION: "Two consulates share this region and the city does not tell which; ask the writer for the "
        "city or county, and then choose with 'dispatcher missions choose MISSION --letter NUMBER'.",
        HoldReason.NO_CARRIER: "There is no carrier for this channel in live mode; configure one, or hand the letters over.",
        HoldReason.CANNOT_TYPESET: "This letter cannot be put on a page as it is; the last move says why. Print it by hand or "
        "ask the writer.",
        HoldReason.STATIONERY: "The campaign's letterhead or an enclosure cannot be used; the last move says why. Mend it and "
        "start the service again: the letter is then tried again by itself.",
        HoldReason.MISSION_PAUSED: "This mission is paused; 'dispatcher resume --mission' lets its letters go on.",
        HoldReason.CAMPAIGN_PAUSED: "This campaign is paused; 'dispatcher resume --campaign' lets its letters go on.",
        HoldReason.ALL_PAUSED: "All sending is paused; 'dispatcher resume --all' lets the letters go on.",
    }[reason]


def check_delivery_move(old: DeliveryState, new: DeliveryState, channel: Channel | None = None) -> None:
    """Raises IllegalMove when the tables above do not know the move."""
    given_back = GIVEN_BACK.get(old, frozenset()) if channel is Channel.FAX else frozenset()
    if new not in DELIVERY_MOVES[old] and new not in given_back:
        raise IllegalMove(subject="delivery", old=old.value, new=new.value)


def as_logged(state: DeliveryState) -> DeliveryState:
    return DeliveryState.QUEUED if state in UNLOGGED else state


class Notice(StrEnum):
    """Mails to the supporter; they travel through the same outbox, never on a mission's budget."""

    CONFIRMATION = "confirmation"
    REMINDER = "reminder"
    RECEIPT = "receipt"
    WITHDRAWN = "withdrawn"
    ANSWER = "answer"  # what the mission wrote back


@dataclass(frozen=True, kw_only=True)
class NewDelivery:
    """A row about to enter the outbox: a letter's next channel, or a notice (then `notice` is set and mission,
    channel and recipient are not). recipient: the directory's mailbox or number; None where there is none."""

    letter: LetterId
    campaign: CampaignId
    due_at: datetime
    message_id: str
    notice: Notice | None = None
    mission: MissionId | None = None
    channel: Channel | None = None
    recipient: str | None = None
    held: HoldReason | None = None
    any_hour: bool = False


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A row of the outbox. rendering: id of the approved bytes, None until they are rendered. tries: how often
    it was on the wire. lease: token of the courier that has it now."""

    id: DeliveryId
    letter: LetterId
    campaign: CampaignId
    state: DeliveryState
    notice: Notice | None
    mission: MissionId | None
    channel: Channel | None
    recipient: str | None
    reason: str | None
    due_at: datetime
    message_id: str
    rendering: int | None
    tries: int
    first_try_at: datetime | None
    any_hour: bool
    lease: str | None
    moved_at: datetime


@dataclass(frozen=True, kw_only=True)
class Move:
    """One step of a letter or delivery, as the log keeps it. by: which part of the service, or which person."""

    old: str | None
    new: str
    reason: str | None
    note: str | None
    by: str
    at: datetime
