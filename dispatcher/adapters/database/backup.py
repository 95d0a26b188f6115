"""Backups of an SQLite database by its own online backup: writers go on, the copy is of one moment."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, select

from dispatcher import __version__
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.migrate import migrate
from dispatcher.adapters.database.schema import writings
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import SecretUnreadable, Vault
from dispatcher.domain.sealing import BEGINNING
from dispatcher.services.backup import BackupNote, BackupNotPossible, RestoreNotPossible

_NAME, _KEY = "dispatcher.sqlite3", "secret.key"
# How long to wait for a writer's lock, in seconds: as long as everybody else here.
_PATIENCE = 30.0
_NOTE = "backup_note"


@dataclass(frozen=True, kw_only=True)
class SqliteBackups:
    """url: of the installation's database. key: its key file."""

    url: str
    key: Path

    def save(self, file: Path, *, at: datetime) -> BackupNote:
        source = self._source()
        vault = self._vault(self.key)
        part = file.with_name(f"{file.name}.part")
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            try:
                note = _copy(source, part, at=at, key=vault.fingerprint)
                os.link(part, file)  # unlike a rename it never replaces a file
            finally:
                part.unlink()
        except FileExistsError as error:
            raise BackupNotPossible(
                problem=f"{error.filename2 or error.filename} exists already; name another file."
            ) from None
        except OSError as error:
            raise BackupNotPossible(
                problem=f"{file} cannot be written: {(error.strerror or '').lower()}."
            ) from None
        except sqlite3.Error as error:
            raise BackupNotPossible(problem=f"SQLite says: {error}.") from None
        return note

    @contextmanager
    def unpack(self, file: Path, folder: Path, *, key: Path | None) -> "Iterator[UnpackedBackup]":
        key = key or next((each for each in (folder / _KEY, self.key) if each.exists()), self.key)
        if (folder / _NAME).exists():
            raise RestoreNotPossible(problem=f"{folder} has a database already; name another folder.")
        draft = folder / f"{_NAME}.restoring"
        try:
            note = _read_note(file)
            vault = self._vault(key, needed=note.key)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with file.open("rb") as packed, os.fdopen(descriptor, "wb") as laid_out:
                shutil.copyfileobj(packed, laid_out)
            _make_sound(draft)
            database = Database(f"sqlite:///{draft.absolute()}", vault)
            try:
                migrate(database)
                _open_something(database)
                unpacked = UnpackedBackup(note=note, store=DatabaseStore(database))
                yield unpacked
            finally:
                database.close()
            if unpacked.kept:
                _put_to_use(draft, folder, key)
        except OSError as error:
            raise RestoreNotPossible(
                problem=f"{error.filename} cannot be used: {(error.strerror or '').lower()}."
            ) from None
        except sqlite3.Error as error:
            raise RestoreNotPossible(problem=f"{file} is no sound backup: {error}.") from None
        finally:
            for left in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
                left.unlink(missing_ok=True)

    def _source(self) -> Path:
        address = make_url(self.url)
        if address.get_backend_name() != "sqlite":
            raise BackupNotPossible(
                problem="this database is PostgreSQL; back it up with 'pg_dump --format=custom --file=FILE "
                f"{address.database}' and keep the key file {self.key} apart from it."
            )
        source = Path(address.database or "")
        if not source.exists():
            raise BackupNotPossible(problem=f"there is no database {source}; set DISPATCHER_DATA.")
        return source

    def _vault(self, key: Path, *, needed: str | None = None) -> Vault:
        which = f" whose fingerprint is {needed}" if needed else ""
        problem = RestoreNotPossible if needed else BackupNotPossible
        if not key.exists():
            raise problem(
                problem=f"there is no key file {key}; put the key{which} there, or name it with --key."
            )
        vault = Vault.open(key)
        if needed not in {None, vault.fingerprint}:
            raise problem(
                problem=f"{key} is another key (fingerprint {vault.fingerprint}); this backup needs the one{which}."
            )
        return vault


class UnpackedBackup:
    """See services.backup.Unpacked."""

    def __init__(self, *, note: BackupNote, store: DatabaseStore) -> None:
        self.note = note
        self.store = store
        self.kept = False

    def keep(self) -> None:
        self.kept = True


def _copy(source: Path, part: Path, *, at: datetime, key: str) -> BackupNote:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=_PATIENCE)) as running,
        closing(sqlite3.connect(part)) as copy,
    ):
        # In one step: one snapshot, which in WAL mode keeps no writer waiting.
        running.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, without -wal and -shm beside it
        _check(copy)
        last = copy.execute("SELECT number, hash FROM seals ORDER BY number DESC LIMIT 1").fetchone()
        blocks, head = last or (0, BEGINNING)
        copy.execute(f"CREATE TABLE {_NOTE} (at TEXT, version TEXT, key TEXT, blocks INTEGER, head TEXT)")
        note = (at.isoformat(), __version__, key, blocks, head)
        copy.execute(f"INSERT INTO {_NOTE} VALUES (?, ?, ?, ?, ?)", note)  # noqa: S608 - a name of our own
        copy.commit()
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return BackupNote(at=at, version=__version__, key=key, blocks=blocks, head=head)


def _check(connection: sqlite3.Connection) -> None:
    (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise sqlite3.DatabaseError(answer)


def _read_note(file: Path) -> BackupNote:
    if not file.exists():
        raise RestoreNotPossible(problem=f"there is no file {file}.")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as backup:
        if not backup.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_NOTE,)).fetchone():
            raise RestoreNotPossible(problem=f"{file} was not made by 'dispatcher backup'.")
        row = backup.execute(f"SELECT at, version, key, blocks, head FROM {_NOTE}").fetchone()  # noqa: S608
    at, version, key, blocks, head = row
    return BackupNote(at=datetime.fromisoformat(at), version=version, key=key, blocks=int(blocks), head=head)


def _make_sound(draft: Path) -> None:
    with closing(sqlite3.connect(draft)) as database:
        _check(database)
        if database.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.DatabaseError("a row belongs to one that is not there")
        database.execute(f"DROP TABLE {_NOTE}")
        database.commit()


def _open_something(database: Database) -> None:
    """The fingerprint tells the key; this tells that the data is really sealed with it."""
    try:
        with database.read() as connection:
            connection.execute(select(writings.c.name).where(writings.c.name.is_not(None)).limit(1)).all()
    except SecretUnreadable:
        raise RestoreNotPossible(problem="the key does not open the letters in this backup.") from None


def _put_to_use(draft: Path, folder: Path, key: Path) -> None:
    place = folder / _KEY
    with suppress(FileExistsError):
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.read_bytes())
    with closing(sqlite3.connect(draft)) as database:
        database.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file that is renamed
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.rename(folder / _NAME)
