"""The audit's questions to the database; each is one statement over the whole log."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, exists, func, select

from dispatcher.adapters.database.schema import attempts, letters, moves, outbox
from dispatcher.adapters.database.seals import SealTable
from dispatcher.domain.balance import LetterRow, OutboxRow
from dispatcher.domain.delivery import LIVE, WITH_MISSION, DeliveryState
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

    def in_doubt(self) -> Sequence[int]:
        return self._ids(
            select(outbox.c.id)
            .where(_LETTER_ROWS, outbox.c.state == DeliveryState.IN_DOUBT.value)
            .order_by(outbox.c.id)
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

    def deliveries_wrongly_live(self) -> Sequence[int]:
        over = outbox.c.state.in_([state.value for state in DeliveryState if state not in LIVE])
        return self._ids(select(outbox.c.id).where(outbox.c.live == over))

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

    def letters(self) -> Iterator[LetterRow]:
        return self._rows(select(letters.c.id, letters.c.state, letters.c.approved_at.is_not(None)), letters)

    def deliveries(self) -> Iterator[OutboxRow]:
        columns = (outbox.c.state, outbox.c.kind, outbox.c.letter, outbox.c.mission, outbox.c.channel)
        return self._rows(select(outbox.c.id, *columns), outbox)

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
