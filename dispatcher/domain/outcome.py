"""What a transport answers when it was asked to hand one letter over."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OutcomeKind(StrEnum):
    ACCEPTED = "accepted"  # the next hop took responsibility
    DELIVERED = "delivered"  # the far machine has confirmed it, page by page
    DEFERRED = "deferred"  # not now; nothing was handed over, or the carrier has given it back
    REFUSED = "refused"  # never, by this channel
    UNKNOWN = "unknown"  # it was on the wire and no answer came


# Neither is frozen: making such a thing takes three times as long, and there are thousands a second. Nobody changes them.
@dataclass(slots=True, kw_only=True)
class Outcome:
    """code: SMTP reply code (RFC 5321) or None. enhanced_code: RFC 3463 "5.1.1" or None. reply: the far end's
    own words, or ours where it said nothing. provider_ref: the next hop's queue id or the carrier's fax id.
    relay: True when the whole relay is at fault (lost connection, 421), so that the letter's own retry count
    is not used up by it."""

    kind: OutcomeKind
    code: int | None = None
    enhanced_code: str | None = None
    reply: str = ""
    provider_ref: str | None = None
    relay: bool = False


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One try of one delivery, from the first byte of it on the wire to the answer or the end of waiting."""

    at: datetime
    ended_at: datetime
    outcome: Outcome
