"""What a carrier's word on a fax means for its delivery: each in one transaction, with its line in the log.

Words may come twice, late, or in the wrong order, by callback and by our own asking: the first one that tells the
end of a job closes it, and a closed job takes no more.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState
from dispatcher.domain.fax_result import CallEnd, FaxResult
from dispatcher.domain.fax_schedule import judge, next_call
from dispatcher.domain.mission import ContactKind, Health
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.fax_carrier import CarrierWord
from dispatcher.services.fax_jobs import FaxJob
from dispatcher.services.outbox import Dispatch
from dispatcher.services.routing import Routing
from dispatcher.services.store import Store, Work
from dispatcher.telemetry import log

_S = DeliveryState
WITH_CARRIER = frozenset({_S.ACCEPTED, _S.IN_DOUBT})


@dataclass(frozen=True, kw_only=True)
class FaxSettling:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    dispatch: Dispatch

    def take(self, job_id: int, word: CarrierWord, *, by: str) -> bool:
        """Answers whether it was news."""
        now = self.clock.now()
        with self.store.write() as work:
            job = work.faxes.get(job_id, lock=True)
            if job is None or job.closed_at is not None:
                return False
            if job.provider_ref is not None and job.provider_ref != word.provider_ref:
                return False  # of another call
            row = work.outbox.get([job.delivery], lock=True)[job.delivery]
            if row.state not in WITH_CARRIER:
                return False  # a courier still has it; the next asking tells the same
            if job.provider_ref is None:
                work.faxes.taken(job.id, word.provider_ref, word.status)
            if row.state is _S.IN_DOUBT:
                self._known_to_carrier(work, row, job, word, now, by)
            if word.end is None:
                if word.status == job.status:
                    return False
                work.faxes.note(job.id, word.status)
                return True
            result = judge(
                word.end, sent=job.pages, confirmed=word.confirmed, words=word.words or word.status
            )
            work.faxes.close(job.id, result.end, word.status, at=now)
            self._ended(work, row, job, word, result, now, by)
            return True

    def lost(self, job_id: int, *, words: str, by: str) -> bool:
        """The carrier had it and does not know it any more, or says no end of it: a person decides."""
        now = self.clock.now()
        with self.store.write() as work:
            job = work.faxes.get(job_id, lock=True)
            if job is None or job.closed_at is not None:
                return False
            row = work.outbox.get([job.delivery], lock=True)[job.delivery]
            if row.state is not _S.ACCEPTED:
                return False
            work.faxes.close(job.id, CallEnd.UNKNOWN, "lost", at=now)
            self._say(work, row, job, OutcomeKind.UNKNOWN, CallEnd.UNKNOWN, None, words, now)
            work.outbox.move([row.id], _S.IN_DOUBT, at=now, by=by, reason="carrier_lost_it")
            return True

    def never_taken(self, delivery: DeliveryId, job: FaxJob | None, *, words: str, by: str) -> bool:
        """Nothing of it reached the carrier: what was in doubt goes back to the queue, and the link to its pages is
        dead, so that an order which turns up late finds nothing to send."""
        now = self.clock.now()
        with self.store.write() as work:
            current = work.faxes.get(job.id, lock=True) if job is not None else None
            row = work.outbox.get([delivery], lock=True)[delivery]
            if row.state is not _S.IN_DOUBT:
                return False
            if current is not None and (current.provider_ref is not None or current.fetched_at is not None):
                return False
            if current is not None and current.closed_at is None:
                work.faxes.close(current.id, CallEnd.OUR_SIDE, "not taken", at=now)
            work.outbox.move(
                [row.id],
                _S.QUEUED,
                at=now,
                by=by,
                reason="not_taken",
                note=words,
                due_at=self._in_office_hours(work, row, now),
            )
            return True

    def _known_to_carrier(
        self, work: Work, row: Delivery, job: FaxJob, word: CarrierWord, now: datetime, by: str
    ) -> None:
        said = f"Found at the carrier by our own reference, number or hour ({word.status})."
        outcome = Outcome(kind=OutcomeKind.ACCEPTED, reply=said, provider_ref=word.provider_ref)
        work.faxes.add_attempt(row.id, Attempt(at=job.opened_at, ended_at=now, outcome=outcome))
        work.outbox.move([row.id], _S.ACCEPTED, at=now, by=by, reason="reconciled")

    def _ended(
        self,
        work: Work,
        row: Delivery,
        job: FaxJob,
        word: CarrierWord,
        result: FaxResult,
        now: datetime,
        by: str,
    ) -> None:
        kind, again = self._what_follows(work, row, result, now)
        self._say(work, row, job, kind, result.end, word, result.words, now)
        match kind:
            case OutcomeKind.DELIVERED:
                work.outbox.move([row.id], _S.DELIVERED, at=now, by=by, note=result.words)
            case OutcomeKind.DEFERRED:
                work.outbox.move(
                    [row.id],
                    _S.QUEUED,
                    at=now,
                    by=by,
                    reason=result.end.value,
                    note=result.words,
                    due_at=again,
                )
            case OutcomeKind.REFUSED:
                work.outbox.move(
                    [row.id], _S.FAILED, at=now, by=by, reason=result.end.value, note=result.words
                )
                self._next_channel(work, row, result, now)
            case OutcomeKind.UNKNOWN:
                work.outbox.move(
                    [row.id], _S.IN_DOUBT, at=now, by=by, reason="unconfirmed", note=result.words
                )
            case OutcomeKind.ACCEPTED:
                raise AssertionError(kind)
            case _:
                assert_never(kind)
        if result.end is CallEnd.OUR_SIDE:
            log.warning("fax_carrier_at_fault", delivery=row.id, code=word.code, until=again)

    def _what_follows(
        self, work: Work, row: Delivery, result: FaxResult, now: datetime
    ) -> tuple[OutcomeKind, datetime | None]:
        if result.end is CallEnd.DELIVERED:
            return OutcomeKind.DELIVERED, None
        if result.end is CallEnd.UNKNOWN:  # the pages may lie in the tray: never sent again by itself
            return OutcomeKind.UNKNOWN, None
        again = next_call(work.faxes.calls(row.id), now)
        if again is None:
            return OutcomeKind.REFUSED, None
        return OutcomeKind.DEFERRED, self._in_office_hours(work, row, again)

    def _next_channel(self, work: Work, row: Delivery, result: FaxResult, now: datetime) -> None:
        """A number that the network does not know is not called for other letters either."""
        dead = result.end is CallEnd.BAD_NUMBER and row.mission is not None and row.recipient is not None
        if dead and row.mission and row.recipient:
            work.directory.set_health(row.mission, ContactKind.FAX, row.recipient, Health.DEAD, at=now)
        self.dispatch.open_next(work, [row], at=now)
        if dead and row.mission:
            self.dispatch.reroute(work, at=now, missions=[row.mission])

    def _say(
        self,
        work: Work,
        row: Delivery,
        job: FaxJob,
        kind: OutcomeKind,
        end: CallEnd,
        word: CarrierWord | None,
        words: str,
        now: datetime,
    ) -> None:
        """The line in the log: the kind of end stands where a mail has its enhanced code."""
        outcome = Outcome(
            kind=kind,
            code=word.code if word else None,
            enhanced_code=end.value,
            reply=words,
            provider_ref=word.provider_ref if word else job.provider_ref,
        )
        work.faxes.add_attempt(row.id, Attempt(at=job.opened_at, ended_at=now, outcome=outcome))

    def _in_office_hours(self, work: Work, row: Delivery, at: datetime) -> datetime:
        if row.any_hour or row.mission is None:
            return at
        way = self.routing.present(work)
        day = work.letters.action_days([row.letter])[row.letter]
        campaign = self.campaigns.get(row.campaign)
        return way.timetable(way.mission(row.mission), campaign, day).next_open(at)
