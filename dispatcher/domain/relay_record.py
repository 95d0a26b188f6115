"""What our relay's own log says about one mail, and what follows from it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

# A relay answers the final dot at the latest after ten minutes (RFC 5321 4.5.3.2.6), and writes its log as it
# goes: a log that ends this much later has every line about a try.
_SETTLED_AFTER = timedelta(minutes=15)


class RelayStatus(StrEnum):
    """Postfix's words for one try of its own."""

    SENT = "sent"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class RelayTry:
    """The newest try of the relay. recipient: "" where the line names none. words: the far end's, in brackets
    at the end of the line."""

    at: datetime
    status: RelayStatus
    recipient: str = field(default="", repr=False)
    enhanced_code: str = ""
    relay: str = ""
    words: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class RelayRecord:
    """seen_at: when the relay read the header; the mail may still have broken off then. queued_at: when the mail
    was in its queue for good, which is what its 250 says; None where no line proves it."""

    message_id: str
    queue_ids: tuple[str, ...]
    seen_at: datetime
    queued_at: datetime | None = None
    last_try: RelayTry | None = None

    @property
    def taken(self) -> bool:
        """Whether the relay took responsibility."""
        return self.queued_at is not None or self.last_try is not None

    @property
    def returned(self) -> bool:
        """Whether the relay has given up."""
        return self.last_try is not None and self.last_try.status in _ENDS

    def summary(self) -> str:
        """One line for a person."""
        queue = ", ".join(self.queue_ids)
        if self.last_try is None:
            return (
                f"The relay's log has it in the queue as {queue}."
                if self.taken
                else f"The relay's log saw its header ({queue}), no more."
            )
        last = self.last_try
        return f"The relay's log says of {queue}: {last.status.value} by {last.relay or 'itself'} {last.enhanced_code} ({last.words})."


@dataclass(frozen=True, kw_only=True)
class LogSpan:
    """From the first to the last line of a log."""

    first: datetime
    last: datetime

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether a try between these moments would have left its lines here."""
        return self.first <= start and end + _SETTLED_AFTER <= self.last


_ENDS = frozenset({RelayStatus.BOUNCED, RelayStatus.EXPIRED})
