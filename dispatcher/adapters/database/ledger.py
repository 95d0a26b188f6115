"""The audit's questions to the database; each is one statement over the whole log."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, exists, func, select

from dispatcher.adapters.database.schema import attempts, letters, moves, outbox
from dispatcher.adapters.database.seals import SealTable
from dispatcher.domain.delivery import WITH_MISSION, DeliveryState
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.domain.sealing import LogPages, Seal

# More of one kind would not be read; the exit code is 1 all the same.
_SHOWN = 1000
# Rows fetched at a time.
_PAGE = 10_000
_LETTER_ROWS = outbox.c.kind == "letter"
_THERE = [state.value for state in WITH_MISSION]


class LedgerTables:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def approved(self) -> int:
        return self._connection.execute(
            select(func.count()).select_from(letters).where(letters.c.approved_at.is_not(None))
        ).scalar_one()

    def latest(self) -> Sequence[tuple[str | None, str | None, str, int]]:
        last = (
            select(func.max(outbox.c.id).label("id"))
            .where(_LETTER_ROWS)
            .group_by(outbox.c.letter)
            .subquery("last")
        )
        query = (
            select(outbox.c.mission, outbox.c.channel, outbox.c.state, func.count())
            .join(last, last.c.id == outbox.c.id)
            .join(letters, letters.c.id == outbox.c.letter)
            .where(letters.c.approved_at.is_not(None))
            .group_by(outbox.c.mission, outbox.c.channel, outbox.c.state)
            .order_by(outbox.c.mission, outbox.c.channel)
        )
        return [(row[0], row[1], row[2], row[3]) for row in self._connection.execute(query)]

    def in_doubt(self) -> Sequence[int]:
        return self._ids(
            select(outbox.c.id)
            .where(_LETTER_ROWS, outbox.c.state == DeliveryState.IN_DOUBT.value)
            .order_by(outbox.c.id)
        )

    def approved_without_delivery(self) -> Sequence[int]:
        mine = exists().where(outbox.c.letter == letters.c.id, _LETTER_ROWS)
        return self._ids(select(letters.c.id).where(letters.c.approved_at.is_not(None), ~mine))

    def delivered_without_approval(self) -> Sequence[int]:
        return self._ids(
            select(letters.c.id)
            .join(outbox, and_(outbox.c.letter == letters.c.id, _LETTER_ROWS))
            .where(letters.c.approved_at.is_(None))
            .distinct()
        )

    def letters_sent_twice(self) -> Sequence[int]:
        return self._ids(
            select(outbox.c.letter)
            .where(_LETTER_ROWS, outbox.c.state.in_(_THERE))
            .group_by(outbox.c.letter)
            .having(func.count() > 1)
        )

    def deliveries_answered_twice(self) -> Sequence[int]:
        return self._ids(
            select(attempts.c.outbox)
            .where(attempts.c.outcome == OutcomeKind.ACCEPTED.value)
            .group_by(attempts.c.outbox)
            .having(func.count() > 1)
        )

    def deliveries_without_an_answer(self) -> Sequence[int]:
        answered = exists().where(
            attempts.c.outbox == outbox.c.id, attempts.c.outcome == OutcomeKind.ACCEPTED.value
        )
        settled_later = exists().where(
            moves.c.subject == "delivery",
            moves.c.subject_id == outbox.c.id,
            moves.c.old == DeliveryState.IN_DOUBT.value,
        )
        return self._ids(select(outbox.c.id).where(outbox.c.state.in_(_THERE), ~answered, ~settled_later))

    def seals(self) -> Iterator[Seal]:
        return SealTable(self._connection).all()

    def rows(self) -> LogPages:
        return SealTable(self._connection).rows(None)

    def highest(self) -> dict[str, int]:
        tables = {"letter": letters, "delivery": outbox}
        return {
            subject: self._connection.execute(select(func.max(each.c.id))).scalar() or 0
            for subject, each in tables.items()
        }

    def letter_states(self) -> Iterator[tuple[int, str, bool]]:
        approved = letters.c.approved_at.is_not(None)
        return self._rows(select(letters.c.id, letters.c.state, approved), letters)

    def delivery_states(self) -> Iterator[tuple[int, str]]:
        return self._rows(select(outbox.c.id, outbox.c.state), outbox)

    def _rows(self, query: Select[Any], of: Table) -> Iterator[Any]:
        """By key, so that no more than a page is in memory, whichever driver; as the driver gives them."""
        last = None
        while True:
            cursor = self._connection.execute(
                (query if last is None else query.where(of.c.id > last)).order_by(of.c.id).limit(_PAGE)
            ).cursor
            page = cursor.fetchall() if cursor is not None else []
            if not page:
                return
            yield from page
            last = page[-1][0]

    def _ids(self, query: Select[Any]) -> list[int]:
        return list(self._connection.scalars(query.limit(_SHOWN)))
