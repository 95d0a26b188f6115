"""What is paused: one mission, one campaign, or everything."""

from sqlalchemy import Connection, delete, insert, select

from dispatcher.adapters.database.schema import pauses
from dispatcher.services.pauses import Pause, PauseScope


class PauseTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Pause]:
        rows = self._connection.execute(select(pauses).order_by(pauses.c.since))
        return [
            Pause(scope=PauseScope(row.scope), key=row.key, since=row.since, by=row.by, reason=row.reason)
            for row in rows
        ]

    def set(self, pause: Pause) -> None:
        self.lift(pause.scope, pause.key)
        self._connection.execute(
            insert(pauses).values(
                scope=pause.scope.value, key=pause.key, since=pause.since, by=pause.by, reason=pause.reason
            )
        )

    def lift(self, scope: PauseScope, key: str) -> bool:
        gone = self._connection.execute(
            delete(pauses).where(pauses.c.scope == scope.value, pauses.c.key == key)
        )
        return bool(gone.rowcount)
