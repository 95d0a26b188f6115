"""The audit's questions to the database; each is one statement over the whole log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, or_, select

from dispatcher.adapters.database.schema import attempts, letters, moves, outbox
from dispatcher.domain.delivery import WITH_MISSION, DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.domain.outcome import OutcomeKind

# More of one kind would not be read; the exit code is 1 all the same.
_SHOWN = 1000
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

    def approvals_that_differ_from_the_log(self) -> Sequence[int]:
        step = and_(moves.c.subject == "letter", moves.c.new == LetterState.APPROVED.value)
        logged = exists().where(step, moves.c.subject_id == letters.c.id)
        approved = exists().where(letters.c.id == moves.c.subject_id, letters.c.approved_at.is_not(None))
        return [
            *self._ids(select(letters.c.id).where(letters.c.approved_at.is_not(None), ~logged)),
            *self._ids(select(moves.c.subject_id).where(step, ~approved).distinct()),
        ]

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

    def rows_that_differ_from_the_log(self) -> Sequence[tuple[str, int]]:
        last = (
            select(func.max(moves.c.id).label("id"))
            .group_by(moves.c.subject, moves.c.subject_id)
            .subquery("last")
        )
        ends = (
            select(moves.c.subject, moves.c.subject_id, moves.c.new)
            .join(last, last.c.id == moves.c.id)
            .subquery("ends")
        )
        found: list[tuple[str, int]] = []
        for table, subject in ((letters, "letter"), (outbox, "delivery")):
            mine = and_(ends.c.subject == subject, ends.c.subject_id == table.c.id)
            query = (
                select(table.c.id)
                .outerjoin(ends, mine)
                .where(or_(ends.c.new.is_(None), ends.c.new != table.c.state))
            )
            found += [(subject, id) for id in self._ids(query)]
        return found

    def moves_out_of_order(self) -> Sequence[tuple[str, int]]:
        before = func.lag(moves.c.new).over(
            partition_by=(moves.c.subject, moves.c.subject_id), order_by=moves.c.id
        )
        steps = select(moves.c.subject, moves.c.subject_id, moves.c.old, before.label("before")).subquery(
            "steps"
        )
        query = (
            select(steps.c.subject, steps.c.subject_id)
            .where(func.coalesce(steps.c.old, "") != func.coalesce(steps.c.before, ""))
            .distinct()
            .limit(_SHOWN)
        )
        return [(row[0], row[1]) for row in self._connection.execute(query)]

    def kinds_of_moves(self) -> Sequence[tuple[str, str | None, str]]:
        rows = self._connection.execute(select(moves.c.subject, moves.c.old, moves.c.new).distinct())
        return [(row[0], row[1], row[2]) for row in rows]

    def example_of(self, subject: str, old: str | None, new: str) -> int:
        begins = moves.c.old.is_(None) if old is None else moves.c.old == old
        query = select(moves.c.subject_id).where(moves.c.subject == subject, begins, moves.c.new == new)
        return self._ids(query)[0]

    def _ids(self, query: Select[Any]) -> list[int]:
        return list(self._connection.scalars(query.limit(_SHOWN)))
