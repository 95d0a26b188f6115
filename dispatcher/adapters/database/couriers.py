"""Which couriers are at work, and when each was last seen."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from dispatcher.adapters.database.schema import couriers


class CourierTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def seen(self, id: str, host: str, at: datetime) -> None:
        known = self._connection.execute(
            update(couriers).where(couriers.c.id == id).values(seen_at=at)
        ).rowcount
        if not known:
            self._connection.execute(insert(couriers).values(id=id, host=host, started_at=at, seen_at=at))

    def forget(self, id: str) -> None:
        self._connection.execute(delete(couriers).where(couriers.c.id == id))

    def all(self) -> dict[str, datetime]:
        return {row.id: row.seen_at for row in self._connection.execute(select(couriers))}
