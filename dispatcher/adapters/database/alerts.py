"""When organizers were last told of each kind of trouble, and what the next hops said lately."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from dispatcher.adapters.database.schema import alerts, attempts, outbox
from dispatcher.domain.outcome import OutcomeKind


class AlertTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, kind: str, *, at: datetime, told_before: datetime) -> bool:
        mine = alerts.c.kind == kind
        due = update(alerts).where(mine, alerts.c.told_at <= told_before).values(told_at=at)
        if self._connection.execute(due).rowcount:
            return True
        if self._connection.execute(select(alerts.c.kind).where(mine)).first() is not None:
            return False
        self._connection.execute(insert(alerts).values(kind=kind, told_at=at))
        return True

    def answers_since(self, at: datetime, limit: int) -> Sequence[OutcomeKind]:
        """By key, so that a long log is not read."""
        newest = (
            select(attempts.c.outbox, attempts.c.outcome, attempts.c.ended_at)
            .order_by(attempts.c.id.desc())
            .limit(limit)
            .subquery()
        )
        rows = self._connection.scalars(
            select(newest.c.outcome)
            .join(outbox, outbox.c.id == newest.c.outbox)
            .where(newest.c.ended_at >= at, outbox.c.kind == "letter")
        )
        return [OutcomeKind(outcome) for outcome in rows]
