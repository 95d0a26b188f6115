"""What couriers do with the queue: take what is due, settle, and recover what another one left."""

import builtins
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert, Update, bindparam, func, insert, select, update

from dispatcher.adapters.database.bulk import as_value, insert_rows, listed
from dispatcher.adapters.database.delivery_log import read_deliveries
from dispatcher.adapters.database.lease_table import Lease, LeaseTable
from dispatcher.adapters.database.move_log import MoveLog, marks
from dispatcher.adapters.database.queue_table import (
    DELIVERY,
    LETTER,
    NOTICE,
    ON_THE_WIRE,
    QUEUED,
    STATE,
    QueueTable,
    on_the_wire,
)
from dispatcher.adapters.database.schema import attempts, outbox
from dispatcher.domain.delivery import LIVE, Delivery, DeliveryId, DeliveryState, Notice, check_delivery_move
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Attempt, OutcomeKind
from dispatcher.services.store import Claimed, Settlement

_S = DeliveryState
_ATTEMPT = ("outbox", "at", "ended_at", "outcome", "code", "enhanced_code", "reply", "provider_ref")
# Letters that the relay has answered alike, from which on one statement for all of them is quicker.
_WORTH_A_STATEMENT = 16


class CourierQueue(MoveLog):
    def due(self, *, notices: bool, now: datetime, limit: int) -> list[Claimed]:
        kind = NOTICE if notices else LETTER
        return _claimed(QueueTable(self._connection).due(kind=kind, now=now, limit=limit))

    def start(
        self, ids: Sequence[DeliveryId], *, courier: str, lease: str, until: datetime, at: datetime
    ) -> set[DeliveryId]:
        # A pause that was set between two statements of this transaction keeps some from starting.
        taken = QueueTable(self._connection).leave(ids, unless_paused=True)
        if taken:
            LeaseTable(self._connection).take(
                lease, courier, [id for id in ids if id in taken], since=at, until=until
            )
        return taken

    def postpone(self, due: Mapping[DeliveryId, datetime]) -> None:
        if due:
            QueueTable(self._connection).set_due(due)
            self._connection.execute(
                update(outbox).where(outbox.c.id == bindparam("row"), QUEUED).values(due_at=bindparam("due")),
                [{"row": id, "due": due_at} for id, due_at in due.items()],
            )

    def hand_back(self, ids: Sequence[DeliveryId], *, lease: str, at: datetime, by: str, reason: str) -> None:
        held = LeaseTable(self._connection).get(lease, lock=True)
        mine = self._standing(ids, lease, held)
        unbegun = [id for id, state in mine.items() if state is _S.SENDING]
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(listed(self._engine)))
            .values(reason=reason, moved_at=at, lease=None),
            {"ids": as_value(self._connection, unbegun)},
        )
        QueueTable(self._connection).enter(unbegun)
        self._write_moves([(id, _S.SENDING, _S.QUEUED, reason) for id in unbegun], at=at, by=by)

    def accept(
        self, attempts_made: Mapping[DeliveryId, Attempt], *, lease: str, at: datetime, by: str
    ) -> set[DeliveryId]:
        ids = list(attempts_made)
        held = LeaseTable(self._connection).get(lease, lock=True)
        whole = False
        if held is not None and held.deliveries.issuperset(ids):
            with self._connection.begin_nested() as undo:
                if whole := self._accept(ids, attempts_made, at) == len(ids):
                    self._write_same_move(ids, _S.SENDING, _S.ACCEPTED, at=at, by=by)
                else:
                    undo.rollback()
        taken = ids if whole else self._accept_what_is_left(attempts_made, lease, held, at, by)
        self._write_attempts([(id, attempts_made[id]) for id in taken])
        return set(taken)

    def _accept(self, ids: Sequence[DeliveryId], made: Mapping[DeliveryId, Attempt], at: datetime) -> int:
        """Of what is on the wire under one lease, all of which was begun together."""
        if not ids:
            return 0
        values = {"ids": as_value(self._connection, ids), "begun": made[ids[0]].at, "at": at}
        return self._connection.execute(_accept(self._engine), values).rowcount

    def _accept_what_is_left(
        self,
        made: Mapping[DeliveryId, Attempt],
        lease: str,
        held: Lease | None,
        at: datetime,
        by: str,
    ) -> list[DeliveryId]:
        """Some are not this lease's any more, or are in doubt already."""
        standing = self._standing(list(made), lease, held)
        by_state = {
            old: [id for id, state in standing.items() if state is old] for old in (_S.SENDING, _S.IN_DOUBT)
        }
        self._accept(by_state[_S.SENDING], made, at)
        doubtful = {"ids": as_value(self._connection, by_state[_S.IN_DOUBT]), "at": at}
        self._connection.execute(_accept_late(self._engine), doubtful)
        for old, ids in by_state.items():
            self._write_same_move(ids, old, _S.ACCEPTED, at=at, by=by)
        return list(standing)

    def settle(self, results: Sequence[Settlement], *, at: datetime, by: str) -> set[DeliveryId]:
        standing: dict[DeliveryId, DeliveryState] = {}
        for lease in sorted({result.lease for result in results}):
            ids = [result.delivery for result in results if result.lease == lease]
            held = LeaseTable(self._connection).get(lease, lock=True)
            standing |= self._standing(ids, lease, held)
        # What is in doubt already (its lease ran out meanwhile) and has no better answer stays as it is.
        settled = [
            result
            for result in results
            if result.delivery in standing and (result.new, standing[result.delivery]) != (_S.IN_DOUBT,) * 2
        ]
        if not settled:
            return set()
        for new, old in {(result.new, standing[result.delivery]) for result in settled}:
            check_delivery_move(old, new)
        self._settle_one_by_one(settled, standing, at)
        again = [result.delivery for result in settled if result.new is _S.QUEUED]
        QueueTable(self._connection).enter(again)
        self._write_attempts([(r.delivery, r.attempt) for r in settled if r.attempt is not None])
        self._write_moves(
            [(r.delivery, standing[r.delivery], r.new, r.reason) for r in settled], at=at, by=by
        )
        return {result.delivery for result in settled}

    def _settle_one_by_one(
        self, results: Sequence[Settlement], standing: Mapping[DeliveryId, DeliveryState], at: datetime
    ) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"))
            .values(
                state=bindparam("new"),
                live=bindparam("still_live"),
                awaits=bindparam("waits"),
                reason=bindparam("why"),
                due_at=func.coalesce(bindparam("due", type_=outbox.c.due_at.type), outbox.c.due_at),
                tries=outbox.c.tries + bindparam("more", type_=outbox.c.tries.type),
                first_try_at=func.coalesce(
                    outbox.c.first_try_at, bindparam("begun", type_=outbox.c.first_try_at.type)
                ),
                lease=bindparam("kept_lease"),
                moved_at=at,
            ),
            [
                {
                    "row": result.delivery,
                    "new": result.new.value,
                    "still_live": result.new in LIVE,
                    "waits": marks(result.new)["awaits"],
                    "why": result.reason,
                    "due": result.due_at,
                    # A try counts when it ends, unless the relay was at fault: then it was none of the letter's own.
                    "more": (standing[result.delivery] is _S.SENDING)
                    - (result.attempt is not None and result.attempt.outcome.relay),
                    "begun": result.attempt and result.attempt.at,
                    # A row in doubt keeps its lease, so that the late answer of the same try can still settle it.
                    "kept_lease": result.lease if result.new is _S.IN_DOUBT else None,
                }
                for result in results
            ],
        )

    def _standing(
        self, ids: Sequence[DeliveryId], lease: str, held: Lease | None
    ) -> dict[DeliveryId, DeliveryState]:
        """The rows that this lease, which is locked, may still settle, locked."""
        mine = held.deliveries if held is not None else frozenset()
        rows = self._connection.execute(_standing(self._engine), {"ids": as_value(self._connection, ids)})
        found = {}
        for id, state, kept in rows:
            if (state == _S.SENDING.value and id in mine) or (state == _S.IN_DOUBT.value and kept == lease):
                found[DeliveryId(id)] = _S(state)
        return found

    def of_lease(self, lease: str) -> list[Delivery]:
        held = LeaseTable(self._connection).get(lease)
        ids = {"ids": as_value(self._connection, sorted(held.deliveries) if held is not None else [])}
        going = select(*DELIVERY).where(outbox.c.id.in_(listed(self._engine)), ON_THE_WIRE).params(ids)
        # A row in doubt keeps its lease for the late answer, also after the lease has ended.
        in_doubt = outbox.c.awaits == _S.IN_DOUBT.value
        # Few are in doubt where thousands wait, and SQLite knows only how many rows a state has on the average.
        doubtful = func.unlikely(in_doubt) if self._engine == "sqlite" else in_doubt
        late = select(*DELIVERY).where(outbox.c.lease == lease, doubtful)
        found = [row for query in (going, late) for row in read_deliveries(self._connection, query)]
        return sorted(found, key=lambda row: row.id)

    def recover(self, *, now: datetime, dead: Sequence[str], by: str) -> int:
        table = LeaseTable(self._connection)
        over = table.ended(now=now, dead=dead)
        count = 0
        for lease in over:
            gone = list(
                self._connection.scalars(
                    _give_up(self._engine),
                    {
                        "ids": as_value(self._connection, sorted(lease.deliveries)),
                        "held": lease.name,
                        "begun": lease.since,
                        "at": now,
                    },
                )
            )
            self._write_moves([(id, _S.SENDING, _S.IN_DOUBT, _GONE) for id in gone], at=now, by=by)
            count += len(gone)
        table.give_up([lease.name for lease in over])
        return count

    def renew(self, courier: str, until: datetime) -> None:
        LeaseTable(self._connection).renew(courier, until)

    def finish(self, leases: Sequence[str]) -> None:
        LeaseTable(self._connection).give_up(leases)

    def under_way(self) -> int:
        query = select(func.count()).select_from(outbox).where(on_the_wire(self._engine))
        return self._connection.execute(query).scalar_one()

    @property
    def _engine(self) -> str:
        return self._connection.dialect.name

    def _write_attempts(self, made: Sequence[tuple[DeliveryId, Attempt]]) -> None:
        """Where the relay says the same to many letters, their attempts are one thing, and what they have in common is
        written by one statement."""
        same: dict[int, tuple[Attempt, list[DeliveryId]]] = {}
        for id, attempt in made:
            if (key := builtins.id(attempt)) in same:
                same[key][1].append(id)
            else:
                same[key] = attempt, [id]
        single = []
        for attempt, ids in same.values():
            if len(ids) < _WORTH_A_STATEMENT:
                single += [_attempt_row(id, attempt) for id in ids]
                continue
            values = dict(zip(_ATTEMPT[1:], _attempt_row(ids[0], attempt)[1:], strict=True))
            statement = _same_attempt(self._engine)
            self._connection.execute(statement, {"ids": as_value(self._connection, ids), **values})
        insert_rows(self._connection, attempts, _ATTEMPT, single)


@cache
def _same_attempt(engine: str) -> Insert:
    row = listed(engine).subquery()
    columns = [attempts.c[name] for name in _ATTEMPT[1:]]
    values = (bindparam(column.name, type_=column.type) for column in columns)
    return insert(attempts).from_select(_ATTEMPT, select(row.c.id, *values))


_GONE = "courier_gone"
# A try counts when it ends.
_ONE_MORE = {
    "tries": outbox.c.tries + 1,
    "first_try_at": func.coalesce(
        outbox.c.first_try_at, bindparam("begun", type_=outbox.c.first_try_at.type)
    ),
    "moved_at": bindparam("at", type_=outbox.c.moved_at.type),
}


@cache
def _accept(engine: str) -> Update:
    return (
        update(outbox)
        .where(outbox.c.id.in_(listed(engine)), QUEUED)
        .values(state=_S.ACCEPTED.value, reason=None, **_ONE_MORE)
    )


@cache
def _accept_late(engine: str) -> Update:
    return (
        update(outbox)
        .where(outbox.c.id.in_(listed(engine)))
        .values(**marks(_S.ACCEPTED), reason=None, moved_at=_ONE_MORE["moved_at"])
    )


@cache
def _give_up(engine: str) -> Any:
    return (
        update(outbox)
        .where(outbox.c.id.in_(listed(engine)), ON_THE_WIRE)
        .values(**marks(_S.IN_DOUBT), reason=_GONE, lease=bindparam("held"), **_ONE_MORE)
        .returning(outbox.c.id)
    )


@cache
def _standing(engine: str) -> Any:
    states = [_S.QUEUED.value, _S.IN_DOUBT.value]
    return (
        select(outbox.c.id, STATE, outbox.c.lease)
        .where(outbox.c.id.in_(listed(engine)), outbox.c.state.in_(states))
        .with_for_update(of=outbox)
    )


def by_courier(courier: str) -> str:
    """How a courier signs the log."""
    return f"courier {courier[:8]}"


def _claimed(rows: Sequence[Any]) -> list[Claimed]:
    make = Claimed._make  # half the time of a call of the class
    return [
        make((
            id, letter, campaign, notice and _NOTICES[notice], mission, channel and _CHANNELS[channel],
            recipient, rendering, any_hour == 1,
        ))
        for id, letter, campaign, notice, mission, channel, recipient, rendering, any_hour in rows
    ]  # fmt: skip


# An Enum's call, or its `value`, takes five times as long.
_NOTICES = {notice.value: notice for notice in Notice}
_CHANNELS = {channel.value: channel for channel in Channel}
_KINDS = {kind: kind.value for kind in OutcomeKind}


def _attempt_row(delivery: DeliveryId, attempt: Attempt) -> tuple[Any, ...]:
    outcome = attempt.outcome
    return (
        delivery,
        attempt.at,
        attempt.ended_at,
        _KINDS[outcome.kind],
        outcome.code,
        outcome.enhanced_code,
        outcome.reply,
        outcome.provider_ref,
    )
