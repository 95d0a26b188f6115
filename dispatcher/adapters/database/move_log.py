"""Every change of a delivery's state, and its row in `moves`, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from dispatcher.adapters.database.bulk import insert_rows
from dispatcher.adapters.database.schema import moves, outbox
from dispatcher.domain.delivery import DeliveryId, DeliveryState, check_delivery_move

_COLUMNS = ("subject", "subject_id", "old", "new", "reason", "note", "by", "at")
Step = tuple[DeliveryId, DeliveryState | None, DeliveryState, str | None]


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
        drop_lease: bool,
    ) -> int:
        """Moves every row in `old` that meets the condition."""
        check_delivery_move(old, new)
        values: dict[str, Any] = {"state": new.value, "reason": reason, "moved_at": at}
        if drop_lease:
            values |= {"lease": None, "lease_until": None, "courier": None}
        changed = self._connection.scalars(
            update(outbox)
            .where(outbox.c.state == old.value, condition)
            .values(**values)
            .returning(outbox.c.id)
        ).all()
        self._write_moves([(DeliveryId(id), old, new, reason) for id in changed], at=at, by=by)
        return len(changed)

    def _write_moves(self, steps: Sequence[Step], *, at: datetime, by: str, note: str | None = None) -> None:
        insert_rows(
            self._connection,
            moves,
            _COLUMNS,
            [
                ("delivery", id, None if old is None else old.value, new.value, reason, note, by, at)
                for id, old, new, reason in steps
            ],
        )
