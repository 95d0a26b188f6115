"""Which process may read letters a second time: one at a time, by a lock that goes with its process, however it went."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from dispatcher.adapters.database.engine import Database

_KEY = 0x5EC0_4D  # of PostgreSQL's advisory locks; any number of our own


class SecondReadingTurn:
    """On SQLite a locked file beside the database; on PostgreSQL, which several machines share, a lock of its
    own session. Who has lost the connection reads on beside the next one, which costs time and nothing else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def taken(self) -> Iterator[bool]:
        with self._by_file() if self._database.is_sqlite else self._by_session() as ours:
            yield ours

    @contextmanager
    def _by_file(self) -> Iterator[bool]:
        path = Path(f"{self._database.engine.url.database}-reading")
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    @contextmanager
    def _by_session(self) -> Iterator[bool]:
        with self._database.alone() as connection:
            if not connection.execute(select(func.pg_try_advisory_lock(_KEY))).scalar():
                yield False
                return
            try:
                yield True
            finally:
                # Free at once, not when the server has noticed that the session is over. A lost line has let it go.
                with suppress(DBAPIError):
                    connection.execute(select(func.pg_advisory_unlock(_KEY)))
