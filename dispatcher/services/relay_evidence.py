"""The relay's own log settles what is in doubt, and is kept as evidence for the rest.

What the relay has in its queue was accepted. That it handed a mail on is no proof that it is in the mailbox: it
is kept as evidence and moves nothing. What it returned is bounced. That a log does not name a letter proves
nothing, unless the log has every line from before the try until after its end.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from dispatcher.domain.delivery import Delivery, DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.relay_record import LogSpan, RelayRecord
from dispatcher.domain.reply import address_is_dead
from dispatcher.domain.returned_mail import MailKind, Reading
from dispatcher.services.clock import Clock
from dispatcher.services.evidence import ON_THE_WIRE, Evidence
from dispatcher.services.store import LogFilter, Store, Work

# Letters settled in one transaction: short enough that a courier never waits long for the lock.
_BATCH = 200
_REASON = "relay_log"


@dataclass(frozen=True, kw_only=True)
class RelayLog:
    """What one or more log files say. span: None where they have no line of a mail server at all."""

    records: Mapping[str, RelayRecord]
    span: LogSpan | None


class RelayLogFiles(Protocol):
    def read(self, files: Sequence[str], *, now: datetime) -> RelayLog:
        """Raises RelayLogUnreadable."""


@dataclass(kw_only=True)
class LogFindings:
    """named: letters of ours in the log. accepted, bounced, queued: settled so. begun: in doubt, and the relay
    saw their header but not their end. unnamed: in doubt, and the log does not settle it. uncovered: of the
    unnamed those whose try the log does not cover."""

    named: int = 0
    accepted: int = 0
    bounced: int = 0
    queued: int = 0
    begun: int = 0
    unnamed: int = 0
    uncovered: int = 0
    still_on_the_wire: int = 0


@dataclass(frozen=True, kw_only=True)
class RelayEvidence:
    store: Store
    clock: Clock
    evidence: Evidence

    def weigh(self, log: RelayLog, *, complete: bool, by: str) -> LogFindings:
        """complete: the operator says that no line of the relay is missing between the log's first and last.
        Safe to repeat."""
        found = LogFindings()
        records = iter(log.records.values())
        while batch := list(islice(records, _BATCH)):
            with self.store.write() as work:
                rows = work.incoming.deliveries_named([record.message_id for record in batch])
                for record in batch:
                    if (row := rows.get(record.message_id)) is not None:
                        found.named += 1
                        self._weigh_one(work, row, record, found, by)
        self._weigh_silence(log, complete, found, by)
        return found

    def _weigh_one(self, work: Work, row: Delivery, record: RelayRecord, found: LogFindings, by: str) -> None:
        now = self.clock.now()
        if row.state in ON_THE_WIRE:
            found.still_on_the_wire += 1
            return
        if not record.taken:
            if row.state is DeliveryState.IN_DOUBT:
                found.begun += 1
            return
        if (
            record.queued_at is not None
            and row.first_try_at is not None
            and record.queued_at < row.first_try_at
        ):
            return  # a clock that is wrong, or somebody else's use of our Message-ID: no evidence
        note = record.summary()
        if self.evidence.taken_by_relay(
            work,
            row,
            queue_id=record.queue_ids[-1],
            since=record.queued_at or record.seen_at,
            at=now,
            by=by,
            note=note,
        ):
            found.accepted += 1
            row = work.outbox.get([row.id])[row.id]
        last = record.last_try
        about_us = last is not None and (
            row.recipient is None
            or not last.recipient
            or last.recipient.casefold() == row.recipient.casefold()
        )
        status = last.enhanced_code if last else ""
        if record.returned and about_us:
            dead = address_is_dead(Outcome(kind=OutcomeKind.REFUSED, enhanced_code=status))
            if self.evidence.returned(work, row, dead=dead, at=now, by=by, reason=_REASON, note=note):
                found.bounced += 1
        self._keep(work, row, record, note, status, at=now, by=by)

    def _keep(
        self, work: Work, row: Delivery, record: RelayRecord, note: str, status: str, *, at: datetime, by: str
    ) -> None:
        """Once for each thing the log says of a letter."""
        said = f"{record.message_id} {note}".encode()
        digest = hashlib.sha256(b"relay log\0" + said).hexdigest()
        if work.incoming.known(digest) is not None:
            return
        reading = Reading(kind=MailKind.RELAY_LOG, status=status, why="Our relay's log.")
        id = work.incoming.keep(
            said, reading, digest=digest, delivery=row.id, message_id=record.message_id, at=at
        )
        work.incoming.settle(id, at=at, by=by)

    def _weigh_silence(self, log: RelayLog, complete: bool, found: LogFindings, by: str) -> None:
        with self.store.read() as work:
            rows = work.outbox.log(LogFilter(state=DeliveryState.IN_DOUBT, notices=True))
        # A mail to a supporter has no channel.
        mails = [row.delivery for row in rows if row.delivery.channel in {Channel.EMAIL, None}]
        silent = [row for row in mails if row.message_id not in log.records]
        covered = [row for row in silent if _covers(log.span, row)]
        found.uncovered = len(silent) - len(covered)
        if not complete:
            found.unnamed = len(silent)
            return
        found.unnamed = found.uncovered
        now = self.clock.now()
        for start in range(0, len(covered), _BATCH):
            with self.store.write() as work:
                current = work.outbox.get(row.id for row in covered[start : start + _BATCH])
                for row in current.values():
                    note = "The relay's log covers the whole try and does not name the letter."
                    found.queued += self.evidence.not_taken(
                        work, row, at=now, by=by, reason=_REASON, note=note
                    )


def _covers(span: LogSpan | None, row: Delivery) -> bool:
    """From the first try on, since the log of moves does not say which of several is in doubt."""
    return span is not None and row.first_try_at is not None and span.covers(row.first_try_at, row.moved_at)
