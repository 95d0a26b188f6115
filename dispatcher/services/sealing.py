"""Sealing the log by the clock: what is final is sealed in blocks, each with the hash of the one before."""

import secrets
from dataclasses import dataclass, field
from time import monotonic, sleep

from dispatcher.domain.sealing import SALT_BYTES, Reach, Seal, seal_block
from dispatcher.services.clock import Clock
from dispatcher.services.seals import Horizon
from dispatcher.services.store import Store, StoreConflict

# Of each table in one block. A few megabytes while it is made, and a fault is narrowed down to so many rows.
BLOCK_ROWS = 5_000
# In one tick of ten seconds, about a tenth of a second's work: a courier at full speed loses 1 % to it. What a
# morning of 100,000 letters leaves is sealed within the quarter of an hour after it.
BLOCKS_A_TICK = 8
# Other transactions end within a second or two; one that takes longer must not keep an export from being made.
_PATIENCE_SECONDS = 15
_LOOK_AGAIN_SECONDS = 0.2


@dataclass(kw_only=True)
class Sealing:
    """Any number of processes may seal the same log: the number of a block is given once, and who comes second
    leaves it."""

    store: Store
    clock: Clock
    # Rows up to here were there at an earlier look. A row with a lower number can still appear after one with a
    # higher number was seen, as long as its transaction runs (PostgreSQL numbers rows before they are committed).
    _seen: Horizon | None = field(default=None, init=False)

    def seal(self, *, most: int = BLOCKS_A_TICK) -> int:
        """Seals what is final, at most so many blocks; answers how many were sealed."""
        sealed = 0
        for _ in range(most):
            block = self._next_block()
            if block is None:
                break
            try:
                with self.store.write() as work:
                    work.seals.add(block)
            except StoreConflict:  # another process was first
                break
            sealed += 1
        return sealed

    def seal_all(self) -> int:
        """Before an export: all that stands in the log now, however much it is. Waits for transactions that are
        under way, within reason; what is not final by then is left for the clock."""
        self._seen = None
        until = monotonic() + _PATIENCE_SECONDS
        total = 0
        while True:
            total += (done := self.seal())
            if not done and (self._all_sealed() or monotonic() > until):
                return total
            if not done:
                sleep(_LOOK_AGAIN_SECONDS)

    def _next_block(self) -> Seal | None:
        with self.store.read() as work:
            previous = work.seals.last()
            before = previous.last if previous else Reach()
            if self._seen is None or not _is_beyond(self._seen.reach, before):
                self._seen = work.seals.horizon()
            if not _is_beyond(self._seen.reach, before) or not work.seals.is_final(self._seen):
                return None
            spans = zip(before, self._seen.reach, strict=True)
            upto = Reach(*(max(start, min(end, start + BLOCK_ROWS)) for start, end in spans))
            return seal_block(
                previous,
                work.seals.rows(previous.last if previous else None, upto),
                upto=upto,
                at=self.clock.now(),
                salt=secrets.token_bytes(SALT_BYTES),
            )

    def _all_sealed(self) -> bool:
        with self.store.read() as work:
            last = work.seals.last()
            return self._seen is not None and not _is_beyond(self._seen.reach, last.last if last else Reach())


def _is_beyond(reach: Reach, sealed: Reach) -> bool:
    return any(end > start for end, start in zip(reach, sealed, strict=True))
