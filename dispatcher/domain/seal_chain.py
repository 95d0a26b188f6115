"""Reading the chain of seals: every block computed anew, and named where it does not agree."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from dispatcher.domain.sealing import (
    BEGINNING,
    EPOCH,
    MICROSECOND,
    AttemptRow,
    BlockHash,
    DeliveryRow,
    LogPages,
    MoveRow,
    Reach,
    Seal,
)

_Row = TypeVar("_Row", MoveRow, AttemptRow, DeliveryRow)


@dataclass(frozen=True, kw_only=True)
class BlockFault:
    """What does not agree in a block, in words that follow its name."""

    number: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Chain:
    """head: the hash of the last block. unsealed: rows after it, and since when the oldest move of them waits.
    knows: whether the hash that was asked for is one of the chain's."""

    blocks: int
    head: str
    unsealed: int
    unsealed_since: datetime | None
    knows: bool
    faults: tuple[BlockFault, ...]


def read_chain(seals: Iterable[Seal], rows: LogPages, *, wanted: str | None = None) -> Chain:
    """Computes every block anew. Reads each row once, in order, and keeps none. wanted: a hash that was noted
    down outside; a chain that was cut off at its end, or sealed anew, does not know it."""
    moves, attempts, deliveries = _Cut(rows.moves), _Cut(rows.attempts), _Cut(rows.deliveries)
    faults: list[BlockFault] = []
    number, reach, heads, knows = 0, Reach(), {BEGINNING}, wanted is None
    head = BEGINNING
    for seal in seals:
        block = BlockHash(seal.salt)
        counts = (
            sum(block.add_moves(page) for page in moves.until(seal.moves.last)),
            sum(block.add_attempts(page) for page in attempts.until(seal.attempts.last)),
            sum(block.add_deliveries(page) for page in deliveries.until(seal.deliveries.last)),
        )
        computed = block.closed_with(seal)
        what = _fault(seal, number, reach, heads, counts, computed)
        if what is not None:
            faults.append(BlockFault(number=seal.number, what=what))
        # Where a seal itself was changed, the next block may rightly follow what it was: it is named once.
        number, reach, head, heads = seal.number, seal.last, seal.hash, {seal.hash, computed}
        knows = knows or head == wanted
    since = None
    unsealed = 0
    for page in moves.rest():
        since = since or EPOCH + page[0][8] * MICROSECOND
        unsealed += len(page)
    unsealed += sum(len(page) for cut in (attempts, deliveries) for page in cut.rest())
    return Chain(
        blocks=number,
        head=head,
        unsealed=unsealed,
        unsealed_since=since,
        knows=knows,
        faults=tuple(faults),
    )


def _fault(
    seal: Seal, number: int, reach: Reach, heads: set[str], counts: tuple[int, int, int], computed: str
) -> str | None:
    if seal.number != number + 1:
        return f"follows block {number}; {_missing(number + 1, seal.number - 1)}"
    if seal.previous not in heads:
        return "does not carry the hash of the block before"
    spans = {"moves": seal.moves, "attempts": seal.attempts, "deliveries": seal.deliveries}
    for (name, span), after, count in zip(spans.items(), reach, counts, strict=True):
        if span.first != after + 1:
            return f"does not begin with its {name} where the block before ended"
        if span.rows != count:
            return f"was sealed with {span.rows:,} {name} (numbers {span.first} to {span.last}), and {count:,} are there"
    if seal.hash != computed:
        ranges = ", ".join(f"{name} {span.first} to {span.last}" for name, span in spans.items() if span.rows)
        return f"is not what was sealed; one of its rows or the seal itself was changed ({ranges})"
    return None


def _missing(first: int, last: int) -> str:
    if last < first:
        return "the numbers of the seals do not rise by one"
    return f"block {first} is missing" if first == last else f"blocks {first} to {last} are missing"


class _Cut(Generic[_Row]):
    """Pages of rows, cut anew where blocks end."""

    def __init__(self, pages: Iterable[Sequence[_Row]]) -> None:
        self._pages: Iterator[Sequence[_Row]] = iter(pages)
        self._page: Sequence[_Row] = ()

    def until(self, last: int) -> Iterator[Sequence[_Row]]:
        """All that come next and have an id of at most `last`."""
        while self._page or self._turn():
            if self._page[-1][0] <= last:
                yield self._page
                self._page = ()
                continue
            end = bisect_right(self._page, last, key=_id_of)
            if end:
                yield self._page[:end]
                self._page = self._page[end:]
            return

    def rest(self) -> Iterator[Sequence[_Row]]:
        while self._page or self._turn():
            yield self._page
            self._page = ()

    def _turn(self) -> bool:
        self._page = next(self._pages, ())
        return bool(self._page)


def _id_of(row: MoveRow | AttemptRow | DeliveryRow) -> int:
    return row[0]
