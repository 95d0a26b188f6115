"""Furnished PostgreSQL databases for tests, lent one after the other.

A new database is a copy of a few hundred files and two checkpoints, a third of a second on a busy machine. So one
that comes back with nothing changed but rows is laid out anew, in a few milliseconds, and lent again; one whose
schema, statistics or size have changed is dropped.
"""

from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

# More than this, and the next test would look through the dead rows of the last one.
_MOST_BYTES = 4_000_000
_OTHERS_LEAVE: LiteralString = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_TABLES: LiteralString = """
    SELECT relname, array_agg(attname::text ORDER BY attnum) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND attnum > 0 AND NOT attisdropped AND attgenerated = '' GROUP BY relname ORDER BY relname"""
_SEQUENCES: LiteralString = """
    SELECT sequencename, start_value, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename"""
# What is new or changed in a catalogue has a higher xmin than all before, and what is gone is not counted. ANALYZE
# writes reltuples in place.
_SHAPE: LiteralString = """
    SELECT (SELECT concat_ws(' ', count(*), max(xmin::text::bigint), sum(reltuples)) FROM pg_class)""" + "".join(
    f", (SELECT concat_ws(' ', count(*), max(xmin::text::bigint)) FROM {catalogue})"
    for catalogue in ("pg_attribute", "pg_index", "pg_trigger", "pg_constraint", "pg_proc", "pg_statistic")
)
_BYTES: LiteralString = """
    SELECT sum(pg_relation_size(oid)) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"""

_Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class PostgresServer:
    """url: of the database from which others are made."""

    url: str

    def create(self, *, template: str | None = None) -> str:
        """The address of a new database."""
        name = f"dispatcher_{uuid4().hex[:16]}"
        like = f" TEMPLATE {make_url(template).database} STRATEGY file_copy" if template else ""
        self._run(f"CREATE DATABASE {name}{like}")
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


@dataclass(frozen=True)
class _Layout:
    """What a furnished database looks like: each table's columns and rows, each sequence's place."""

    shape: tuple[Any, ...]
    tables: dict[str, tuple[list[str], bytes]]
    sequences: list[tuple[str, int, int | None]]


@dataclass(kw_only=True)
class LentPostgres:
    """template: a furnished database, to be copied."""

    server: PostgresServer
    template: str
    _free: list[str] = field(default_factory=list)
    _layouts: dict[str, _Layout] = field(default_factory=dict)

    def lend(self) -> str:
        if self._free:
            return self._free.pop()
        url = self.server.create(template=self.template)
        with psycopg.connect(url) as connection:
            self._layouts[url] = _layout(connection)
        return url

    def take_back(self, url: str) -> None:
        try:
            with psycopg.connect(url) as connection:
                usable = _lay_out_anew(connection, self._layouts[url])
        except psycopg.Error:
            usable = False  # gone, or its tables are: whatever the test did to it, the next one gets another
        if usable:
            self._free.append(url)
        else:
            self.server.drop(url)

    def close(self) -> None:
        for url in self._free:
            self.server.drop(url)


def _layout(connection: _Connection) -> _Layout:
    tables = {
        name: (columns, _rows(connection, name, columns)) for name, columns in connection.execute(_TABLES)
    }
    sequences = [(name, start, last) for name, start, last in connection.execute(_SEQUENCES)]
    return _Layout(shape=_shape(connection), tables=tables, sequences=sequences)


def _shape(connection: _Connection) -> tuple[Any, ...]:
    found = connection.execute(_SHAPE).fetchone()
    assert found is not None
    return found


def _rows(connection: _Connection, table: str, columns: list[str]) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(_names(table, columns))) as copy:
        return b"".join(bytes(block) for block in copy)


def _names(table: str, columns: list[str]) -> sql.Composable:
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("{} ({})").format(sql.Identifier(table), listed)


def _lay_out_anew(connection: _Connection, layout: _Layout) -> bool:
    """Answers False where more has changed than can be put back."""
    connection.execute("SET LOCAL lock_timeout = 5000")
    connection.execute(_OTHERS_LEAVE)
    if _shape(connection) != layout.shape:
        return False
    (size,) = connection.execute(_BYTES).fetchone() or (0,)
    if size > _MOST_BYTES:
        return False
    # Neither triggers nor references look at what is deleted here.
    connection.execute("SET LOCAL session_replication_role = replica")
    for name, (columns, rows) in layout.tables.items():
        if rows and _rows(connection, name, columns) == rows:
            continue
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        if rows:
            with connection.cursor().copy(
                sql.SQL("COPY {} FROM STDIN").format(_names(name, columns))
            ) as copy:
                copy.write(rows)
    for name, start, last in layout.sequences:
        connection.execute("SELECT setval(%s::regclass, %s, %s)", (name, last or start, last is not None))
    return True
