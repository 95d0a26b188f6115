"""Every change of a delivery's state, and its row in `moves`, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, and_, bindparam, insert, select, update

from dispatcher.adapters.database.bulk import as_value, insert_rows, listed
from dispatcher.adapters.database.queue_table import QueueTable
from dispatcher.adapters.database.schema import moves, outbox
from dispatcher.domain.delivery import (
    AWAITED,
    LIVE,
    UNLOGGED,
    DeliveryId,
    DeliveryState,
    as_logged,
    check_delivery_move,
)

_DELIVERY = "delivery"
_COLUMNS = ("subject", "subject_id", "old", "new", "reason", "note", "by", "at")
_S = DeliveryState
Step = tuple[DeliveryId, DeliveryState | None, DeliveryState, str | None]


def marks(state: DeliveryState) -> dict[str, Any]:
    """A delivery's state and what stands beside it for the indexes; set together wherever a state is set."""
    awaits = state.value if state in AWAITED else None
    # What is on the wire stands as queued, and is not in the line.
    written = _S.QUEUED if state is _S.SENDING else state
    return {"state": written.value, "live": state in LIVE, "awaits": awaits}


class MoveLog:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _change(
        self,
        old: DeliveryState,
        condition: Any,
        new: DeliveryState,
        *,
        reason: str | None,
        at: datetime,
        by: str,
    ) -> int:
        """Moves every row in `old`, which is queued or held, that meets the condition."""
        check_delivery_move(old, new)
        queue = QueueTable(self._connection)
        mine = (
            outbox.c.id.in_(queue.leave_where(condition))
            if old is _S.QUEUED
            else and_(outbox.c.awaits == old.value, condition)
        )
        values = {**marks(new), "reason": reason, "moved_at": at, "lease": None}
        found = self._connection.scalars(update(outbox).where(mine).values(**values).returning(outbox.c.id))
        changed = [DeliveryId(id) for id in found]
        if new is _S.QUEUED:
            queue.enter(changed)
        self._write_moves([(id, old, new, reason) for id in changed], at=at, by=by)
        return len(changed)

    def _write_moves(self, steps: Sequence[Step], *, at: datetime, by: str, note: str | None = None) -> None:
        insert_rows(
            self._connection,
            moves,
            _COLUMNS,
            [
                (
                    _DELIVERY,
                    id,
                    None if old is None else as_logged(old).value,
                    new.value,
                    reason,
                    note,
                    by,
                    at,
                )
                for id, old, new, reason in steps
                if new not in UNLOGGED
            ],
        )

    def _write_same_move(
        self, ids: Sequence[DeliveryId], old: DeliveryState, new: DeliveryState, *, at: datetime, by: str
    ) -> None:
        """As `_write_moves`, for many rows that take the same step, without a reason."""
        write_same_move(self._connection, _DELIVERY, ids, as_logged(old).value, new.value, at=at, by=by)


def write_same_move(
    connection: Connection, subject: str, ids: Sequence[int], old: str, new: str, *, at: datetime, by: str
) -> None:
    """Log rows of many letters or deliveries that take the same step: in one statement, nothing for each row."""
    if ids:
        values = {"subject": subject, "old": old, "new": new, "by": by, "at": at}
        connection.execute(_same_move(connection.dialect.name), {"ids": as_value(connection, ids), **values})


@cache
def _same_move(engine: str) -> Insert:
    row = listed(engine).subquery()
    columns = [moves.c[name] for name in ("subject", "old", "new", "by", "at")]
    return insert(moves).from_select(
        ["subject_id", *(each.name for each in columns)],
        select(row.c.id, *(bindparam(each.name, type_=each.type) for each in columns)),
    )
