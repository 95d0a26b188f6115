"""The questions of the health pages."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Connection, Float, case, cast, func, literal, select, text, type_coerce

from dispatcher.adapters.database.migrate import NEWEST
from dispatcher.adapters.database.queue_table import LETTER, NOTICE, QueueTable, on_the_wire
from dispatcher.adapters.database.schema import attempts, outbox, queue
from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.vitals import Answers

_S = DeliveryState
_MICROSECONDS = 1_000_000


class VitalsQueries:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_migrated(self) -> bool:
        return self._connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == NEWEST

    def waiting(self) -> dict[tuple[str, str], int]:
        # What has arrived only grows, and counting it would read the whole outbox.
        awaited = (
            select(outbox.c.kind, outbox.c.awaits, func.count())
            .where(outbox.c.awaits.is_not(None))
            .group_by(outbox.c.awaits, outbox.c.kind)
        )
        queued = select(queue.c.kind, literal(_S.QUEUED.value), func.count()).group_by(queue.c.kind)
        going = (
            select(outbox.c.kind, literal(_S.SENDING.value), func.count())
            .where(on_the_wire(self._connection.dialect.name))
            .group_by(outbox.c.kind)
        )
        rows = [row for query in (awaited, queued, going) for row in self._connection.execute(query)]
        return {(kind, state): count for kind, state, count in rows}

    def oldest_due(self) -> dict[str, datetime]:
        table = QueueTable(self._connection)
        first = {kind: table.next_due(kind) for kind in (LETTER, NOTICE)}
        return {kind: due for kind, due in first.items() if due is not None}

    def answers(self, after: int, upto: int, bounds: Sequence[int]) -> list[Answers]:
        waited = type_coerce(attempts.c.ended_at, BigInteger) - type_coerce(outbox.c.due_at, BigInteger)
        slot = case(
            *((waited <= bound * _MICROSECONDS, place) for place, bound in enumerate(bounds)),
            else_=len(bounds),
        )
        # Not before its time: a clock that was set back in between makes no negative seconds.
        seconds = func.sum(cast(case((waited > 0, waited), else_=0), Float)) / _MICROSECONDS
        query = (
            select(outbox.c.kind, attempts.c.outcome, slot, func.count(), seconds)
            .join(outbox, outbox.c.id == attempts.c.outbox)
            .where(attempts.c.id > after, attempts.c.id <= upto)
            .group_by(outbox.c.kind, attempts.c.outcome, slot)
        )
        return [Answers(*row) for row in self._connection.execute(query)]
