"""The queue: claim, start, settle. Every change of state writes its row in `moves` in the same transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, update

from dispatcher.adapters.database.delivery_log import DeliveryLog, delivery_of
from dispatcher.adapters.database.letters import CHUNK
from dispatcher.adapters.database.schema import attempts, moves, outbox, pauses, renderings
from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import (
    PAUSES,
    Delivery,
    DeliveryId,
    DeliveryState,
    HoldReason,
    NewDelivery,
    check_delivery_move,
)
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import Channel, MissionId
from dispatcher.services.stationery import Rendered
from dispatcher.services.store import PauseScope, Settlement

_LETTER, _NOTICE = "letter", "notice"
_S = DeliveryState


class OutboxTable(DeliveryLog):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._connection = connection

    def add(self, deliveries: Sequence[NewDelivery], *, at: datetime, by: str) -> list[DeliveryId]:
        if not deliveries:
            return []
        ids = [
            DeliveryId(id)
            for id in self._connection.scalars(
                insert(outbox).returning(outbox.c.id, sort_by_parameter_order=True),
                [_new_row(delivery, at) for delivery in deliveries],
            )
        ]
        self._write_moves(
            [
                (id, None, _S.HELD if new.held else _S.QUEUED, new.held.value if new.held else None)
                for id, new in zip(ids, deliveries, strict=True)
            ],
            at=at,
            by=by,
        )
        return ids

    def claim(
        self, *, notices: bool, now: datetime, limit: int, courier: str, lease: str, until: datetime
    ) -> list[Delivery]:
        rows = self._connection.execute(
            claim_statement(notices=notices, now=now, limit=limit, courier=courier, lease=lease, until=until)
        )
        claimed = sorted((delivery_of(row) for row in rows), key=lambda each: (each.due_at, each.id))
        self._write_moves(
            [(each.id, _S.QUEUED, _S.LEASED, None) for each in claimed], at=now, by=by_courier(courier)
        )
        return claimed

    def hand_back(
        self, due: Mapping[DeliveryId, datetime], *, lease: str, at: datetime, by: str, reason: str
    ) -> None:
        if not due:
            return
        mine = self._connection.scalars(
            select(outbox.c.id)
            .where(outbox.c.id.in_(list(due)), outbox.c.lease == lease, outbox.c.state == _S.LEASED.value)
            .with_for_update()
        ).all()
        if not mine:  # withdrawn, or taken up by recovery
            return
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"))
            .values(
                state=_S.QUEUED.value,
                due_at=bindparam("due"),
                lease=None,
                lease_until=None,
                courier=None,
                moved_at=at,
            ),
            [{"row": id, "due": due[DeliveryId(id)]} for id in mine],
        )
        self._write_moves([(DeliveryId(id), _S.LEASED, _S.QUEUED, reason) for id in mine], at=at, by=by)

    def start(self, ids: Sequence[DeliveryId], *, lease: str, at: datetime, by: str) -> set[DeliveryId]:
        started = [
            DeliveryId(id)
            for id in self._connection.scalars(
                update(outbox)
                .where(
                    outbox.c.id.in_(ids),
                    outbox.c.lease == lease,
                    outbox.c.state == _S.LEASED.value,
                    ~_paused(),
                )
                .values(
                    state=_S.SENDING.value,
                    tries=outbox.c.tries + 1,
                    first_try_at=func.coalesce(
                        outbox.c.first_try_at, bindparam("at", at, outbox.c.due_at.type)
                    ),
                    moved_at=at,
                )
                .returning(outbox.c.id)
            )
        ]
        self._write_moves([(id, _S.LEASED, _S.SENDING, None) for id in started], at=at, by=by)
        return set(started)

    def settle(self, results: Sequence[Settlement], *, at: datetime, by: str) -> set[DeliveryId]:
        standing = self._still_leased(results)
        settled = [result for result in results if result.delivery in standing]
        if not settled:
            return set()
        for result in settled:
            check_delivery_move(standing[result.delivery], result.new)
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"))
            .values(
                state=bindparam("new"),
                reason=bindparam("why"),
                due_at=func.coalesce(bindparam("due", type_=outbox.c.due_at.type), outbox.c.due_at),
                lease=bindparam("kept_lease"),
                lease_until=None,
                courier=None,
                moved_at=at,
            ),
            [
                {
                    "row": result.delivery,
                    "new": result.new.value,
                    "why": result.reason,
                    "due": result.due_at,
                    # A row in doubt keeps its lease, so that the late answer of the same try can still settle it.
                    "kept_lease": result.lease if result.new is _S.IN_DOUBT else None,
                }
                for result in settled
            ],
        )
        tries = [result for result in settled if result.attempt]
        if tries:
            self._connection.execute(insert(attempts), [_attempt_row(result) for result in tries])
        self._write_moves(
            [(r.delivery, standing[r.delivery], r.new, r.reason) for r in settled], at=at, by=by
        )
        return {result.delivery for result in settled}

    def _still_leased(self, results: Sequence[Settlement]) -> dict[DeliveryId, DeliveryState]:
        leases = {result.delivery: result.lease for result in results}
        rows = self._connection.execute(
            select(outbox.c.id, outbox.c.state, outbox.c.lease)
            .where(outbox.c.id.in_(list(leases)), outbox.c.state.in_([_S.SENDING.value, _S.IN_DOUBT.value]))
            .with_for_update()
        )
        return {DeliveryId(row.id): _S(row.state) for row in rows if row.lease == leases[DeliveryId(row.id)]}

    def get(self, ids: Iterable[DeliveryId]) -> dict[DeliveryId, Delivery]:
        wanted, found = list(ids), {}
        for start in range(0, len(wanted), CHUNK):
            query = select(outbox).where(outbox.c.id.in_(wanted[start : start + CHUNK]))
            for row in self._connection.execute(query):
                found[DeliveryId(row.id)] = delivery_of(row)
        return found

    def of_letters(self, ids: Sequence[LetterId]) -> dict[LetterId, list[Delivery]]:
        found: dict[LetterId, list[Delivery]] = {}
        for start in range(0, len(ids), CHUNK):
            rows = self._connection.execute(
                select(outbox)
                .where(outbox.c.letter.in_(ids[start : start + CHUNK]), outbox.c.kind == _LETTER)
                .order_by(outbox.c.id)
            )
            for row in rows:
                found.setdefault(LetterId(row.letter), []).append(delivery_of(row))
        return found

    def unrendered(self, limit: int) -> list[Delivery]:
        rows = self._connection.execute(
            select(outbox)
            .where(outbox.c.rendering.is_(None), outbox.c.state == _S.QUEUED.value)
            .order_by(outbox.c.due_at)
            .limit(limit)
        )
        return [delivery_of(row) for row in rows]

    def rendered(self, pairs: Sequence[tuple[DeliveryId, Rendered]], *, at: datetime) -> None:
        if not pairs:
            return
        ids = self._connection.scalars(
            insert(renderings).returning(renderings.c.id, sort_by_parameter_order=True),
            [
                {
                    "media_type": rendered.media_type,
                    "digest": rendered.digest,
                    "content": rendered.content,
                    "enclosures": " ".join(rendered.enclosures),
                    "pages": rendered.pages,
                    "at": at,
                }
                for _, rendered in pairs
            ],
        )
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"), outbox.c.rendering.is_(None))
            .values(rendering=bindparam("made")),
            [{"row": id, "made": made} for (id, _), made in zip(pairs, ids, strict=True)],
        )

    def content(self, ids: Sequence[int]) -> dict[int, Rendered]:
        rows = self._connection.execute(
            select(renderings).where(renderings.c.id.in_(ids), renderings.c.content.is_not(None))
        )
        return {
            row.id: Rendered(
                media_type=row.media_type,
                content=row.content,
                digest=row.digest,
                enclosures=tuple(row.enclosures.split()),
                pages=row.pages,
            )
            for row in rows
        }

    def move(
        self,
        ids: Sequence[DeliveryId],
        new: DeliveryState,
        *,
        at: datetime,
        by: str,
        reason: str | None = None,
        note: str | None = None,
        due_at: datetime | None = None,
    ) -> None:
        for start in range(0, len(ids), CHUNK):
            self._move(ids[start : start + CHUNK], new, at=at, by=by, reason=reason, note=note, due_at=due_at)

    def _move(
        self,
        ids: Sequence[DeliveryId],
        new: DeliveryState,
        *,
        at: datetime,
        by: str,
        reason: str | None,
        note: str | None,
        due_at: datetime | None,
    ) -> None:
        rows = self._connection.execute(
            select(outbox.c.id, outbox.c.state).where(outbox.c.id.in_(ids)).with_for_update()
        ).all()
        for row in rows:
            check_delivery_move(_S(row.state), new)
        values: dict[str, Any] = {"state": new.value, "reason": reason, "moved_at": at}
        if due_at is not None:
            values["due_at"] = due_at
        if new is not _S.IN_DOUBT:
            values |= {"lease": None, "lease_until": None, "courier": None}
        self._connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(**values))
        self._write_moves(
            [(DeliveryId(row.id), _S(row.state), new, reason) for row in rows], at=at, by=by, note=note
        )

    def recover(self, *, now: datetime, dead: Sequence[str], by: str) -> tuple[int, int]:
        gone = or_(outbox.c.courier.in_(dead), outbox.c.lease_until < now)
        back = self._change(_S.LEASED, gone, _S.QUEUED, reason="courier_gone", at=now, by=by, drop_lease=True)
        doubt = self._change(
            _S.SENDING, gone, _S.IN_DOUBT, reason="courier_gone", at=now, by=by, drop_lease=False
        )
        return back, doubt

    def renew(self, courier: str, until: datetime) -> None:
        self._connection.execute(
            update(outbox)
            .where(outbox.c.courier == courier, outbox.c.state.in_([_S.LEASED.value, _S.SENDING.value]))
            .values(lease_until=until)
        )

    def reschedule(self, due: Mapping[DeliveryId, datetime], *, any_hour: bool) -> None:
        if due:
            waits = or_(outbox.c.state == _S.QUEUED.value, outbox.c.state == _S.HELD.value)
            self._connection.execute(
                update(outbox)
                .where(outbox.c.id == bindparam("row"), waits)
                .values(due_at=bindparam("due"), any_hour=any_hour),
                [{"row": id, "due": due_at} for id, due_at in due.items()],
            )

    def waiting(
        self,
        campaign: CampaignId | None = None,
        *,
        missions: Sequence[str] | None = None,
        letters: Sequence[LetterId] | None = None,
    ) -> list[Delivery]:
        query = (
            select(outbox)
            .where(outbox.c.kind == _LETTER, outbox.c.state.in_([_S.QUEUED.value, _S.HELD.value]))
            .order_by(outbox.c.due_at, outbox.c.id)
        )
        if campaign is not None:
            query = query.where(outbox.c.campaign == campaign)
        if missions is not None:
            query = query.where(outbox.c.mission.in_(missions))
        if letters is not None:
            query = query.where(outbox.c.letter.in_(letters))
        return [delivery_of(row) for row in self._connection.execute(query)]

    def wrongly_held(self, carriers: Iterable[Channel]) -> bool:
        carried = outbox.c.channel.in_([channel.value for channel in carriers])
        waits_in_vain = and_(
            outbox.c.state == _S.HELD.value, outbox.c.reason == HoldReason.NO_CARRIER.value, carried
        )
        goes_nowhere = and_(outbox.c.state == _S.QUEUED.value, outbox.c.kind == _LETTER, ~carried)
        return (
            self._connection.execute(
                select(outbox.c.id).where(or_(waits_in_vain, goes_nowhere)).limit(1)
            ).first()
            is not None
        )

    def cancel_notices(self, letters: Sequence[LetterId], *, at: datetime, by: str) -> None:
        for state in (_S.QUEUED, _S.HELD):
            mine = and_(outbox.c.kind == _NOTICE, outbox.c.letter.in_(letters))
            self._change(state, mine, _S.CANCELLED, reason="erased", at=at, by=by, drop_lease=True)

    def queued_from(self, mission: MissionId, at: datetime) -> int:
        return self._connection.execute(
            select(func.count())
            .select_from(outbox)
            .where(outbox.c.mission == mission, outbox.c.state == _S.QUEUED.value, outbox.c.due_at >= at)
        ).scalar_one()

    def under_way(self) -> int:
        busy = outbox.c.state.in_([_S.LEASED.value, _S.SENDING.value])
        count: int = self._connection.execute(
            select(func.count()).select_from(outbox).where(busy)
        ).scalar_one()
        return count

    def next_due(self) -> datetime | None:
        # Asked at every look at the queue: by kind, so that the index gives the answer without counting rows.
        firsts = [
            self._connection.execute(
                select(func.min(outbox.c.due_at)).where(
                    outbox.c.state == _S.QUEUED.value, outbox.c.kind == kind
                )
            ).scalar()
            for kind in (_LETTER, _NOTICE)
        ]
        return min((first for first in firsts if first is not None), default=None)

    def apply_pauses(self, *, at: datetime, by: str) -> tuple[int, int]:
        held = 0
        for scope in (PauseScope.ALL, PauseScope.CAMPAIGN, PauseScope.MISSION):
            held += self._change(
                _S.QUEUED,
                and_(outbox.c.kind == _LETTER, exists().where(_covers(scope))),
                _S.HELD,
                reason=HoldReason(f"{scope.value}_paused").value,
                at=at,
                by=by,
                drop_lease=True,
            )
        lifted = self._change(
            _S.HELD,
            and_(outbox.c.reason.in_([reason.value for reason in PAUSES]), ~_paused()),
            _S.QUEUED,
            reason=None,
            at=at,
            by=by,
            drop_lease=True,
        )
        self._name_standing_pauses()
        return held, lifted

    def _name_standing_pauses(self) -> None:
        """A row that a lifted pause held, and that another one still covers, names that other one."""
        for gone, stands in permutations(PauseScope, 2):
            self._connection.execute(
                update(outbox)
                .where(
                    outbox.c.state == _S.HELD.value,
                    outbox.c.reason == f"{gone.value}_paused",
                    ~exists().where(_covers(gone)),
                    exists().where(_covers(stands)),
                )
                .values(reason=f"{stands.value}_paused")
            )

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

    def _write_moves(
        self,
        steps: Sequence[tuple[DeliveryId, DeliveryState | None, DeliveryState, str | None]],
        *,
        at: datetime,
        by: str,
        note: str | None = None,
    ) -> None:
        if steps:
            self._connection.execute(
                insert(moves),
                [
                    {
                        "subject": "delivery",
                        "subject_id": id,
                        "old": old.value if old else None,
                        "new": new.value,
                        "reason": reason,
                        "note": note,
                        "by": by,
                        "at": at,
                    }
                    for id, old, new, reason in steps
                ],
            )


def claim_statement(
    *, notices: bool, now: datetime, limit: int, courier: str, lease: str, until: datetime
) -> Any:
    """One statement: the due rows are found, locked and leased at once. The CTE is needed: an inline
    `IN (SELECT .. LIMIT)` may be evaluated more than once by PostgreSQL and lease more than `limit`."""
    ready = (
        select(outbox.c.id)
        .where(
            outbox.c.state == _S.QUEUED.value,
            outbox.c.kind == (_NOTICE if notices else _LETTER),
            outbox.c.due_at <= now,
            outbox.c.rendering.is_not(None),
            ~_paused(),
        )
        .order_by(outbox.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("ready")
    )
    return (
        update(outbox)
        .where(outbox.c.id.in_(select(ready.c.id)), outbox.c.state == _S.QUEUED.value)
        .values(state=_S.LEASED.value, courier=courier, lease=lease, lease_until=until, moved_at=now)
        .returning(outbox)
    )


def by_courier(courier: str) -> str:
    """How a courier signs the log."""
    return f"courier {courier[:8]}"


def _covers(scope: PauseScope) -> Any:
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


def _paused() -> Any:
    """Whether a pause covers this row. A pause of everything covers notices too; the others only letters."""
    mine = or_(_covers(PauseScope.CAMPAIGN), _covers(PauseScope.MISSION))
    return exists().where(or_(_covers(PauseScope.ALL), and_(outbox.c.kind == _LETTER, mine)))


def _new_row(new: NewDelivery, at: datetime) -> dict[str, Any]:
    return {
        "kind": _NOTICE if new.notice else _LETTER,
        "letter": new.letter,
        "notice": new.notice.value if new.notice else None,
        "campaign": new.campaign,
        "mission": new.mission,
        "channel": new.channel.value if new.channel else None,
        "recipient": new.recipient,
        "state": (_S.HELD if new.held else _S.QUEUED).value,
        "reason": new.held.value if new.held else None,
        "due_at": new.due_at,
        "message_id": new.message_id,
        "any_hour": new.any_hour,
        "created_at": at,
        "moved_at": at,
    }


def _attempt_row(result: Settlement) -> dict[str, Any]:
    attempt = result.attempt
    assert attempt is not None  # noqa: S101 - the caller filtered on it
    return {
        "outbox": result.delivery,
        "at": attempt.at,
        "ended_at": attempt.ended_at,
        "outcome": attempt.outcome.kind.value,
        "code": attempt.outcome.code,
        "enhanced_code": attempt.outcome.enhanced_code,
        "reply": attempt.outcome.reply,
        "provider_ref": attempt.outcome.provider_ref,
    }
