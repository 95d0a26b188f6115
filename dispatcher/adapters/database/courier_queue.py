"""What couriers do with the queue: take what is due, settle, and recover what another one left."""

import builtins
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert, Integer, Update, and_, bindparam, exists, func, insert, or_, select, update

from dispatcher.adapters.database.bulk import as_value, fetched, insert_rows, listed
from dispatcher.adapters.database.delivery_log import delivery_of
from dispatcher.adapters.database.lease_table import LeaseTable, on_the_wire
from dispatcher.adapters.database.letters import CHUNK
from dispatcher.adapters.database.move_log import MoveLog, marks
from dispatcher.adapters.database.schema import attempts, outbox, pauses
from dispatcher.domain.delivery import LIVE, Delivery, DeliveryId, DeliveryState, Notice, check_delivery_move
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Attempt, OutcomeKind
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import Claimed, Settlement

LETTER, NOTICE = "letter", "notice"
_S = DeliveryState
_ATTEMPT = ("outbox", "at", "ended_at", "outcome", "code", "enhanced_code", "reply", "provider_ref")
# Letters that the relay has answered alike, from which on one statement for all of them is quicker.
_WORTH_A_STATEMENT = 16


class CourierQueue(MoveLog):
    def due(self, *, notices: bool, now: datetime, limit: int) -> list[Claimed]:
        kind = NOTICE if notices else LETTER
        return list(map(_claimed, fetched(self._connection, _DUE, kind=kind, now=now, limit=limit)))

    def start(
        self, ids: Sequence[DeliveryId], *, courier: str, lease: str, until: datetime, at: datetime
    ) -> set[DeliveryId]:
        if not ids:
            return set()
        LeaseTable(self._connection).take(lease, courier, until, ids)
        values = {"ids": as_value(self._connection, ids), "lease": lease, "at": at}
        count = self._connection.execute(_start(self._connection.dialect.name), values).rowcount
        # A pause that was set between two statements of this transaction keeps some from starting.
        return set(ids) if count == len(ids) else {row.id for row in self.of_lease(lease)}

    def postpone(self, due: Mapping[DeliveryId, datetime]) -> None:
        if due:
            self._connection.execute(
                update(outbox)
                .where(outbox.c.id == bindparam("row"), outbox.c.awaits == _S.QUEUED.value)
                .values(due_at=bindparam("due")),
                [{"row": id, "due": due_at} for id, due_at in due.items()],
            )

    def hand_back(self, ids: Sequence[DeliveryId], *, lease: str, at: datetime, by: str, reason: str) -> None:
        mine = and_(outbox.c.id.in_(ids), outbox.c.lease == lease)
        self._change(_S.SENDING, mine, _S.QUEUED, reason=reason, at=at, by=by, drop_lease=True)

    def accept(
        self, attempts_made: Mapping[DeliveryId, Attempt], *, lease: str, at: datetime, by: str
    ) -> set[DeliveryId]:
        ids = list(attempts_made)
        with self._connection.begin_nested() as undo:
            if whole := self._accept(ids, _S.SENDING, lease, at) == len(ids):
                self._write_same_move(ids, _S.SENDING, _S.ACCEPTED, at=at, by=by)
            else:
                undo.rollback()
        taken = ids if whole else self._accept_what_is_left(ids, lease, at, by)
        self._write_attempts([(id, attempts_made[id]) for id in taken])
        return set(taken)

    def _accept(self, ids: Sequence[DeliveryId], old: DeliveryState, lease: str, at: datetime) -> int:
        values = {"ids": as_value(self._connection, ids), "held": lease, "old": old.value, "at": at}
        return self._connection.execute(_accept(self._connection.dialect.name), values).rowcount

    def _accept_what_is_left(
        self, ids: Sequence[DeliveryId], lease: str, at: datetime, by: str
    ) -> list[DeliveryId]:
        """Some are not this lease's any more, or are in doubt already."""
        standing = self._standing(dict.fromkeys(ids, lease))
        for old in (_S.SENDING, _S.IN_DOUBT):
            mine = [id for id, state in standing.items() if state is old]
            self._accept(mine, old, lease, at)
            self._write_same_move(mine, old, _S.ACCEPTED, at=at, by=by)
        return list(standing)

    def settle(self, results: Sequence[Settlement], *, at: datetime, by: str) -> set[DeliveryId]:
        standing = self._standing({result.delivery: result.lease for result in results})
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
        self._settle_one_by_one(settled, at)
        self._write_attempts([(r.delivery, r.attempt) for r in settled if r.attempt is not None])
        self._write_moves(
            [(r.delivery, standing[r.delivery], r.new, r.reason) for r in settled], at=at, by=by
        )
        return {result.delivery for result in settled}

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
            statement = _same_attempt(self._connection.dialect.name)
            self._connection.execute(statement, {"ids": as_value(self._connection, ids), **values})
        insert_rows(self._connection, attempts, _ATTEMPT, single)

    def _settle_one_by_one(self, results: Sequence[Settlement], at: datetime) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"))
            .values(
                state=bindparam("new"),
                live=bindparam("still_live"),
                awaits=bindparam("waits"),
                reason=bindparam("why"),
                due_at=func.coalesce(bindparam("due", type_=outbox.c.due_at.type), outbox.c.due_at),
                tries=outbox.c.tries - bindparam("not_its_own", type_=outbox.c.tries.type),
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
                    # The relay was at fault: this was no try of the letter's own.
                    "not_its_own": int(result.attempt is not None and result.attempt.outcome.relay),
                    # A row in doubt keeps its lease, so that the late answer of the same try can still settle it.
                    "kept_lease": result.lease if result.new is _S.IN_DOUBT else None,
                }
                for result in results
            ],
        )

    def _standing(self, leases: Mapping[DeliveryId, str]) -> dict[DeliveryId, DeliveryState]:
        """The rows that their lease may still settle, locked."""
        rows = self._connection.execute(
            select(outbox.c.id, outbox.c.state, outbox.c.lease)
            .where(
                outbox.c.id.in_(list(leases)),
                outbox.c.state.in_([_S.SENDING.value, _S.IN_DOUBT.value]),
            )
            .with_for_update()
        )
        return {DeliveryId(id): _S(state) for id, state, lease in rows if lease == leases[DeliveryId(id)]}

    def of_lease(self, lease: str) -> list[Delivery]:
        held = LeaseTable(self._connection).held_by(lease)
        found: dict[DeliveryId, Delivery] = {}
        for start in range(0, len(held), CHUNK):
            mine = and_(outbox.c.id.in_(held[start : start + CHUNK]), outbox.c.state == _S.SENDING.value)
            found |= self._of_lease(lease, mine)
        # A row in doubt keeps its lease for the late answer, also after the lease has ended.
        in_doubt = outbox.c.awaits == _S.IN_DOUBT.value
        # Few are in doubt where thousands wait, and SQLite knows only how many rows a state has on the average.
        sqlite = self._connection.dialect.name == "sqlite"
        found |= self._of_lease(lease, func.unlikely(in_doubt) if sqlite else in_doubt)
        return [found[id] for id in sorted(found)]

    def _of_lease(self, lease: str, where: Any) -> dict[DeliveryId, Delivery]:
        rows = self._connection.execute(select(outbox).where(outbox.c.lease == lease, where))
        return {DeliveryId(row.id): delivery_of(row) for row in rows}

    def recover(self, *, now: datetime, dead: Sequence[str], by: str) -> int:
        table = LeaseTable(self._connection)
        over = table.ended(now=now, dead=dead)
        if not over:
            return 0
        gone = and_(outbox.c.lease.in_(over), on_the_wire(self._connection.dialect.name))
        count = self._change(
            _S.SENDING, gone, _S.IN_DOUBT, reason="courier_gone", at=now, by=by, drop_lease=False
        )
        table.give_up(over)
        return count

    def renew(self, courier: str, until: datetime) -> None:
        LeaseTable(self._connection).renew(courier, until)

    def finish(self, leases: Sequence[str]) -> None:
        LeaseTable(self._connection).give_up(leases)

    def under_way(self) -> int:
        mine = on_the_wire(self._connection.dialect.name)
        count: int = self._connection.execute(
            select(func.count()).select_from(outbox).where(mine)
        ).scalar_one()
        return count


@cache
def _start(engine: str) -> Update:
    return (
        update(outbox)
        .where(outbox.c.id.in_(listed(engine)), outbox.c.state == _S.QUEUED.value, ~paused())
        .values(
            state=_S.SENDING.value,
            awaits=None,
            lease=bindparam("lease"),
            tries=outbox.c.tries + 1,
            first_try_at=func.coalesce(outbox.c.first_try_at, bindparam("at", type_=outbox.c.due_at.type)),
            moved_at=bindparam("at", type_=outbox.c.moved_at.type),
        )
    )


@cache
def _same_attempt(engine: str) -> Insert:
    row = listed(engine).subquery()
    columns = [attempts.c[name] for name in _ATTEMPT[1:]]
    values = (bindparam(column.name, type_=column.type) for column in columns)
    return insert(attempts).from_select(_ATTEMPT, select(row.c.id, *values))


@cache
def _accept(engine: str) -> Update:
    return (
        update(outbox)
        .where(
            outbox.c.id.in_(listed(engine)),
            outbox.c.lease == bindparam("held"),
            outbox.c.state == bindparam("old"),
        )
        .values(
            state=_S.ACCEPTED.value,
            awaits=None,
            reason=None,
            moved_at=bindparam("at", type_=outbox.c.moved_at.type),
        )
    )


def by_courier(courier: str) -> str:
    """How a courier signs the log."""
    return f"courier {courier[:8]}"


def covers(scope: PauseScope) -> Any:
    key = {
        PauseScope.ALL: None,
        PauseScope.CAMPAIGN: outbox.c.campaign,
        PauseScope.MISSION: outbox.c.mission,
    }[scope]
    return (
        pauses.c.scope == scope.value
        if key is None
        else and_(pauses.c.scope == scope.value, pauses.c.key == key)
    )


def paused() -> Any:
    """Whether a pause covers this row. A pause of everything covers notices too; the others only letters."""
    mine = or_(covers(PauseScope.CAMPAIGN), covers(PauseScope.MISSION))
    return exists().where(or_(covers(PauseScope.ALL), and_(outbox.c.kind == LETTER, mine)))


_DUE = (
    select(*(outbox.c[name] for name in Claimed._fields))
    .where(
        outbox.c.rendering.is_not(None),
        outbox.c.awaits == _S.QUEUED.value,
        outbox.c.kind == bindparam("kind"),
        outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type),
        ~paused(),
    )
    .order_by(outbox.c.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(of=outbox, skip_locked=True)
)


def _claimed(row: Any) -> Claimed:
    id, letter, campaign, notice, mission, channel, recipient, rendering, any_hour = row
    return Claimed(
        id, letter, campaign, notice and _NOTICES[notice], mission, channel and _CHANNELS[channel], recipient,
        rendering, bool(any_hour),
    )  # fmt: skip


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
