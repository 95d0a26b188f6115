"""The seals, and the rows that they are made over: read as the driver gives them, nothing opened, nothing converted."""

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Row, Table, column, func, insert, select, table, text

from dispatcher.adapters.database.bulk import fetched
from dispatcher.adapters.database.schema import attempts, moves, outbox, seals
from dispatcher.domain.sealing import LogPages, Reach, Seal, Span
from dispatcher.services.seals import Horizon

# Rows fetched at a time: less than a megabyte, for a courier seals while it sends.
_PAGE = 1_000
_MOVES = ("id", "subject", "subject_id", "old", "new", "reason", "note", "by", "at")
_ATTEMPTS = ("id", "outbox", "at", "ended_at", "outcome", "code", "enhanced_code", "reply", "provider_ref")
_DELIVERIES = (
    "id", "kind", "letter", "notice", "campaign", "mission", "channel", "recipient", "message_id", "created_at",
)  # fmt: skip
# A transaction gets its number with its first write, a moment after it has drawn the row's id: long enough that this
# moment is over for every row below a horizon.
_MARGIN_SECONDS = 2.0


class SealTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self) -> Seal | None:
        row = self._connection.execute(select(seals).order_by(seals.c.number.desc()).limit(1)).first()
        return _seal(row) if row else None

    def all(self) -> Iterator[Seal]:
        number = 0
        while rows := self._connection.execute(
            select(seals).where(seals.c.number > number).order_by(seals.c.number).limit(_PAGE)
        ).all():
            yield from map(_seal, rows)
            number = rows[-1].number

    def add(self, seal: Seal) -> None:
        self._connection.execute(
            insert(seals).values(
                number=seal.number,
                at=seal.at,
                first_move=seal.moves.first,
                last_move=seal.moves.last,
                moves=seal.moves.rows,
                first_attempt=seal.attempts.first,
                last_attempt=seal.attempts.last,
                attempts=seal.attempts.rows,
                first_delivery=seal.deliveries.first,
                last_delivery=seal.deliveries.last,
                deliveries=seal.deliveries.rows,
                salt=seal.salt,
                previous=seal.previous,
                hash=seal.hash,
            )
        )

    def horizon(self) -> Horizon:
        reach = Reach(*(self._highest(each) for each in (moves, attempts, outbox)))
        return Horizon(reach=reach, mark=self._snapshot("xmax"), taken=monotonic())

    def is_final(self, horizon: Horizon) -> bool:
        """SQLite has one writer at a time and numbers rows as they are committed: what is seen is final.
        PostgreSQL gives an id before the commit: final is what was drawn by transactions that have all ended."""
        if self._connection.dialect.name == "sqlite":
            return True
        rested = monotonic() - horizon.taken >= _MARGIN_SECONDS
        return rested and self._snapshot("xmin") >= horizon.mark

    def rows(self, after: Reach | None, upto: Reach | None = None) -> LogPages:
        return LogPages(
            moves=self._pages(moves, _MOVES, after and after.moves, upto and upto.moves),
            attempts=self._pages(attempts, _ATTEMPTS, after and after.attempts, upto and upto.attempts),
            deliveries=self._pages(outbox, _DELIVERIES, after and after.deliveries, upto and upto.deliveries),
        )

    def _highest(self, where: Table) -> int:
        return self._connection.execute(select(func.max(where.c.id))).scalar() or 0

    def _snapshot(self, edge: str) -> int:
        if self._connection.dialect.name == "sqlite":
            return 0
        number: int = self._connection.execute(
            text(f"SELECT pg_snapshot_{edge}(pg_current_snapshot())::text::bigint")
        ).scalar_one()
        return number

    def _pages(
        self, of: Table, names: Sequence[str], after: int | None, last: int | None
    ) -> Iterator[Sequence[Any]]:
        """By key, so that no more than a page is in memory, whichever driver."""
        # Without the columns' types: instants stay numbers, ciphertexts stay sealed.
        bare = table(of.name, *map(column, names))
        query = select(bare).order_by(bare.c.id).limit(_PAGE)
        if last is not None:
            query = query.where(bare.c.id <= last)
        while rows := fetched(self._connection, query if after is None else query.where(bare.c.id > after)):
            yield rows
            after = rows[-1][0]


def _seal(row: Row[Any]) -> Seal:
    return Seal(
        number=row.number,
        at=row.at,
        moves=Span(row.first_move, row.last_move, row.moves),
        attempts=Span(row.first_attempt, row.last_attempt, row.attempts),
        deliveries=Span(row.first_delivery, row.last_delivery, row.deliveries),
        # Text where a meddler put it there: that must be found, not be a stumbling block.
        salt=row.salt.encode() if isinstance(row.salt, str) else bytes(row.salt),
        previous=row.previous,
        hash=row.hash,
    )
