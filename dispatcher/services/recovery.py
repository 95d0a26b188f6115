"""Takes up what a dead courier left, as exactly as its journal allows; never sends anything again blindly."""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState
from dispatcher.domain.outcome import Attempt
from dispatcher.services.clock import Clock
from dispatcher.services.journal import Journal, JournalPage
from dispatcher.services.pacing import give_back
from dispatcher.services.settling import Settling
from dispatcher.services.store import Store

_BY = "recovery"


@dataclass(frozen=True, kw_only=True)
class Recovery:
    store: Store
    clock: Clock
    settling: Settling
    journal: Journal

    def take_up(self, dead: Sequence[str]) -> None:
        """dead: couriers of this machine that are known to be gone. First their journal speaks; what it does
        not know stays in doubt. A courier of another machine that fell silent loses its letters when their
        lease ends; its own machine settles them from the journal when it is back."""
        for page in self.journal.left_behind(list(dead)):
            self._replay(page)
            self.journal.throw_away(page)
        with self.store.write() as work:
            work.outbox.recover(now=self.clock.now(), dead=dead, by=_BY)
            for courier in dead:
                work.couriers.forget(courier)

    def _replay(self, page: JournalPage) -> None:
        with self.store.read() as work:
            rows = [row for row in work.outbox.of_lease(page.lease) if row.state in _UNSETTLED]
        attempts = {
            row.id: Attempt(at=row.moved_at, ended_at=row.moved_at, outcome=page.answers[row.id])
            for row in rows
            if row.id in page.answers
        }
        self.settling.settle(attempts, page.lease, by=_BY)
        silent = [row for row in rows if row.id not in page.answers]
        unbegun = [row for row in silent if page.complete and row.id not in page.going]
        self._move(unbegun, DeliveryState.QUEUED, "not_begun")
        known = {row.id for row in unbegun}
        doubtful = [row for row in silent if row.id not in known and row.state is DeliveryState.SENDING]
        self._move(doubtful, DeliveryState.IN_DOUBT, "courier_gone")

    def _move(self, rows: Sequence[Delivery], new: DeliveryState, reason: str) -> None:
        ids: list[DeliveryId] = [row.id for row in rows]
        if ids:
            with self.store.write() as work:
                work.outbox.move(ids, new, at=self.clock.now(), by=_BY, reason=reason)
                if new is DeliveryState.QUEUED:
                    # What is on the wire has stood there since it was let through.
                    give_back(
                        work, ((row, row.moved_at) for row in rows if row.state is DeliveryState.SENDING)
                    )


_UNSETTLED = frozenset({DeliveryState.SENDING, DeliveryState.IN_DOUBT})
