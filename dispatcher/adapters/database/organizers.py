"""Organizers, and their one-time links and sessions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from dispatcher.adapters.database.schema import keys, organizers
from dispatcher.services.organizers import Organizer, Role


class OrganizerTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, name: str, role: Role, *, at: datetime) -> Organizer:
        id = self._connection.execute(
            insert(organizers).values(name=name, role=role.value, added_at=at).returning(organizers.c.id)
        ).scalar_one()
        return Organizer(id=id, name=name, role=role, disabled=False)

    def named(self, name: str) -> Organizer | None:
        row = self._connection.execute(select(organizers).where(organizers.c.name == name)).first()
        return _organizer(row) if row else None

    def all(self) -> list[Organizer]:
        return [
            _organizer(row)
            for row in self._connection.execute(select(organizers).order_by(organizers.c.name))
        ]

    def disable(self, id: int, *, at: datetime) -> None:
        self._connection.execute(update(organizers).where(organizers.c.id == id).values(disabled_at=at))
        self._connection.execute(delete(keys).where(keys.c.organizer == id))

    def keep_key(self, digest: str, kind: str, organizer: int, until: datetime) -> None:
        self._connection.execute(
            insert(keys).values(digest=digest, kind=kind, organizer=organizer, until=until)
        )

    def take_key(self, digest: str, kind: str, *, now: datetime, once: bool) -> Organizer | None:
        row = self._connection.execute(
            select(organizers)
            .join(keys, keys.c.organizer == organizers.c.id)
            .where(
                keys.c.digest == digest,
                keys.c.kind == kind,
                keys.c.until > now,
                organizers.c.disabled_at.is_(None),
            )
        ).first()
        if row is None:
            return None
        if once and not self._connection.execute(delete(keys).where(keys.c.digest == digest)).rowcount:
            return None  # another request has just used it up
        return _organizer(row)

    def drop_key(self, digest: str) -> None:
        self._connection.execute(delete(keys).where(keys.c.digest == digest))


def _organizer(row: Row[Any]) -> Organizer:
    return Organizer(id=row.id, name=row.name, role=Role(row.role), disabled=row.disabled_at is not None)
