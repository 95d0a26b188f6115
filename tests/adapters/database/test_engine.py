"""Connections on both engines: snapshots for reading, one transaction for writing, errors in plain words."""

import sqlite3
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from dispatcher.adapters.database.engine import Database, DatabaseAddressWrong
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import Vault
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import StoreConflict, StoreUnavailable
from tests.adapters.database.conftest import Stock
from tests.installation import NOON

VAULT = Vault(bytes(32))


@pytest.mark.parametrize(
    "address",
    [
        "mysql://host/name",
        "sqlite://",
        "sqlite:///:memory:",
        "nonsense",
        "",
        "postgresql+nodriver://host/name",
    ],
)
def test_a_wrong_address_is_told_with_the_right_form(address: str) -> None:
    with pytest.raises(DatabaseAddressWrong, match="sqlite:////folder"):
        Database(address, VAULT)


def test_a_reader_sees_one_moment_however_long_it_reads(store: DatabaseStore, stock: Stock) -> None:
    """The audit adds up several statements; letters that are sent meanwhile must not look like a broken promise."""
    stock.queued(2)
    with store.read() as work:
        assert sum(work.outbox.totals().values()) == 2
        with ThreadPoolExecutor(1) as aside:
            aside.submit(stock.queued, 3).result()
        assert sum(work.outbox.totals().values()) == 2
        assert len(list(work.ledger.letters())) == 2
    with store.read() as work:
        assert sum(work.outbox.totals().values()) == 5


def test_nothing_of_a_write_that_raises_is_kept(store: DatabaseStore, stock: Stock) -> None:
    (letter,) = stock.letters()
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.outbox.add([stock.new_delivery(letter)], at=NOON, by="test")
        raise ZeroDivisionError
    assert stock.states() == {}


def test_writers_that_read_first_wait_for_each_other(store: DatabaseStore) -> None:
    """The pattern that fails most with SQLite's ordinary transactions."""
    together = Barrier(4)

    def count_up(_: int) -> None:
        together.wait()
        for _turn in range(25):
            with store.write() as work:
                seen = work.timing.let_through(["cn-nl-the-hague"], since_minute=0)["cn-nl-the-hague"]
                assert sum(seen.values()) < 100
                work.timing.note_let_through({"cn-nl-the-hague": 1}, minute=1)

    with ThreadPoolExecutor(4) as crew:
        list(crew.map(count_up, range(4)))
    with store.read() as work:
        assert work.timing.let_through(["cn-nl-the-hague"], since_minute=0) == {"cn-nl-the-hague": {1: 100}}


def test_a_file_that_is_no_database_is_told_in_plain_words(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.write_bytes(b"this is no database" * 1000)
    database = Database(f"sqlite:///{file}", VAULT)
    with pytest.raises(StoreUnavailable, match="damaged"), database.read():
        pass
    database.close()


def test_a_missing_table_names_the_command_that_makes_it(empty_database_url: str) -> None:
    database = Database(empty_database_url, VAULT)
    with pytest.raises(StoreUnavailable, match="dispatcher migrate"), DatabaseStore(database).read() as work:
        work.pauses.all()
    database.close()


@pytest.mark.parametrize(
    "address",
    ["postgresql://nobody@127.0.0.1:1/none?connect_timeout=2", "sqlite:////nonexistent-folder/x.sqlite3"],
)
def test_a_database_that_cannot_be_reached_is_told_in_plain_words(address: str) -> None:
    database = Database(address, VAULT)
    with pytest.raises(StoreUnavailable), database.read():
        pass
    database.close()


def test_errors_of_the_database_do_not_quote_what_a_supporter_wrote(
    store: DatabaseStore, stock: Stock
) -> None:
    """form_key is unique: the second letter with the same one is refused by the database itself."""
    with store.write() as work:
        person = work.letters.person("a@example.org")
        new = stock.new_letter(person=person, form_key="same", name="Zauberwort", mission="one")
        work.letters.add([new], at=NOON, by="test")
    with pytest.raises(StoreConflict) as raised, store.write() as work:
        new = stock.new_letter(person=person, form_key="same", name="Zauberwort", mission="two")
        work.letters.add([new], at=NOON, by="test")
    told = "".join(traceback.format_exception(raised.value))
    assert "Zauberwort" not in told
    assert person.hex() not in told


def test_a_file_database_is_safe_against_power_cuts_and_readers_do_not_block_writers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}", VAULT)
    with database.read() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_one_connection_with_a_large_cache_is_kept_to_write_with(tmp_path: Path) -> None:
    """Each cache stays in memory as long as its connection: many of them once took 30 MB of a courier."""
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}", VAULT)
    with database.read() as reading, database.write() as first:
        caches = [connection.execute(text("PRAGMA cache_size")).scalar() for connection in (reading, first)]
        writer = first.connection.dbapi_connection
    with database.write() as again, database.read():
        assert again.connection.dbapi_connection is writer
    database.close()
    assert caches == [-2000, -4096]


def test_a_writer_that_cannot_get_the_lock_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.adapters.database.engine._BUSY_MILLISECONDS", 50)
    file = tmp_path / "x.sqlite3"
    database = Database(f"sqlite:///{file}", VAULT)
    with database.read():
        pass
    holder = sqlite3.connect(file)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="write lock"), database.write():
        pass
    holder.close()
    database.close()


def test_pauses_are_kept_with_who_set_them_and_set_once(store: DatabaseStore, stock: Stock) -> None:
    stock.pause(PauseScope.ALL)
    stock.pause(PauseScope.ALL)
    with store.read() as work:
        ((pause),) = work.pauses.all()
    assert (pause.scope, pause.key, pause.since, pause.by) == (PauseScope.ALL, "*", NOON, "Mina")
    with store.write() as work:
        assert work.pauses.lift(PauseScope.ALL, "*")
        assert not work.pauses.lift(PauseScope.ALL, "*")


def test_tidying_copies_the_journal_into_the_file_beside_readers_and_writers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'tidy.sqlite3'}", VAULT)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE heap (words TEXT)")
    database.tidy()
    before = (tmp_path / "tidy.sqlite3").stat().st_size
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO heap VALUES (?)", ("x" * 1_000_000,))
    assert (tmp_path / "tidy.sqlite3").stat().st_size == before
    with database.read() as reader, database.write() as writer:
        assert reader.exec_driver_sql("SELECT count(*) FROM heap").scalar() == 1
        writer.exec_driver_sql("INSERT INTO heap VALUES ('later')")
        database.tidy()
        assert (tmp_path / "tidy.sqlite3").stat().st_size >= 1_000_000
    database.close()
