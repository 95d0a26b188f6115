"""The audit's questions to the database; each is one statement over the whole log."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Select, Table, and_, case, exists, func, or_, select, union

from dispatcher.adapters.database.lease_table import all_held
from dispatcher.adapters.database.letters import CHUNK
from dispatcher.adapters.database.queue_table import ON_THE_WIRE, QUEUED, SAME, STATE
from dispatcher.adapters.database.schema import attempts, letters, moves, outbox, queue
from dispatcher.adapters.database.seals import SealTable
from dispatcher.domain.balance import LetterRow, OutboxRow
from dispatcher.domain.delivery import AWAITED, GIVEN_BACK, LIVE, WITH_MISSION, DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.domain.sealing import LogPages, Seal

# More of one kind would not be read; the exit code is 1 all the same.
_SHOWN = 1000
# Rows fetched at a time.
_PAGE = 10_000
_LETTER_ROWS = outbox.c.kind == "letter"
_GIVEN_BACK = [kind.value for kind in (OutcomeKind.DEFERRED, OutcomeKind.REFUSED, OutcomeKind.UNKNOWN)]
_THERE = [state.value for state in WITH_MISSION]


class LedgerTables:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_doubt(self) -> Sequence[int]:
        return self._ids(
            select(outbox.c.id).where(outbox.c.state == DeliveryState.IN_DOUBT.value).order_by(outbox.c.id)
        )

    def deliveries_answered_twice(self) -> Sequence[int]:
        later = attempts.alias("later")
        # A carrier that could not deliver a fax gives it back, under its own id for it: then it may be given once more.
        given_back = exists().where(
            later.c.outbox == attempts.c.outbox,
            later.c.id > attempts.c.id,
            later.c.provider_ref == attempts.c.provider_ref,
            later.c.outcome.in_(_GIVEN_BACK),
        )
        several = (
            select(attempts.c.outbox)
            .where(attempts.c.outcome == OutcomeKind.ACCEPTED.value)
            .group_by(attempts.c.outbox)
            .having(func.count() > 1)
        )
        twice_taken = (
            select(attempts.c.outbox)
            .where(
                attempts.c.outbox.in_(several), attempts.c.outcome == OutcomeKind.ACCEPTED.value, ~given_back
            )
            .group_by(attempts.c.outbox)
            .having(func.count() > 1)
        )
        twice_there = (
            select(attempts.c.outbox)
            .where(attempts.c.outcome == OutcomeKind.DELIVERED.value)
            .group_by(attempts.c.outbox)
            .having(func.count() > 1)
        )
        return self._ids(twice_taken.union(twice_there))

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

    def letters_once_taken(self, ids: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for start in range(0, len(ids), CHUNK):
            found.update(
                self._connection.scalars(
                    select(outbox.c.letter)
                    .join(moves, and_(moves.c.subject == "delivery", moves.c.subject_id == outbox.c.id))
                    .where(
                        outbox.c.letter.in_(ids[start : start + CHUNK]),
                        _LETTER_ROWS,
                        moves.c.new.in_(_THERE),
                    )
                )
            )
        return found

    def attempts_of_nobody(self) -> Sequence[int]:
        known = exists().where(outbox.c.id == attempts.c.outbox)
        return self._ids(select(attempts.c.outbox).where(~known).distinct())

    def deliveries_wrongly_marked(self) -> Sequence[int]:
        over = outbox.c.state.in_([state.value for state in DeliveryState if state not in LIVE])
        awaited = outbox.c.state.in_([state.value for state in AWAITED])
        otherwise = outbox.c.awaits.is_distinct_from(case((awaited, outbox.c.state)))
        return self._ids(select(outbox.c.id).where(or_(outbox.c.live == over, otherwise)))

    def deliveries_out_of_line(self) -> Sequence[int]:
        held = all_held(self._connection.dialect.name)
        nowhere = select(outbox.c.id).where(ON_THE_WIRE, outbox.c.id.not_in(held))
        twice = select(queue.c.delivery).where(queue.c.delivery.in_(held))
        other = or_(*(queue.c[name].is_distinct_from(outbox.c[name]) for name in SAME))
        otherwise = (
            select(queue.c.delivery)
            .outerjoin(outbox, outbox.c.id == queue.c.delivery)
            .where(or_(outbox.c.id.is_(None), ~QUEUED, other))
        )
        return self._ids(union(nowhere, twice, otherwise))

    def deliveries_given_back_by_nobody(self) -> Sequence[int]:
        said = exists().where(
            attempts.c.outbox == outbox.c.id,
            attempts.c.provider_ref.is_not(None),
            attempts.c.outcome.in_(_GIVEN_BACK),
        )
        return self._ids(
            select(outbox.c.id)
            .join(moves, and_(moves.c.subject == "delivery", moves.c.subject_id == outbox.c.id))
            .where(
                moves.c.old == DeliveryState.ACCEPTED.value,
                moves.c.new.in_([state.value for state in GIVEN_BACK[DeliveryState.ACCEPTED]]),
                or_(outbox.c.channel.is_distinct_from(Channel.FAX.value), ~said),
            )
            .distinct()
        )

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
        columns = (STATE, outbox.c.kind, outbox.c.letter, outbox.c.mission, outbox.c.channel)
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

    def _ids(self, query: Select[Any] | CompoundSelect[Any]) -> list[int]:
        return list(self._connection.scalars(query.limit(_SHOWN)))
