"""Mail that came back, as it is kept. Its words stand sealed; what it is, and about which delivery, in the clear."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from dispatcher.adapters.database.delivery_log import read_deliveries
from dispatcher.adapters.database.letters import CHUNK
from dispatcher.adapters.database.queue_table import DELIVERY
from dispatcher.adapters.database.schema import incoming, outbox
from dispatcher.domain.delivery import Delivery, DeliveryId
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import MissionId
from dispatcher.domain.reply import MAILBOX_FULL
from dispatcher.domain.returned_mail import GIVEN_UP, IncomingMail, MailId, MailKind, Reading
from dispatcher.services.incoming import LONGEST_KEPT

_LONGEST_MESSAGE_ID = 500


class IncomingTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def known(self, digest: str) -> MailId | None:
        id = self._connection.execute(select(incoming.c.id).where(incoming.c.digest == digest)).scalar()
        return None if id is None else MailId(id)

    def keep(
        self,
        content: bytes,
        reading: Reading,
        *,
        digest: str,
        delivery: DeliveryId | None,
        message_id: str,
        at: datetime,
    ) -> MailId:
        id: int = self._connection.execute(
            insert(incoming)
            .values(
                digest=digest,
                outbox=delivery,
                kind=reading.kind.value,
                status=reading.status,
                why=reading.why,
                message_id=message_id[:_LONGEST_MESSAGE_ID],
                received_at=at,
                content=content[:LONGEST_KEPT],
            )
            .returning(incoming.c.id)
        ).scalar_one()
        return MailId(id)

    def get(self, id: MailId) -> IncomingMail | None:
        row = self._connection.execute(select(incoming).where(incoming.c.id == id)).first()
        return _mail(row) if row else None

    def all(self, *, waiting: bool, kind: MailKind | None = None, limit: int = 500) -> list[IncomingMail]:
        query = select(incoming).order_by(incoming.c.id.desc()).limit(limit)
        if waiting:
            query = query.where(incoming.c.settled_at.is_(None))
        if kind is not None:
            query = query.where(incoming.c.kind == kind.value)
        return [_mail(row) for row in self._connection.execute(query)]

    def of_letter(self, letter: LetterId) -> list[IncomingMail]:
        rows = self._connection.execute(
            select(incoming)
            .where(incoming.c.outbox.in_(select(outbox.c.id).where(outbox.c.letter == letter)))
            .order_by(incoming.c.id)
        )
        return [_mail(row) for row in rows]

    def seen_before(self, delivery: DeliveryId, message_id: str, *, but: MailId) -> bool:
        if not message_id:
            return False
        query = select(incoming.c.id).where(
            incoming.c.outbox == delivery,
            incoming.c.message_id == message_id[:_LONGEST_MESSAGE_ID],
            incoming.c.id != but,
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def unapplied(self, kinds: Collection[MailKind]) -> list[IncomingMail]:
        rows = self._connection.execute(
            select(incoming)
            .where(incoming.c.kind.in_([kind.value for kind in kinds]), incoming.c.settled_at.is_(None))
            .order_by(incoming.c.id)
            .limit(CHUNK)
        )
        return [_mail(row) for row in rows]

    def sort_again(self, id: MailId, kind: MailKind, *, delivery: DeliveryId | None, why: str) -> None:
        self._connection.execute(
            update(incoming).where(incoming.c.id == id).values(kind=kind.value, outbox=delivery, why=why)
        )

    def settle(self, id: MailId, *, at: datetime, by: str, passed_on: DeliveryId | None = None) -> None:
        self._connection.execute(
            update(incoming)
            .where(incoming.c.id == id)
            .values(settled_at=at, settled_by=by, passed_on=passed_on)
        )

    def soft_bounces(self, mission: MissionId, since: datetime) -> int:
        soft = or_(incoming.c.status.startswith("4."), incoming.c.status.in_([MAILBOX_FULL, GIVEN_UP]))
        count: int = self._connection.execute(
            select(func.count())
            .select_from(incoming.join(outbox, outbox.c.id == incoming.c.outbox))
            .where(
                incoming.c.kind == MailKind.BOUNCED.value,
                incoming.c.received_at >= since,
                outbox.c.mission == mission,
                soft,
            )
        ).scalar_one()
        return count

    def deliveries_named(self, message_ids: Collection[str]) -> Mapping[str, Delivery]:
        wanted = list(message_ids)
        found: dict[str, Delivery] = {}
        for start in range(0, len(wanted), CHUNK):
            query = select(*DELIVERY).where(outbox.c.message_id.in_(wanted[start : start + CHUNK]))
            found |= {row.message_id: row for row in read_deliveries(self._connection, query)}
        return found


def _mail(row: Row[Any]) -> IncomingMail:
    return IncomingMail(
        id=MailId(row.id),
        delivery=None if row.outbox is None else DeliveryId(row.outbox),
        kind=MailKind(row.kind),
        status=row.status,
        why=row.why,
        message_id=row.message_id,
        received_at=row.received_at,
        content=row.content,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        passed_on=None if row.passed_on is None else DeliveryId(row.passed_on),
    )
