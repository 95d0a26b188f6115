"""Slots of the timetable, and what each mission was sent in the last hour."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

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
            taken = self._connection.execute(
                self._add_up(slots, row, ["campaign", "action_day", "mission"], "taken").returning(
                    slots.c.taken
                )
            ).scalar_one()
            first[mission] = taken - wanted[mission]
        return first

    def let_through(self, names: Sequence[str], *, since_minute: int) -> dict[str, dict[int, int]]:
        self._connection.execute(
            select(missions.c.id).where(missions.c.id.in_(names)).order_by(missions.c.id).with_for_update()
        ).all()
        rows = self._connection.execute(
            select(pace).where(pace.c.mission.in_(names), pace.c.minute >= since_minute)
        )
        found: dict[str, dict[int, int]] = {name: {} for name in names}
        for row in rows:
            found[row.mission][row.minute] = row.used
        return found

    def note_let_through(self, counts: Mapping[str, int], *, minute: int) -> None:
        rows = [{"mission": mission, "minute": minute, "used": counts[mission]} for mission in sorted(counts)]
        if rows:
            add_up = self._add_up(pace, rows[0], ["mission", "minute"], "used")
            self._connection.execute(add_up, rows)

    def forget_before(self, minute: int) -> None:
        self._connection.execute(delete(pace).where(pace.c.minute < minute))

    def _add_up(self, table: Table, row: dict[str, Any], keys: list[str], column: str) -> Any:
        """INSERT, or where the row exists already, add to its counter; both engines say it in the same words
        but SQLAlchemy has a construct for each."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).values(**row)
        return statement.on_conflict_do_update(
            index_elements=keys, set_={column: table.c[column] + statement.excluded[column]}
        )
