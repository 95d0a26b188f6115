"""One word, one mark and one colour for each state, the same on every page (never the colour alone)."""

from dataclasses import dataclass

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterState


@dataclass(frozen=True, kw_only=True)
class Mark:
    """sign: a shape that can be told apart without its colour. role: the colour's name in the stylesheet."""

    sign: str
    word: str
    role: str


_S = DeliveryState
MARKS: dict[DeliveryState, Mark] = {
    _S.HELD: Mark(sign="▯", word="held", role="lantern"),
    _S.IN_DOUBT: Mark(sign="◇", word="in doubt", role="lantern"),
    _S.QUEUED: Mark(sign="○", word="waiting", role="slate"),
    _S.LEASED: Mark(sign="◐", word="picked up", role="river"),
    _S.SENDING: Mark(sign="◐", word="on the way", role="river"),
    _S.ACCEPTED: Mark(sign="●", word="accepted", role="moss"),
    _S.DELIVERED: Mark(sign="●", word="delivered", role="moss"),
    _S.BOUNCED: Mark(sign="✕", word="returned", role="brick"),
    _S.FAILED: Mark(sign="✕", word="failed", role="brick"),
    _S.CANCELLED: Mark(sign="–", word="cancelled", role="quiet"),
}

_L = LetterState
LETTER_MARKS: dict[LetterState, Mark] = {
    _L.SUBMITTED: Mark(sign="○", word="not confirmed yet", role="slate"),
    _L.CONFIRMED: Mark(sign="○", word="waits for its second reading", role="slate"),
    _L.IN_REVIEW: Mark(sign="▯", word="with a person to read", role="lantern"),
    _L.APPROVED: Mark(sign="○", word="approved", role="slate"),
    _L.DISPATCHED: Mark(sign="●", word="sent", role="moss"),
    _L.WITHDRAWN: Mark(sign="–", word="taken back", role="quiet"),
    _L.REJECTED: Mark(sign="✕", word="not sent", role="brick"),
    _L.EXPIRED: Mark(sign="–", word="expired", role="quiet"),
}
