"""The outbox as the delivery log: what organizers search, filter and count."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from dispatcher.adapters.database.lease_table import Lease, LeaseTable
from dispatcher.adapters.database.letters import CHUNK
from dispatcher.adapters.database.queue_table import DELIVERY, IN_LINE, ON_THE_WIRE, STATE
from dispatcher.adapters.database.schema import attempts, moves, outbox
from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState, Move, Notice
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import Channel, MissionId
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.services.store import LogFilter, LogRow


class DeliveryLog:
    def __init__(self, connection: Connection) -> None:
        self._reader = connection

    def log(self, which: LogFilter, *, limit: int | None = None, offset: int = 0) -> list[LogRow]:
        query = _filtered(select(*DELIVERY), which).order_by(outbox.c.due_at, outbox.c.id)
        rows = read_deliveries(self._reader, query.limit(limit).offset(offset))
        tries = self._attempts([row.id for row in rows])
        return [LogRow(delivery=row, attempts=tuple(tries.get(row.id, ()))) for row in rows]

    def count(self, which: LogFilter) -> int:
        count: int = self._reader.execute(
            _filtered(select(func.count()).select_from(outbox), which)
        ).scalar_one()
        return count

    def totals(self, campaign: CampaignId | None = None) -> dict[DeliveryState, int]:
        query = select(STATE, func.count()).where(outbox.c.kind == "letter").group_by(STATE)
        if campaign is not None:
            query = query.where(outbox.c.campaign == campaign)
        return {DeliveryState(state): count for state, count in self._reader.execute(query)}

    def moves(self, id: DeliveryId) -> list[Move]:
        rows = self._reader.execute(
            select(moves).where(moves.c.subject == "delivery", moves.c.subject_id == id).order_by(moves.c.id)
        )
        return [
            Move(old=row.old, new=row.new, reason=row.reason, note=row.note, by=row.by, at=row.at)
            for row in rows
        ]

    def has_mailroom_deliveries(self) -> bool:
        query = select(attempts.c.id).where(attempts.c.provider_ref.startswith("mailroom/")).limit(1)
        return self._reader.execute(query).first() is not None

    def _attempts(self, ids: list[DeliveryId]) -> dict[DeliveryId, list[Attempt]]:
        found: dict[DeliveryId, list[Attempt]] = {}
        for start in range(0, len(ids), CHUNK):
            rows = self._reader.execute(
                select(attempts)
                .where(attempts.c.outbox.in_(ids[start : start + CHUNK]))
                .order_by(attempts.c.id)
            )
            for row in rows:
                found.setdefault(DeliveryId(row.outbox), []).append(_attempt(row))
        return found


def read_deliveries(connection: Connection, query: Select[Any]) -> list[Delivery]:
    """query: of the columns DELIVERY."""
    found = [_delivery(row) for row in connection.execute(query)]
    if any(row.state is DeliveryState.SENDING for row in found):
        held = {id: lease for lease in LeaseTable(connection).all() for id in lease.deliveries}
        found = [_with_its_try(row, held.get(row.id)) for row in found]
    return found


def _with_its_try(row: Delivery, lease: Lease | None) -> Delivery:
    """What the outbox is told of a try only when it ends stands in the lease until then."""
    if row.state is not DeliveryState.SENDING or lease is None:
        return row
    return replace(
        row,
        lease=lease.name,
        tries=row.tries + 1,
        first_try_at=row.first_try_at or lease.since,
        moved_at=lease.since,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=DeliveryId(row.id),
        letter=LetterId(row.letter),
        campaign=CampaignId(row.campaign),
        state=DeliveryState(row.state),
        notice=Notice(row.notice) if row.notice else None,
        mission=MissionId(row.mission) if row.mission else None,
        channel=Channel(row.channel) if row.channel else None,
        recipient=row.recipient,
        reason=row.reason,
        due_at=row.due_at,
        message_id=row.message_id,
        rendering=row.rendering,
        tries=row.tries,
        first_try_at=row.first_try_at,
        any_hour=row.any_hour,
        lease=row.lease,
        moved_at=row.moved_at,
    )


def _filtered(query: Select[Any], which: LogFilter) -> Select[Any]:
    if not which.notices:
        query = query.where(outbox.c.kind == "letter")
    if which.state is DeliveryState.SENDING:
        query = query.where(ON_THE_WIRE)
    elif which.state is not None:
        query = query.where(outbox.c.state == which.state.value)
        if which.state is DeliveryState.QUEUED:
            query = query.where(IN_LINE)
    if which.mission is not None:
        query = query.where(outbox.c.mission == which.mission)
    if which.channel is not None:
        query = query.where(outbox.c.channel == which.channel.value)
    if which.letter is not None:
        query = query.where(outbox.c.letter == which.letter)
    if which.campaign is not None:
        query = query.where(outbox.c.campaign == which.campaign)
    if which.text:
        needle = which.text.strip().lower()
        query = query.where(
            or_(
                func.lower(outbox.c.recipient).contains(needle, autoescape=True),
                outbox.c.mission.contains(needle, autoescape=True),
                outbox.c.message_id.contains(needle, autoescape=True),
            )
        )
    return query


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        at=row.at,
        ended_at=row.ended_at,
        outcome=Outcome(
            kind=OutcomeKind(row.outcome),
            code=row.code,
            enhanced_code=row.enhanced_code,
            reply=row.reply or "",
            provider_ref=row.provider_ref,
        ),
    )
