"""The tests' own PostgreSQL databases: what one test did to one, no other test may see."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.lent_postgres import LentPostgres


@pytest.fixture
def lent(lent_postgres: LentPostgres) -> Iterator[LentPostgres]:
    """Of the same furniture, with no database lent to another test."""
    own = LentPostgres(server=lent_postgres.server, template=lent_postgres.template)
    yield own
    own.close()


def _contents(url: str) -> dict[str, Any]:
    """The rows of each table, and the number that each sequence gave last."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found: dict[str, Any] = {
            name: sorted(map(str, connection.execute(SQL("SELECT * FROM {}").format(Identifier(name)))))
            for (name,) in tables
        }
        last = "SELECT sequencename, last_value FROM pg_sequences ORDER BY sequencename"
        return found | {"sequences": connection.execute(last).fetchall()}


def test_a_database_is_lent_again_as_it_was(lent: LentPostgres) -> None:
    url = lent.lend()
    before = _contents(url)
    assert before["missions"] and before["contacts"] and not before["organizers"]
    with closing(psycopg.connect(url)) as left_open:
        left_open.execute("UPDATE missions SET name = 'another'")
        left_open.execute("DELETE FROM contacts")
        left_open.execute("INSERT INTO organizers (name, role, added_at) VALUES ('Mina', 'admin', 0)")
        left_open.commit()
        assert _contents(url) != before
        left_open.execute("LOCK TABLE missions")  # as a courier may that was killed
        lent.take_back(url)
    assert lent.lend() == url
    assert _contents(url) == before


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE pauses",
        "CREATE TABLE more (id integer)",
        "ALTER TABLE pauses ADD COLUMN more integer",
        "ALTER TABLE pauses DROP COLUMN reason",
        "DROP INDEX ix_queue_unrendered",
        "ANALYZE missions",
        "INSERT INTO pauses SELECT 'all', n::text, 0, 'Mina', repeat('x', 999) FROM generate_series(1, 4500) AS n",
    ],
)
def test_a_database_of_another_shape_is_not_lent_again(lent: LentPostgres, statement: str) -> None:
    url = lent.lend()
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
    lent.take_back(url)
    another = lent.lend()
    assert another != url
    assert _contents(another)["missions"]
    lent.take_back(another)
