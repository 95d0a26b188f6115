"""The line of what waits to be sent: a row for each queued delivery, which whoever takes the delivery deletes.

It is an index of the outbox that is kept as a table, with all that a courier needs of a delivery. In the outbox a delivery
stands as queued until its answer, as in the log; so going onto the wire costs one deleted row here, and "accepted" one row
there that is written in place. What stands as queued and is not in this line is on the wire, under the one lease that names
it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    FromClause,
    Insert,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningDelete

from dispatcher.adapters.database.bulk import as_value, fetched, listed
from dispatcher.adapters.database.lease_table import LeaseTable, all_held
from dispatcher.adapters.database.schema import outbox, pauses, queue
from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import Claimed

LETTER, NOTICE = "letter", "notice"

# Of the outbox; under a name of its own, for queries that have the line beside it.
_place = queue.alias("place")
IN_LINE = exists().where(_place.c.delivery == outbox.c.id)
QUEUED = outbox.c.state == DeliveryState.QUEUED.value
ON_THE_WIRE = and_(QUEUED, ~IN_LINE)
# The state as everybody else knows it.
STATE = case((ON_THE_WIRE, DeliveryState.SENDING.value), else_=outbox.c.state).label("state")
DELIVERY = tuple(STATE if column is outbox.c.state else column for column in outbox.c)


class QueueTable:
    """Whoever wants rows of the line and of the outbox locks those of the line first: so two never wait for each other."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._engine = connection.dialect.name

    def enter(self, ids: Sequence[DeliveryId]) -> None:
        """Those that have just been written as queued. No lease names them any more."""
        if ids:
            LeaseTable(self._connection).strike(ids)
            self._connection.execute(_enter(self._engine), {"ids": as_value(self._connection, ids)})

    def leave(self, ids: Sequence[DeliveryId], *, unless_paused: bool = False) -> set[DeliveryId]:
        """Takes these out, and answers which of them were in it: their fate is the caller's. unless_paused: those that a
        pause covers stay."""
        if not ids:
            return set()
        value = as_value(self._connection, ids)
        return {id for (id,) in fetched(self._connection, _leave(self._engine, unless_paused), ids=value)}

    def leave_where(self, condition: Any) -> list[DeliveryId]:
        """As `leave`, by a condition on the outbox."""
        found = select(queue.c.delivery).join(outbox, outbox.c.id == queue.c.delivery).where(condition)
        taken = delete(queue).where(queue.c.delivery.in_(found)).returning(queue.c.delivery)
        return [DeliveryId(id) for id in self._connection.scalars(taken)]

    def hold_where(self, condition: Any) -> None:
        """No courier takes those that are in the line, by a condition on the outbox, until the transaction ends."""
        if self._engine != "sqlite":  # where nobody else writes meanwhile
            mine = select(outbox.c.id).where(QUEUED, condition)
            self._connection.execute(
                select(queue.c.delivery).where(queue.c.delivery.in_(mine)).with_for_update()
            )

    def due(self, *, kind: str, now: datetime, limit: int) -> Sequence[Any]:
        """The columns of Claimed, as the driver gives them."""
        return fetched(self._connection, _DUE, kind=kind, now=now, limit=limit)

    def next_due(self, kind: str) -> datetime | None:
        due: datetime | None = self._connection.execute(_FIRST_DUE, {"kind": kind}).scalar()
        return due

    def count_from(self, mission: str, at: datetime) -> int:
        mine = and_(queue.c.kind == LETTER, queue.c.mission == mission, queue.c.due_at >= at)
        return self._connection.execute(select(func.count()).select_from(queue).where(mine)).scalar_one()

    def set_due(self, due: Mapping[DeliveryId, datetime], *, any_hour: bool | None = None) -> None:
        """any_hour: None leaves it as it is."""
        if due:
            released = {} if any_hour is None else {"any_hour": any_hour}
            self._connection.execute(
                update(queue)
                .where(queue.c.delivery == bindparam("row"))
                .values(due_at=bindparam("due"), **released),
                [{"row": id, "due": due_at} for id, due_at in due.items()],
            )

    def rendered(self, made: Mapping[DeliveryId, int]) -> None:
        self._connection.execute(
            update(queue)
            .where(queue.c.delivery == bindparam("row"), queue.c.rendering.is_(None))
            .values(rendering=bindparam("made")),
            [{"row": id, "made": rendering} for id, rendering in made.items()],
        )


@cache
def on_the_wire(engine: str) -> Any:
    """Of the outbox: what couriers have. Found by the few leases, never by looking through the outbox."""
    return and_(outbox.c.id.in_(all_held(engine)), ON_THE_WIRE)


def covers(scope: PauseScope, row: FromClause = outbox) -> Any:
    key = {
        PauseScope.ALL: None,
        PauseScope.CAMPAIGN: row.c.campaign,
        PauseScope.MISSION: row.c.mission,
    }[scope]
    return (
        pauses.c.scope == scope.value
        if key is None
        else and_(pauses.c.scope == scope.value, pauses.c.key == key)
    )


def paused(row: FromClause = outbox) -> Any:
    """Whether a pause covers this row. A pause of everything covers notices too; the others only letters."""
    mine = or_(covers(PauseScope.CAMPAIGN, row), covers(PauseScope.MISSION, row))
    return exists().where(or_(covers(PauseScope.ALL, row), and_(row.c.kind == LETTER, mine)))


# What stands beside the delivery is the same in both.
SAME = tuple(column.name for column in queue.c if column is not queue.c.delivery)
_DUE = (
    select(queue.c.delivery.label("id"), *(queue.c[name] for name in Claimed._fields if name != "id"))
    .where(
        queue.c.kind == bindparam("kind"),
        queue.c.due_at <= bindparam("now", type_=queue.c.due_at.type),
        queue.c.rendering.is_not(None),
        ~paused(queue),
    )
    .order_by(queue.c.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(of=queue, skip_locked=True)
)
_FIRST_DUE = select(func.min(queue.c.due_at)).where(queue.c.kind == bindparam("kind"))


@cache
def _enter(engine: str) -> Insert:
    row = select(outbox.c.id, *(outbox.c[name] for name in SAME)).where(outbox.c.id.in_(listed(engine)))
    return insert(queue).from_select(["delivery", *SAME], row)


@cache
def _leave(engine: str, unless_paused: bool) -> ReturningDelete[tuple[int]]:
    mine = delete(queue).where(queue.c.delivery.in_(listed(engine)))
    return (mine.where(~paused(queue)) if unless_paused else mine).returning(queue.c.delivery)
