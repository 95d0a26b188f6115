"""Slots of the timetable, and what each mission was sent in the last hour."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.adapters.database.bulk import fetched, listed_texts, texts_as_value
from dispatcher.adapters.database.schema import pace, slots
from dispatcher.domain.campaign import CampaignId


class TimingTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_slots(self, campaign: CampaignId, action_day: date, wanted: Mapping[str, int]) -> dict[str, int]:
        first = {}
        for mission in sorted(wanted):  # one order for all writers, so that they never lock each other out
            row = {
                "campaign": campaign,
                "action_day": action_day,
                "mission": mission,
                "taken": wanted[mission],
            }
            taken = self._connection.execute(_take_slots(self._connection.dialect.name), row).scalar_one()
            first[mission] = taken - wanted[mission]
        return first

    def let_through(self, names: Sequence[str], *, since_minute: int) -> dict[str, dict[int, int]]:
        engine = self._connection.dialect.name
        value = texts_as_value(self._connection, names)
        if engine == "postgresql":
            self._connection.execute(_TURN)
        found: dict[str, dict[int, int]] = {name: {} for name in names}
        for mission, minute, used in fetched(
            self._connection, _spent(engine), names=value, since=since_minute
        ):
            found[mission][minute] = used
        return found

    def note_let_through(self, counts: Mapping[str, int], *, minute: int) -> None:
        names = sorted(counts)  # one order for all writers, as above
        if names:
            engine = self._connection.dialect.name
            rows = json.dumps([[name, counts[name]] for name in names])
            self._connection.execute(_let_through(engine), {"rows": rows, "minute": minute})

    def give_back(self, counts: Mapping[str, int], *, minute: int) -> None:
        if counts:
            self._connection.execute(
                update(pace)
                .where(pace.c.mission == bindparam("name"), pace.c.minute == minute)
                .values(used=pace.c.used - bindparam("unused")),
                [{"name": name, "unused": counts[name]} for name in sorted(counts)],  # one order, as above
            )

    def forget_before(self, minute: int) -> None:
        self._connection.execute(delete(pace).where(pace.c.minute < minute))


# Until the transaction ends nobody else counts; SQLite has one writer anyway. A batch has letters to nearly every mission,
# so to lock these one by one would keep nobody else less waiting.
_TURN = select(func.pg_advisory_xact_lock(0x9ACE))  # any number of our own


@cache
def _spent(engine: str) -> Select[Any]:
    mine = pace.c.mission.in_(listed_texts(engine, "names"))
    return select(pace).where(mine, pace.c.minute >= bindparam("since", type_=BigInteger))


@cache
def _take_slots(engine: str) -> Any:
    row = _new(engine, slots).values({each: bindparam(each.name) for each in slots.c})
    return _adding_up(row, slots).returning(slots.c.taken)


@cache
def _let_through(engine: str) -> Any:
    """rows: a JSON list of [mission, count]."""
    rows = bindparam("rows", type_=Text)
    mission: Any
    count: Any
    if engine == "postgresql":
        each = func.json_array_elements(cast(rows, JSON)).table_valued("value")
        mission, count = each.c.value.op("->>")(0), each.c.value.op("->>")(1)
    else:
        each = func.json_each(rows).table_valued("value")
        mission, count = func.json_extract(each.c.value, "$[0]"), func.json_extract(each.c.value, "$[1]")
    minute = bindparam("minute", type_=BigInteger)
    # SQLite takes ON CONFLICT for a part of the join where no WHERE stands before it.
    found = select(mission, minute, cast(count, Integer)).select_from(each).where(true())
    return _adding_up(_new(engine, pace).from_select(["mission", "minute", "used"], found), pace)


def _new(engine: str, table: Table) -> Any:
    return (postgresql if engine == "postgresql" else sqlite).insert(table)


def _adding_up(statement: Any, table: Table) -> Any:
    """Where the row exists already, adds to its counter, which is the last column; both engines say it in the same
    words but SQLAlchemy has a construct for each."""
    *keys, counter = table.c
    more = {counter.name: counter + statement.excluded[counter.name]}
    return statement.on_conflict_do_update(index_elements=keys, set_=more)
