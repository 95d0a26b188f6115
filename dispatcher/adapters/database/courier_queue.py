"""What couriers do with the queue: claim, start, settle, and recover what another one left."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from dispatcher.adapters.database.bulk import as_value, fetched, insert_rows, listed
from dispatcher.adapters.database.delivery_log import delivery_of
from dispatcher.adapters.database.move_log import MoveLog
from dispatcher.adapters.database.schema import LEASED, OPEN, attempts, outbox, pauses
from dispatcher.domain.delivery import LIVE, Delivery, DeliveryId, DeliveryState, Notice, check_delivery_move
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Attempt
from dispatcher.services.store import Claimed, PauseScope, Settlement

LETTER, NOTICE = "letter", "notice"
_S = DeliveryState
_ATTEMPT = ("outbox", "at", "ended_at", "outcome", "code", "enhanced_code", "reply", "provider_ref")


class CourierQueue(MoveLog):
    def claim(
        self, *, notices: bool, now: datetime, limit: int, courier: str, lease: str, until: datetime
    ) -> list[Claimed]:
        rows = fetched(
            self._connection,
            _claim(LETTER if not notices else NOTICE),
            now=now,
            limit=limit,
            courier=courier,
            lease=lease,
            until=until,
        )
        claimed = [_claimed(row) for row in sorted(rows)]
        self._write_same_move(
            [each.id for each in claimed], _S.QUEUED, _S.LEASED, at=now, by=by_courier(courier)
        )
        return claimed

    def hand_back(
        self,
        due: Mapping[DeliveryId, datetime | None],
        *,
        lease: str,
        at: datetime,
        by: str,
        reason: str,
    ) -> None:
        if not due:
            return
        mine = self._connection.execute(
            select(outbox.c.id, outbox.c.state)
            .where(outbox.c.id.in_(list(due)), outbox.c.lease == lease, _with_courier())
            .with_for_update()
        ).all()
        if not mine:  # withdrawn, or taken up by recovery
            return
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"))
            .values(
                state=_S.QUEUED.value,
                due_at=func.coalesce(bindparam("due", type_=outbox.c.due_at.type), outbox.c.due_at),
                lease=None,
                lease_until=None,
                courier=None,
                moved_at=at,
            ),
            [{"row": row.id, "due": due[DeliveryId(row.id)]} for row in mine],
        )
        self._write_moves(
            [(DeliveryId(row.id), _S(row.state), _S.QUEUED, reason) for row in mine], at=at, by=by
        )

    def start(self, *, lease: str, at: datetime, by: str) -> set[DeliveryId]:
        started = [DeliveryId(id) for (id,) in fetched(self._connection, _START, at=at, held=lease)]
        self._write_same_move(started, _S.LEASED, _S.SENDING, at=at, by=by)
        return set(started)

    def accept(
        self, attempts_made: Mapping[DeliveryId, Attempt], *, lease: str, at: datetime, by: str
    ) -> dict[DeliveryId, LetterId | None]:
        value = as_value(self._connection, list(attempts_made))
        taken: dict[DeliveryId, LetterId | None] = {}
        for old in (_S.SENDING, _S.IN_DOUBT):
            if len(taken) == len(attempts_made):
                break
            statement = _accept(self._connection.dialect.name)
            rows = fetched(self._connection, statement, ids=value, held=lease, old=old.value, at=at)
            moved = {
                DeliveryId(id): LetterId(letter) if kind == LETTER else None for id, letter, kind in rows
            }
            self._write_same_move(list(moved), old, _S.ACCEPTED, at=at, by=by)
            taken |= moved
        self._write_attempts([(id, attempts_made[id]) for id in taken])
        return taken

    def settle(self, results: Sequence[Settlement], *, at: datetime, by: str) -> set[DeliveryId]:
        standing = self._still_leased(results)
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
        insert_rows(self._connection, attempts, _ATTEMPT, [_attempt_row(id, attempt) for id, attempt in made])

    def _settle_one_by_one(self, results: Sequence[Settlement], at: datetime) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"))
            .values(
                state=bindparam("new"),
                live=bindparam("still_live"),
                reason=bindparam("why"),
                due_at=func.coalesce(bindparam("due", type_=outbox.c.due_at.type), outbox.c.due_at),
                tries=outbox.c.tries - bindparam("not_its_own", type_=outbox.c.tries.type),
                lease=bindparam("kept_lease"),
                lease_until=None,
                courier=None,
                moved_at=at,
            ),
            [
                {
                    "row": result.delivery,
                    "new": result.new.value,
                    "still_live": result.new in LIVE,
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

    def _still_leased(self, results: Sequence[Settlement]) -> dict[DeliveryId, DeliveryState]:
        leases = {result.delivery: result.lease for result in results}
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
        rows = self._connection.execute(
            select(outbox).where(outbox.c.lease == lease, LEASED).order_by(outbox.c.id)
        )
        return [delivery_of(row) for row in rows]

    def recover(self, *, now: datetime, dead: Sequence[str], by: str) -> tuple[int, int]:
        gone = and_(LEASED, or_(outbox.c.courier.in_(dead), outbox.c.lease_until < now))
        back = self._change(_S.LEASED, gone, _S.QUEUED, reason="courier_gone", at=now, by=by, drop_lease=True)
        doubt = self._change(
            _S.SENDING, gone, _S.IN_DOUBT, reason="courier_gone", at=now, by=by, drop_lease=False
        )
        return back, doubt

    def renew(self, courier: str, until: datetime) -> None:
        self._connection.execute(
            update(outbox).where(outbox.c.courier == courier, _with_courier()).values(lease_until=until)
        )

    def under_way(self) -> int:
        count: int = self._connection.execute(
            select(func.count()).select_from(outbox).where(_with_courier())
        ).scalar_one()
        return count


@cache
def _claim(kind: str) -> ReturningUpdate[Any]:
    """One statement: the due rows are found, locked and leased at once. The CTE is needed: an inline
    `IN (SELECT .. LIMIT)` may be evaluated more than once by PostgreSQL and lease more than `limit`."""
    ready = (
        select(outbox.c.id)
        .where(
            outbox.c.state == _S.QUEUED.value,
            OPEN,
            outbox.c.kind == kind,
            outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type),
            outbox.c.rendering.is_not(None),
            ~paused(),
        )
        .order_by(outbox.c.due_at)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True)
        .cte("ready")
    )
    return (
        update(outbox)
        .where(outbox.c.id.in_(select(ready.c.id)), outbox.c.state == _S.QUEUED.value)
        .values(
            state=_S.LEASED.value,
            courier=bindparam("courier"),
            lease=bindparam("lease"),
            lease_until=bindparam("until", type_=outbox.c.lease_until.type),
            moved_at=bindparam("now", type_=outbox.c.moved_at.type),
        )
        .returning(*(outbox.c[name] for name in ("due_at", "id", *Claimed._fields[1:])))
    )


@cache
def _accept(engine: str) -> ReturningUpdate[Any]:
    return (
        update(outbox)
        .where(
            outbox.c.id.in_(listed(engine)),
            outbox.c.lease == bindparam("held"),
            outbox.c.state == bindparam("old"),
        )
        .values(
            state=_S.ACCEPTED.value,
            reason=None,
            lease=None,
            lease_until=None,
            courier=None,
            moved_at=bindparam("at", type_=outbox.c.moved_at.type),
        )
        .returning(outbox.c.id, outbox.c.letter, outbox.c.kind)
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


def _with_courier() -> Any:
    return and_(LEASED, outbox.c.state.in_([_S.LEASED.value, _S.SENDING.value]))


_START = (
    update(outbox)
    .where(outbox.c.lease == bindparam("held"), LEASED, outbox.c.state == _S.LEASED.value, ~paused())
    .values(
        state=_S.SENDING.value,
        tries=outbox.c.tries + 1,
        first_try_at=func.coalesce(outbox.c.first_try_at, bindparam("at", type_=outbox.c.due_at.type)),
        moved_at=bindparam("at", type_=outbox.c.moved_at.type),
    )
    .returning(outbox.c.id)
)


def _claimed(row: Any) -> Claimed:
    _, id, letter, campaign, notice, mission, channel, recipient, rendering, any_hour = row
    return Claimed(
        id, letter, campaign, notice and _NOTICES[notice], mission, channel and _CHANNELS[channel], recipient,
        rendering, bool(any_hour),
    )  # fmt: skip


# An Enum's call looks its member up five times as slowly.
_NOTICES = {notice.value: notice for notice in Notice}
_CHANNELS = {channel.value: channel for channel in Channel}


def _attempt_row(delivery: DeliveryId, attempt: Attempt) -> tuple[Any, ...]:
    outcome = attempt.outcome
    return (
        delivery,
        attempt.at,
        attempt.ended_at,
        outcome.kind.value,
        outcome.code,
        outcome.enhanced_code,
        outcome.reply,
        outcome.provider_ref,
    )
