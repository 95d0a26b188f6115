"""The calls that a carrier was asked to make, and what it said of them in the log."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, insert, or_, select, update

from dispatcher.adapters.database.queue_table import on_the_wire
from dispatcher.adapters.database.schema import attempts, fax_jobs, outbox
from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.fax_schedule import Call
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Attempt
from dispatcher.services.fax_jobs import FaxJob

_FAX = outbox.c.channel == Channel.FAX.value
_OPEN = fax_jobs.c.closed_at.is_(None)


class FaxJobTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open(
        self, delivery: DeliveryId, *, carrier: str, reference: str, number: str, pages: int, at: datetime
    ) -> FaxJob:
        self._connection.execute(
            update(fax_jobs)
            .where(fax_jobs.c.outbox == delivery, _OPEN)
            .values(closed_at=at, ended=CallEnd.UNKNOWN.value)
        )
        row = self._connection.execute(
            insert(fax_jobs)
            .values(
                outbox=delivery,
                carrier=carrier,
                reference=reference,
                number=number,
                pages=pages,
                opened_at=at,
                status="",
            )
            .returning(fax_jobs)
        ).one()
        return _job(row)

    def get(self, id: int, *, lock: bool = False) -> FaxJob | None:
        query = select(fax_jobs).where(fax_jobs.c.id == id)
        return self._one(query.with_for_update() if lock else query)

    def named(self, reference: str) -> FaxJob | None:
        return self._one(select(fax_jobs).where(fax_jobs.c.reference == reference))

    def latest(self, delivery: DeliveryId) -> FaxJob | None:
        query = select(fax_jobs).where(fax_jobs.c.outbox == delivery)
        return self._one(query.order_by(fax_jobs.c.id.desc()).limit(1))

    def taken(self, id: int, provider_ref: str, status: str) -> None:
        self._set(fax_jobs.c.id == id, provider_ref=provider_ref, status=status)

    def note(self, id: int, status: str) -> None:
        self._set(and_(fax_jobs.c.id == id, _OPEN), status=status)

    def close(self, id: int, end: CallEnd, status: str, *, at: datetime) -> bool:
        return self._set(and_(fax_jobs.c.id == id, _OPEN), closed_at=at, ended=end.value, status=status)

    def fetch(self, id: int, at: datetime) -> bool:
        return self._set(and_(fax_jobs.c.id == id, _OPEN, fax_jobs.c.fetched_at.is_(None)), fetched_at=at)

    def calls(self, delivery: DeliveryId) -> list[Call]:
        rows = self._connection.execute(
            select(fax_jobs.c.opened_at, fax_jobs.c.ended)
            .where(fax_jobs.c.outbox == delivery, fax_jobs.c.ended.is_not(None))
            .order_by(fax_jobs.c.id)
        )
        return [Call(at=row.opened_at, end=CallEnd(row.ended)) for row in rows]

    def lines_in_use(
        self, numbers: Iterable[str], *, besides: Iterable[DeliveryId], since: datetime
    ) -> set[str]:
        wanted, own = list(numbers), list(besides)
        called = select(fax_jobs.c.number).where(
            _OPEN,
            fax_jobs.c.number.in_(wanted),
            fax_jobs.c.opened_at >= since,
            fax_jobs.c.outbox.not_in(own),
        )
        about_to_be = select(outbox.c.recipient).where(
            on_the_wire(self._connection.dialect.name),
            _FAX,
            outbox.c.recipient.in_(wanted),
            outbox.c.id.not_in(own),
        )
        return {
            number
            for query in (called, about_to_be)
            for number in self._connection.scalars(query)
            if number is not None
        }

    def to_ask(self, carrier: str, *, now: datetime, asked_before: datetime, limit: int) -> list[FaxJob]:
        # From the few open jobs to their rows, never from the many rows that were accepted.
        with_carrier = exists().where(
            outbox.c.id == fax_jobs.c.outbox, outbox.c.state == DeliveryState.ACCEPTED.value
        )
        ready = (
            select(fax_jobs.c.id)
            .where(
                _OPEN,
                fax_jobs.c.carrier == carrier,
                or_(fax_jobs.c.asked_at.is_(None), fax_jobs.c.asked_at <= asked_before),
                with_carrier,
            )
            .order_by(fax_jobs.c.asked_at, fax_jobs.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("ready")
        )
        rows = self._connection.execute(
            update(fax_jobs)
            .where(fax_jobs.c.id.in_(select(ready.c.id)))
            .values(asked_at=now)
            .returning(fax_jobs)
        )
        return sorted((_job(row) for row in rows), key=lambda job: job.id)

    def doubtful(self, limit: int) -> list[DeliveryId]:
        query = (
            select(outbox.c.id)
            .where(outbox.c.awaits == DeliveryState.IN_DOUBT.value, _FAX)
            .order_by(outbox.c.moved_at.desc())
            .limit(limit)
        )
        return [DeliveryId(id) for id in self._connection.scalars(query)]

    def known_refs(self, number: str, since: datetime) -> frozenset[str]:
        query = select(fax_jobs.c.provider_ref).where(
            fax_jobs.c.number == number,
            fax_jobs.c.opened_at >= since,
            fax_jobs.c.provider_ref.is_not(None),
        )
        return frozenset(ref for ref in self._connection.scalars(query) if ref is not None)

    def add_attempt(self, delivery: DeliveryId, attempt: Attempt) -> None:
        outcome = attempt.outcome
        self._connection.execute(
            insert(attempts).values(
                outbox=delivery,
                at=attempt.at,
                ended_at=attempt.ended_at,
                outcome=outcome.kind.value,
                code=outcome.code,
                enhanced_code=outcome.enhanced_code,
                reply=outcome.reply,
                provider_ref=outcome.provider_ref,
            )
        )

    def _set(self, which: Any, **values: Any) -> bool:
        return self._connection.execute(update(fax_jobs).where(which).values(**values)).rowcount > 0

    def _one(self, query: Any) -> FaxJob | None:
        row = self._connection.execute(query).first()
        return None if row is None else _job(row)


def _job(row: Row[Any]) -> FaxJob:
    return FaxJob(
        id=row.id,
        delivery=DeliveryId(row.outbox),
        carrier=row.carrier,
        reference=row.reference,
        number=row.number,
        pages=row.pages,
        opened_at=row.opened_at,
        provider_ref=row.provider_ref,
        status=row.status,
        fetched_at=row.fetched_at,
        closed_at=row.closed_at,
    )
