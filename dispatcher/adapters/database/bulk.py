"""Many rows in one go, past the layers that are made for single ones.

On SQLite the driver's own executemany; on PostgreSQL one INSERT from arrays, which is one round trip. Both cost a few
microseconds a row where SQLAlchemy's executemany costs ten. Lists of ids travel as one value.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Executable,
    Float,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    func,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from dispatcher.adapters.database.types import Instant, Sealed, microseconds, vault_of


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """rows: values as Python has them; each column's own type turns them into what the database keeps."""
    if not rows:
        return
    dialect = connection.dialect
    processors = [_processor(table.c[name], dialect) for name in columns]
    by_column = [
        values if process is None else _processed(process, values)
        for values, process in zip(zip(*rows, strict=True), processors, strict=True)
    ]
    if dialect.name == "postgresql":
        connection.exec_driver_sql(_from_arrays(table, tuple(columns)), tuple(map(list, by_column)))
    else:
        connection.exec_driver_sql(_insert(table, tuple(columns)), list(zip(*by_column, strict=True)))


@cache
def listed(engine: str) -> Select[tuple[int]]:
    """Ids as rows of one column, `id`, in their order: an IN list that costs nothing for each of its members.

    engine: the dialect's name. The statement it stands in is given the ids as its value `ids`, see `as_value`; so
    statements with it can be built once.
    """
    if engine == "postgresql":
        array = sql_cast(bindparam("ids", type_=Text), ARRAY(BigInteger))
        return select(func.unnest(array).column_valued("id"))
    return select(func.json_each(bindparam("ids", type_=Text)).table_valued("value").c.value.label("id"))


def listed_texts(engine: str, name: str) -> Select[tuple[str]]:
    """As `listed`, for texts, in the value of this name."""
    if engine == "postgresql":
        return select(func.unnest(bindparam(name, type_=ARRAY(Text))).column_valued("text"))
    return select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value)


def as_value(connection: Connection, ids: Sequence[int]) -> str:
    """As JSON or as PostgreSQL writes an array: Python's own way to write a list is the quickest of all, and nearly both."""
    written = str(list(ids))
    return written if connection.dialect.name == "sqlite" else f"{{{written[1:-1]}}}"


def texts_as_value(connection: Connection, texts: Sequence[str]) -> list[str] | str:
    return json.dumps(texts) if connection.dialect.name == "sqlite" else list(texts)


def fetched(connection: Connection, query: Executable, **values: Any) -> Sequence[Any]:
    """The rows as the driver gives them: nothing converted, sealed columns still sealed."""
    cursor = connection.execute(query, values).cursor
    return cursor.fetchall() if cursor is not None else ()


def picked(connection: Connection, columns: Sequence[Column[Any]], ids: Sequence[int]) -> Sequence[Any]:
    """Rows of `id` and these columns as they are kept, which may be large. None where there is no such row."""
    table = columns[0].table
    if connection.dialect.name == "postgresql":
        # In PostgreSQL's text form, which is psycopg's habit, bytes come as twice as many hexadecimal digits.
        driver: Any = connection.connection.driver_connection
        with driver.cursor(binary=True) as cursor:
            names = ", ".join(column.name for column in columns)
            theirs = f"SELECT id, {names} FROM {table.name} WHERE id = ANY(%s::bigint[])"  # noqa: S608 - our own names
            found: Sequence[Any] = cursor.execute(theirs, (as_value(connection, ids),)).fetchall()
            return found
    return fetched(connection, _picking(tuple(columns)), ids=as_value(connection, ids))


@cache
def _picking(columns: tuple[Column[Any], ...]) -> Select[Any]:
    table = columns[0].table
    return select(table.c.id, *columns).where(table.c.id.in_(listed("sqlite")))


def _processed(process: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Rows of one batch have many times in common, and turning one into a number costs as much as writing it."""
    made: list[Any] = []
    last = result = None
    for value in values:
        if value is not last:
            last, result = value, None if value is None else process(value)
        made.append(result)
    return made


def _processor(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What SQLAlchemy would do with a value of this column; our own two types without its layers around them."""
    if isinstance(column.type, Instant):
        return microseconds
    if isinstance(column.type, Sealed):
        seal, context = vault_of(dialect).seal, column.type.context.encode()
        return lambda value: seal(value.encode(), context)
    return column.type.dialect_impl(dialect).bind_processor(dialect)


@cache
def _insert(table: Table, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table.name} ({names}) VALUES ({values})"  # noqa: S608 - names from our own schema


@cache
def _from_arrays(table: Table, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"%s::{_array_type(table.c[name])}" for name in columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 - as above


def _array_type(column: Column[Any]) -> str:
    kind = getattr(column.type, "impl_instance", column.type)
    for known, name in _ARRAY_TYPES:
        if isinstance(kind, known):
            return name
    return "text[]"


# The first that fits: BigInteger is an Integer too.
_ARRAY_TYPES: tuple[tuple[type, str], ...] = (
    (BigInteger, "bigint[]"),
    (Integer, "integer[]"),
    (Boolean, "boolean[]"),
    (Float, "double precision[]"),
    (LargeBinary, "bytea[]"),
)
