"""Slots of the timetable, and what each mission was sent in the last hour."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from dispatcher.adapters.database.bulk import fetched, listed_texts, texts_as_value
from dispatcher.adapters.database.directory_schema import missions
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
            add_up = _add_up(self._connection.dialect.name, slots).returning(slots.c.taken)
            taken = self._connection.execute(add_up, row).scalar_one()
            first[mission] = taken - wanted[mission]
        return first

    def let_through(self, names: Sequence[str], *, since_minute: int) -> dict[str, dict[int, int]]:
        engine = self._connection.dialect.name
        value = texts_as_value(self._connection, names)
        if engine == "postgresql":
            self._connection.execute(_LOCK, {"names": value})
        found: dict[str, dict[int, int]] = {name: {} for name in names}
        for mission, minute, used in fetched(
            self._connection, _spent(engine), names=value, since=since_minute
        ):
            found[mission][minute] = used
        return found

    def note_let_through(self, counts: Mapping[str, int], *, minute: int) -> None:
        rows = [{"mission": mission, "minute": minute, "used": counts[mission]} for mission in sorted(counts)]
        if rows:
            self._connection.execute(_add_up(self._connection.dialect.name, pace), rows)

    def forget_before(self, minute: int) -> None:
        self._connection.execute(delete(pace).where(pace.c.minute < minute))


_LOCK = (
    select(missions.c.id)
    .where(missions.c.id.in_(listed_texts("postgresql", "names")))
    .order_by(missions.c.id)
    .with_for_update()
)


@cache
def _spent(engine: str) -> Select[Any]:
    mine = pace.c.mission.in_(listed_texts(engine, "names"))
    return select(pace).where(mine, pace.c.minute >= bindparam("since", type_=BigInteger))


@cache
def _add_up(engine: str, table: Table) -> Any:
    """INSERT, or where the row exists already, add to its counter, which is the last column; both engines say it in
    the same words but SQLAlchemy has a construct for each."""
    *keys, counter = table.c
    statement = (postgresql if engine == "postgresql" else sqlite).insert(table)
    more = {counter.name: counter + statement.excluded[counter.name]}
    return statement.values({each: bindparam(each.name) for each in table.c}).on_conflict_do_update(
        index_elements=keys, set_=more
    )
