"""The outbox: what goes into it, what waits in it, and what pauses do to it (for couriers see courier_queue)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from dispatcher.adapters.database.bulk import as_value, listed, picked
from dispatcher.adapters.database.courier_queue import CourierQueue
from dispatcher.adapters.database.delivery_log import DeliveryLog, read_deliveries
from dispatcher.adapters.database.lease_table import LeaseTable
from dispatcher.adapters.database.letters import CHUNK
from dispatcher.adapters.database.move_log import marks
from dispatcher.adapters.database.queue_table import (
    DELIVERY,
    IN_LINE,
    LETTER,
    NOTICE,
    QUEUED,
    STATE,
    QueueTable,
    covers,
    paused,
)
from dispatcher.adapters.database.schema import RENDERED, outbox, queue, renderings
from dispatcher.adapters.database.types import vault_of
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
from dispatcher.services.pauses import PauseScope
from dispatcher.services.stationery import Rendered
from dispatcher.services.store import Approved

_S = DeliveryState
_APPROVED = tuple(renderings.c[name] for name in ("content", *Approved._fields[1:]))
# Half the time of a call of the class.
_MAKE_APPROVED = Approved._make


class OutboxTable(CourierQueue, DeliveryLog):
    def __init__(self, connection: Connection) -> None:
        CourierQueue.__init__(self, connection)
        DeliveryLog.__init__(self, connection)

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
        QueueTable(self._connection).enter(
            [id for id, new in zip(ids, deliveries, strict=True) if not new.held]
        )
        self._write_moves(
            [
                (id, None, _S.HELD if new.held else _S.QUEUED, new.held.value if new.held else None)
                for id, new in zip(ids, deliveries, strict=True)
            ],
            at=at,
            by=by,
        )
        return ids

    def get(self, ids: Iterable[DeliveryId], *, lock: bool = False) -> dict[DeliveryId, Delivery]:
        wanted = list(ids)
        if lock:
            QueueTable(self._connection).hold_where(outbox.c.id.in_(wanted))
        found: dict[DeliveryId, Delivery] = {}
        for start in range(0, len(wanted), CHUNK):
            query = select(*DELIVERY).where(outbox.c.id.in_(wanted[start : start + CHUNK]))
            rows = read_deliveries(self._connection, query.with_for_update(of=outbox) if lock else query)
            found |= {row.id: row for row in rows}
        return found

    def of_letters(self, ids: Sequence[LetterId], *, lock: bool = False) -> dict[LetterId, list[Delivery]]:
        found: dict[LetterId, list[Delivery]] = {}
        if lock:
            self._hold_letters(ids)
        for start in range(0, len(ids), CHUNK):
            query = (
                select(*DELIVERY)
                .where(outbox.c.letter.in_(ids[start : start + CHUNK]), outbox.c.kind == LETTER)
                .order_by(outbox.c.id)
            )
            rows = read_deliveries(self._connection, query.with_for_update(of=outbox) if lock else query)
            for row in rows:
                found.setdefault(row.letter, []).append(row)
        return found

    def _hold_letters(self, ids: Sequence[LetterId]) -> None:
        """Twice: whoever is waited for may have opened a letter's next channel."""
        mine = outbox.c.letter.in_(ids)
        for _ in range(2):
            QueueTable(self._connection).hold_where(mine)
            self._connection.execute(select(outbox.c.id).where(mine).with_for_update()).all()

    def unrendered(self, limit: int) -> list[Delivery]:
        query = _WAITING.where(queue.c.rendering.is_(None)).order_by(queue.c.due_at).limit(limit)
        return read_deliveries(self._connection, query)

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
        made = {id: rendering for (id, _), rendering in zip(pairs, ids, strict=True)}
        QueueTable(self._connection).rendered(made)
        self._connection.execute(
            update(outbox)
            .where(outbox.c.id == bindparam("row"), outbox.c.rendering.is_(None))
            .values(rendering=bindparam("made")),
            [{"row": id, "made": rendering} for id, rendering in made.items()],
        )

    def content(self, ids: Sequence[int]) -> dict[int, Rendered]:
        connection = self._connection
        contents = self.approved(ids)
        columns = (renderings.c[name] for name in ("id", "media_type", "digest"))
        query = select(*columns).where(renderings.c.id.in_(listed(connection.dialect.name)))
        rows = connection.execute(query, {"ids": as_value(connection, list(contents))})
        return {
            row.id: Rendered(
                media_type=row.media_type,
                content=contents[row.id].content,
                digest=row.digest,
                enclosures=contents[row.id].enclosures,
                pages=contents[row.id].pages,
            )
            for row in rows
        }

    def approved(self, ids: Sequence[int]) -> dict[int, Approved]:
        rows = [row for row in picked(self._connection, _APPROVED, ids) if row[1] is not None]
        vault, context = vault_of(self._connection.dialect), RENDERED.context.encode()
        contents = vault.unseal_all([sealed for _, sealed, _, _ in rows], context)
        return {
            id: _MAKE_APPROVED((content, tuple(enclosures.split()) if enclosures else (), pages))
            for (id, _, enclosures, pages), content in zip(rows, contents, strict=True)
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
        line = QueueTable(self._connection)
        line.hold_where(outbox.c.id.in_(ids))
        rows = self._connection.execute(
            select(outbox.c.id, STATE, outbox.c.channel)
            .where(outbox.c.id.in_(ids))
            .with_for_update(of=outbox)
        ).all()
        for row in rows:
            check_delivery_move(_S(row.state), new, Channel(row.channel) if row.channel else None)
        waiting = [DeliveryId(row.id) for row in rows if row.state == _S.QUEUED.value]
        if len(line.leave(waiting)) < len(waiting):  # a courier has just taken one
            check_delivery_move(_S.SENDING, new)
        if new is _S.IN_DOUBT:
            self._keep_lease([DeliveryId(row.id) for row in rows if row.state == _S.SENDING.value])
        values = {**marks(new), "reason": reason, "moved_at": at}
        if due_at is not None:
            values["due_at"] = due_at
        if new is not _S.IN_DOUBT:
            values["lease"] = None
        self._connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(**values))
        if new is _S.QUEUED:
            line.enter([DeliveryId(row.id) for row in rows])
        self._write_moves(
            [(DeliveryId(row.id), _S(row.state), new, reason) for row in rows], at=at, by=by, note=note
        )

    def _keep_lease(self, ids: Sequence[DeliveryId]) -> None:
        """Of what is on the wire and comes into doubt: the late answer of the same try can still settle it."""
        for lease in LeaseTable(self._connection).all():
            mine = lease.deliveries.intersection(ids)
            if mine:
                self._connection.execute(
                    update(outbox)
                    .where(outbox.c.id.in_(mine))
                    .values(
                        lease=lease.name,
                        tries=outbox.c.tries + 1,
                        first_try_at=func.coalesce(
                            outbox.c.first_try_at, literal(lease.since, outbox.c.first_try_at.type)
                        ),
                    )
                )

    def reschedule(self, due: Mapping[DeliveryId, datetime], *, any_hour: bool) -> None:
        if due:
            QueueTable(self._connection).set_due(due, any_hour=any_hour)
            self._connection.execute(
                update(outbox)
                .where(outbox.c.id == bindparam("row"), or_(outbox.c.awaits == _S.HELD.value, IN_LINE))
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
        held = select(*DELIVERY).where(outbox.c.awaits == _S.HELD.value)
        found: list[Delivery] = []
        for query in (_WAITING, held):
            mine = query.where(outbox.c.kind == LETTER)
            if campaign is not None:
                mine = mine.where(outbox.c.campaign == campaign)
            if missions is not None:
                mine = mine.where(outbox.c.mission.in_(missions))
            if letters is not None:
                mine = mine.where(outbox.c.letter.in_(letters))
            found += read_deliveries(self._connection, mine)
        return sorted(found, key=lambda row: (row.due_at, row.id))

    def wrongly_held(self, carriers: Iterable[Channel]) -> bool:
        carried = outbox.c.channel.in_([channel.value for channel in carriers])
        waits_in_vain = and_(
            outbox.c.awaits == _S.HELD.value, outbox.c.reason == HoldReason.NO_CARRIER.value, carried
        )
        goes_nowhere = _WAITING.where(outbox.c.kind == LETTER, ~carried)
        return any(
            self._connection.execute(query.limit(1)).first() is not None
            for query in (select(outbox.c.id).where(waits_in_vain), goes_nowhere)
        )

    def held_for(self, reason: HoldReason) -> list[DeliveryId]:
        held = and_(outbox.c.awaits == _S.HELD.value, outbox.c.reason == reason.value)
        return [DeliveryId(id) for id in self._connection.scalars(select(outbox.c.id).where(held))]

    def cancel_notices(self, letters: Sequence[LetterId], *, at: datetime, by: str) -> None:
        for state in (_S.QUEUED, _S.HELD):
            mine = and_(outbox.c.kind == NOTICE, outbox.c.letter.in_(letters))
            self._change(state, mine, _S.CANCELLED, reason="erased", at=at, by=by)

    def queued_from(self, mission: MissionId, at: datetime) -> int:
        return QueueTable(self._connection).count_from(mission, at)

    def next_due(self, *, notices: bool | None = None) -> datetime | None:
        # Asked at every look at the queue: by kind, so that the index gives the answer without counting rows.
        kinds = (LETTER, NOTICE) if notices is None else (NOTICE if notices else LETTER,)
        firsts = [QueueTable(self._connection).next_due(kind) for kind in kinds]
        return min((first for first in firsts if first is not None), default=None)

    def apply_pauses(self, *, at: datetime, by: str) -> tuple[int, int]:
        held = 0
        for scope in (PauseScope.ALL, PauseScope.CAMPAIGN, PauseScope.MISSION):
            held += self._change(
                _S.QUEUED,
                and_(outbox.c.kind == LETTER, exists().where(covers(scope))),
                _S.HELD,
                reason=HoldReason(f"{scope.value}_paused").value,
                at=at,
                by=by,
            )
        lifted = self._change(
            _S.HELD,
            and_(outbox.c.reason.in_([reason.value for reason in PAUSES]), ~paused()),
            _S.QUEUED,
            reason=None,
            at=at,
            by=by,
        )
        self._name_standing_pauses()
        return held, lifted

    def _name_standing_pauses(self) -> None:
        """A row that a lifted pause held, and that another one still covers, names that other one."""
        for gone, stands in permutations(PauseScope, 2):
            self._connection.execute(
                update(outbox)
                .where(
                    outbox.c.awaits == _S.HELD.value,
                    outbox.c.reason == f"{gone.value}_paused",
                    ~exists().where(covers(gone)),
                    exists().where(covers(stands)),
                )
                .values(reason=f"{stands.value}_paused")
            )


_WAITING = select(*DELIVERY).select_from(queue.join(outbox, outbox.c.id == queue.c.delivery)).where(QUEUED)


def _new_row(new: NewDelivery, at: datetime) -> dict[str, Any]:
    return {
        "kind": NOTICE if new.notice else LETTER,
        "letter": new.letter,
        "notice": new.notice.value if new.notice else None,
        "campaign": new.campaign,
        "mission": new.mission,
        "channel": new.channel.value if new.channel else None,
        "recipient": new.recipient,
        **marks(_S.HELD if new.held else _S.QUEUED),
        "reason": new.held.value if new.held else None,
        "due_at": new.due_at,
        "message_id": new.message_id,
        "any_hour": new.any_hour,
        "created_at": at,
        "moved_at": at,
    }
