"""Migrations, on both engines."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.migrate import NEWEST, DatabaseTooNew, is_current, migrate
from dispatcher.adapters.database.naming import metadata
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import Vault
from dispatcher.domain.delivery import DeliveryState
from dispatcher.shelf import resource
from tests.conftest import POSTGRESQL

on_postgresql = pytest.mark.parametrize("engine_name", [POSTGRESQL], indirect=True)


def database_at(url: str, folder: Path) -> Database:
    return Database(url, Vault.open(folder / "secret.key"))


def test_a_migrated_database_is_the_schema(empty_database_url: str, tmp_path: Path) -> None:
    database = database_at(empty_database_url, tmp_path)
    migrate(database)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
    database.close()


def test_the_database_itself_keeps_the_promised_uniqueness(empty_database_url: str, tmp_path: Path) -> None:
    """alembic does not compare the conditions of partial indexes, and these carry promise 2."""
    database = database_at(empty_database_url, tmp_path)
    migrate(database)
    with database.read() as connection:
        for table, name, words in (
            ("outbox", "uq_outbox_live", ("live", "letter")),
            ("outbox", "uq_outbox_notice", ("notice",)),
            ("letters", "uq_letters_standing", ("stands",)),
        ):
            (index,) = [each for each in inspect(connection).get_indexes(table) if each["name"] == name]
            assert index["unique"]
            condition = str(index["dialect_options"][f"{connection.dialect.name}_where"])
            assert all(word in condition for word in words), condition
    database.close()


@on_postgresql
@pytest.mark.parametrize(("length", "elsewhere"), [(4_000, False), (20_000, True)])
def test_the_bytes_of_a_usual_letter_stand_in_their_row(
    empty_database_url: str, tmp_path: Path, length: int, elsewhere: bool
) -> None:
    database = database_at(empty_database_url, tmp_path)
    migrate(database)
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO renderings (media_type, digest, content, enclosures, at) "
                "VALUES ('message/rfc822', 'd', :content, '', 1)"
            ),
            {"content": os.urandom(length)},
        )
        behind = "SELECT pg_relation_size(reltoastrelid) > 0 FROM pg_class WHERE relname = 'renderings'"
        assert connection.execute(text(behind)).scalar_one() is elsewhere
    database.close()


def test_words_of_letters_survive_their_move_to_a_table_of_their_own(
    empty_database_url: str, tmp_path: Path
) -> None:
    database = database_at(empty_database_url, tmp_path)
    words = {"name": b"n", "email": b"e", "organisation": None, "city": b"c", "subject": b"s", "text": b"t"}
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(resource("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text(
                "INSERT INTO letters (id, campaign, action_day, state, source, country, language, shielded, verdict, "
                "asked_for_person, mission, submitted_at, name, email, organisation, city, subject, text) VALUES "
                "(7, 'c', '2027-09-24', 'approved', 'file', 'NL', 'en', false, 'pass', false, 'm', 1, "
                ":name, :email, :organisation, :city, :subject, :text)"
            ),
            words,
        )
        for number, state in enumerate(("failed", "bounced", "cancelled", "queued"), start=1):
            connection.execute(
                text(
                    "INSERT INTO outbox (id, kind, letter, campaign, state, due_at, message_id, created_at, moved_at) "
                    "VALUES (:id, 'letter', 7, 'c', :state, 1, :id, 1, 1)"
                ),
                {"id": number, "state": state},
            )
        connection.execute(text(_ON_THE_WIRE))
    migrate(database)
    with database.read() as connection:
        row = connection.execute(text("SELECT * FROM writings")).mappings().one()
        assert row["letter"] == 7
        assert {name: value and bytes(value) for name, value in row.items() if name in words} == words
        live = connection.execute(text("SELECT state FROM outbox WHERE live AND id <> 9"))
        assert {row.state for row in live} == {"queued"}
        awaited = connection.execute(text("SELECT state, awaits FROM outbox WHERE awaits IS NOT NULL"))
        assert {(row.state, row.awaits) for row in awaited} == {
            (state, state) for state in ("failed", "bounced")
        }
        (lease,) = connection.execute(
            text("SELECT lease, courier, since, until, deliveries FROM leases")
        ).all()
        assert tuple(lease) == ("l", "c", 1, 5, "[9]")
        line = connection.execute(
            text("SELECT delivery, kind, campaign, mission, due_at, rendering FROM queue")
        )
        assert [tuple(row) for row in line] == [(4, "letter", "c", None, 1, None)]
    with DatabaseStore(database).read() as work:
        assert work.outbox.under_way() == 1
        (going,) = work.outbox.of_lease("l")
        assert (going.id, going.state, going.tries) == (9, DeliveryState.SENDING, 1)
        assert work.ledger.deliveries_out_of_line() == []
    database.close()


_ON_THE_WIRE = """INSERT INTO outbox (id, kind, letter, notice, campaign, state, due_at, message_id, created_at, moved_at,
    lease, courier, lease_until, tries) VALUES (9, 'notice', 7, 'receipt', 'c', 'sending', 1, '9', 1, 1, 'l', 'c', 5, 1)"""


def test_newest_is_the_head_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]


def test_a_fresh_database_is_not_current_and_a_migrated_one_is(
    empty_database_url: str, tmp_path: Path
) -> None:
    database = database_at(empty_database_url, tmp_path)
    assert not is_current(database)
    migrate(database)
    assert is_current(database)
    migrate(database)  # nothing to do, and no complaint
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match="9999"):
        migrate(database)


def test_a_migration_that_breaks_off_leaves_nothing_behind(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = database_at(empty_database_url, tmp_path)
    folder = tmp_path / "migrations"
    versions = folder / "versions"
    versions.mkdir(parents=True)
    for file in ("env.py", "script.py.mako"):
        (folder / file).write_bytes(resource("migrations", file).read_bytes())
    first = resource("migrations", "versions", "0001_first_tables.py").read_text()
    (versions / "0001.py").write_text(first + "    raise ZeroDivisionError\n")
    monkeypatch.setattr("dispatcher.adapters.database.migrate.resource", lambda *_: folder)
    with pytest.raises(ZeroDivisionError):
        migrate(database)
    monkeypatch.undo()
    with database.read() as connection:
        assert "letters" not in inspect(connection).get_table_names()
    migrate(database)
    assert is_current(database)
    database.close()


_MIGRATE = """
import sys, pathlib
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.migrate import migrate
from dispatcher.adapters.database.types import Vault
vault = Vault.open(pathlib.Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
migrate(Database(sys.argv[1], vault))
"""


def test_processes_that_migrate_at_once_do_not_hurt_each_other(
    empty_database_url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _MIGRATE, empty_database_url, str(tmp_path / "secret.key")]
    crew = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for each in crew:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in crew:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    ends = [each.communicate(timeout=60) for each in crew]
    assert [each.returncode for each in crew] == [0, 0, 0], [error[-500:] for _, error in ends]
    database = database_at(empty_database_url, tmp_path)
    assert is_current(database)
    database.close()
