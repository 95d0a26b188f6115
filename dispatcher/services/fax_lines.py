"""One call at a time to a number, and peace for a carrier that asks for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.mission import Channel
from dispatcher.services.store import Claimed, Work

# A letter of two fine pages takes 72 seconds on the line, and the far machine some more to be ready again.
CALL_TAKES = timedelta(minutes=2)
# Longer than any call: a job whose end is not known does not block its number for the rest of the day.
CALL_AT_MOST = timedelta(hours=2)


@dataclass
class FaxLines:
    """rest_until: the carrier answers nothing useful before. Of this process; another one learns it by itself."""

    rest_until: datetime | None = None

    def rest(self, until: datetime) -> None:
        self.rest_until = max(self.rest_until or until, until)

    def is_resting(self, now: datetime) -> bool:
        return self.rest_until is not None and now < self.rest_until

    def engaged(self, work: Work, rows: Sequence[Claimed], now: datetime) -> dict[DeliveryId, datetime]:
        """Which of these rows must wait, and until when. It is this courier's turn (see `let_through`), so that two
        never call one number at once."""
        faxes = [row for row in rows if row.channel is Channel.FAX and row.recipient is not None]
        if not faxes:
            return {}
        if self.rest_until is not None and now < self.rest_until:
            return {row.id: self.rest_until for row in faxes}
        in_use = work.faxes.lines_in_use(
            {row.recipient for row in faxes if row.recipient is not None},
            besides=[row.id for row in faxes],
            since=now - CALL_AT_MOST,
        )
        ahead = Counter(in_use)
        later = {}
        for row in faxes:
            if ahead[row.recipient or ""]:
                later[row.id] = now + ahead[row.recipient or ""] * CALL_TAKES
            ahead[row.recipient or ""] += 1
        return later
