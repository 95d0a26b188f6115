"""What evidence does to a delivery, whoever brings it: a report by mail, the relay's log, a person.

Each call is part of the caller's transaction and writes its log row in it. Evidence that comes twice, or too late
to matter, changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.delivery import Delivery, DeliveryState
from dispatcher.domain.mission import Channel, ContactKind, Health
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.services.incoming import Incoming
from dispatcher.services.outbox import Dispatch
from dispatcher.services.pauses import Pause, PauseScope
from dispatcher.services.store import Settlement, Work

# Every so many failures that may pass, the mission is paused: its mailbox is full, or its server is away for days.
SOFT_BOUNCES = 3
# Reports of letters of one action day come within the five days that mail servers try; older ones are another story.
SOFT_WINDOW = timedelta(days=10)

_S = DeliveryState
# A courier has the row, or will have it: evidence about an earlier try cannot be told from this one's.
ON_THE_WIRE = frozenset({_S.SENDING})
BEFORE_THE_WIRE = frozenset({_S.HELD, _S.QUEUED, _S.LEASED})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    dispatch: Dispatch

    def taken(self, work: Work, row: Delivery, *, at: datetime, by: str, reason: str, note: str) -> bool:
        """Somebody has it: what was in doubt is accepted."""
        if row.state is not _S.IN_DOUBT:
            return False
        work.outbox.move([row.id], _S.ACCEPTED, at=at, by=by, reason=reason, note=note)
        return True

    def taken_by_relay(
        self, work: Work, row: Delivery, *, queue_id: str, since: datetime, at: datetime, by: str, note: str
    ) -> bool:
        """As `taken`, with the relay's queue id in the log as if its answer had come late."""
        if row.state is not _S.IN_DOUBT:
            return False
        if row.lease is None:
            return self.taken(work, row, at=at, by=by, reason="relay_log", note=note)
        answer = Outcome(kind=OutcomeKind.ACCEPTED, reply=note, provider_ref=queue_id)
        settlement = Settlement(
            delivery=row.id,
            lease=row.lease,
            attempt=Attempt(at=row.first_try_at or since, ended_at=since, outcome=answer),
            new=_S.ACCEPTED,
            reason="relay_log",
        )
        return row.id in work.outbox.settle([settlement], at=at, by=by)

    def arrived(self, work: Work, row: Delivery, *, at: datetime, by: str, reason: str, note: str) -> bool:
        """It is in the mission's mailbox."""
        if row.state not in {_S.ACCEPTED, _S.IN_DOUBT}:
            return False
        work.outbox.move([row.id], _S.DELIVERED, at=at, by=by, reason=reason, note=note)
        return True

    def returned(
        self, work: Work, row: Delivery, *, dead: bool, at: datetime, by: str, reason: str, note: str
    ) -> bool:
        """It came back: the letter's next channel opens. dead: there is no such mailbox, so no other letter is
        sent there either."""
        if row.state not in {_S.ACCEPTED, _S.DELIVERED, _S.IN_DOUBT}:
            return False
        work.outbox.move([row.id], _S.BOUNCED, at=at, by=by, reason=reason, note=note)
        if row.notice is not None:
            return True
        stale = (
            dead and row.channel is Channel.EMAIL and row.mission is not None and row.recipient is not None
        )
        if stale and row.mission and row.recipient:
            work.directory.set_health(row.mission, ContactKind.EMAIL, row.recipient, Health.DEAD, at=at)
        self.dispatch.open_next(work, [row], at=at)
        if stale and row.mission:
            self.dispatch.reroute(work, at=at, missions=[row.mission])
        return True

    def not_taken(self, work: Work, row: Delivery, *, at: datetime, by: str, reason: str, note: str) -> bool:
        """It never reached anybody: what was in doubt goes back to the queue."""
        if row.state is not _S.IN_DOUBT:
            return False
        work.outbox.move([row.id], _S.QUEUED, at=at, by=by, reason=reason, note=note, due_at=at)
        return True

    def pause_when_soft(
        self, work: Work, incoming: Incoming, row: Delivery, *, at: datetime, by: str
    ) -> bool:
        """After each SOFT_BOUNCES-th failure that may pass, the mission is paused. Answers whether it was."""
        if row.mission is None:
            return False
        count = incoming.soft_bounces(row.mission, at - SOFT_WINDOW)
        if not count or count % SOFT_BOUNCES:
            return False
        return self.pause(
            work, row, reason=f"{count} letters came back with failures that may pass", at=at, by=by
        )

    def pause(self, work: Work, row: Delivery, *, reason: str, at: datetime, by: str) -> bool:
        """Pauses the delivery's mission; a pause that stands already keeps its reason."""
        if row.mission is None:
            return False
        if any(each.scope is PauseScope.MISSION and each.key == row.mission for each in work.pauses.all()):
            return False
        work.pauses.set(Pause(scope=PauseScope.MISSION, key=row.mission, since=at, by=by, reason=reason))
        work.outbox.apply_pauses(at=at, by=by)
        return True
