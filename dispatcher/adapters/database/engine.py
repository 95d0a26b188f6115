"""One database, two engines: SQLite (WAL) on one machine, PostgreSQL for more; the same statements on both."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from dispatcher.adapters.database.types import Vault, give_vault
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.store import StoreConflict, StoreUnavailable

# How long a writer waits for another one. Longer than any write transaction of ours, shorter than patience.
_BUSY_MILLISECONDS = 30_000
_PRAGMAS = (
    "synchronous = FULL",
    "foreign_keys = ON",
    # Pages (of 4 KiB): for where nobody calls `tidy`. A page that a run of batches changes again and again is copied back
    # once, not each time; and a commit that copies them holds up a courier for a tenth of a second.
    "wal_autocheckpoint = 130000",
)
# There is one writer at a time, so one connection for it, which others do not use in between: its cache stays good from
# batch to batch, and is worth its memory. What the others have in theirs is void with the writer's next commit.
# In KiB; SQLite's own 2 MiB, which the others have, do not hold what a batch of a thousand letters touches; 8 are no quicker.
_CACHE_OF_THE_WRITER = "cache_size = -4096"
_READERS_KEPT = 5
# PostgreSQL plans a statement anew each time until psycopg has it prepared; a courier has a dozen on each connection, and
# says them all day. Once said, said again.
_PREPARED_AFTER = 1
# Errors of the driver must not quote what a supporter wrote.
_NO_VALUES_IN_ERRORS = True


class DatabaseAddressWrong(DispatcherError):
    """The database address is not right ({problem}). Use sqlite:////folder/file.sqlite3 or
    postgresql://user:password@host/name."""


class Database:
    """Opens connections for reading and for writing. A write transaction on SQLite takes the write lock at its
    start (BEGIN IMMEDIATE), because one that reads first and writes later fails under other writers."""

    def __init__(self, url: str, vault: Vault) -> None:
        self.engine = _engine(url)
        self.vault = vault
        if self.is_sqlite:
            self._reading, self._writing = self.engine, _engine(url, writing=True)
        else:
            # SQLite's readers have one snapshot anyway; PostgreSQL's would see another moment with each statement.
            self._reading = self.engine.execution_options(isolation_level="REPEATABLE READ")
            self._writing = self.engine
        for engine in (self.engine, self._writing):
            give_vault(engine.dialect, vault)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading: one consistent snapshot."""
        with _plain_errors(), self._reading.connect() as connection:
            yield connection
            # Not left to the pool, which rolls back: then psycopg throws away all statements that it has prepared.
            connection.commit()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: committed at the end of the block, rolled back when it raises."""
        with _plain_errors(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """A session of its own, without a transaction; what it holds ends with the block."""
        with _plain_errors(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").detach()
            yield connection

    def tidy(self) -> None:
        """SQLite's journal is copied back into its file, beside whoever reads or writes."""
        if self.is_sqlite:
            with closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self.engine.dispose()
        self._writing.dispose()


def _engine(url: str, *, writing: bool = False) -> Engine:
    """writing: of SQLite's connections, those that write."""
    try:
        address = make_url(url)
        if address.drivername in {"postgres", "postgresql"}:
            address = address.set(drivername="postgresql+psycopg")
        if address.get_backend_name() not in {"sqlite", "postgresql"}:
            raise DatabaseAddressWrong(problem=f"'{address.drivername}' is not an engine that is supported")
        if address.get_backend_name() == "sqlite":
            return _sqlite(address.database or "", writing=writing)
        return create_engine(
            address,
            connect_args={"prepare_threshold": _PREPARED_AFTER},
            pool_size=10,
            max_overflow=20,
            pool_pre_ping=True,
            hide_parameters=_NO_VALUES_IN_ERRORS,
        )
    except (ArgumentError, NoSuchModuleError) as error:
        raise DatabaseAddressWrong(problem=str(error).split("\n", 1)[0]) from None


def _sqlite(file: str, *, writing: bool) -> Engine:
    if not file or file == ":memory:":
        raise DatabaseAddressWrong(problem="a database in memory would lose letters")
    engine = create_engine(
        f"sqlite:///{file}",
        connect_args={"timeout": _BUSY_MILLISECONDS / 1000, "check_same_thread": False},
        hide_parameters=_NO_VALUES_IN_ERRORS,
        # The connection used last has its pages still in memory. A writer that found another one at work is closed after
        # its turn.
        pool_use_lifo=True,
        pool_size=1 if writing else _READERS_KEPT,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, in the mode that we choose
        _journal_ahead(connection)
        for pragma in (*_PRAGMAS, _CACHE_OF_THE_WRITER) if writing else _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _journal_ahead(connection: sqlite3.Connection) -> None:
    """WAL mode. Of processes that open a new file at one moment SQLite turns all but one away at once, for they would
    wait for each other; so it is asked again, as long as for any other lock."""
    end = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
        time.sleep(0.01)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise StoreConflict from error
    except DBAPIError as error:
        problem = _problem(str(error.orig))
        if problem is None:
            raise
        raise StoreUnavailable(problem=problem) from error


def _problem(words: str) -> str | None:
    """What is wrong, in plain words; None for an error that is a fault of ours rather than of the machine."""
    known = {
        "database is locked": "another program has held the write lock for half a minute",
        "readonly": "it is read-only; check who owns the data folder",
        "read-only": "it is read-only; check who owns the data folder",
        "disk is full": "the disk is full",
        "disk I/O error": "the disk could not be read or written",
        "No space left": "the disk is full",
        "unable to open": "its file cannot be opened; check that the data folder exists and is yours",
        "not a database": "its file is not a database, or is damaged",
        "malformed": "its file is damaged; restore the last backup",
        "server closed the connection": "its server closed the connection",
        "terminating connection": "its server is shutting down",
        "the connection is closed": "its server closed the connection",
        "consuming input failed": "its server closed the connection",
        "could not translate host name": "its server's name is not known",
        "password authentication failed": "its server refused the user name or password",
        "does not exist": "a table or database is missing; run 'dispatcher migrate'",
        "no such table": "a table is missing; run 'dispatcher migrate'",
        "the database system is": "its server is starting up or shutting down",
        "too many clients": "its server takes no more connections",
        # The last, for each of these stands before a more exact reason where there is one.
        "connection failed": "its server does not answer",
        "connection is bad": "its server does not answer",
        "connection refused": "its server does not answer",
    }
    return next((plain for sign, plain in known.items() if sign.casefold() in words.casefold()), None)


def sqlite_folder(url: str) -> Path | None:
    """The folder that must exist before an SQLite database can be made; None for a server. Raises
    DatabaseAddressWrong."""
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise DatabaseAddressWrong(problem=str(error).split("\n", 1)[0]) from None
    return (
        Path(address.database).parent if address.get_backend_name() == "sqlite" and address.database else None
    )
