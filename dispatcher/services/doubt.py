"""Deliveries of which nobody knows whether they arrived: settled by a person, with a reason that is logged."""

from dataclasses import dataclass

from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.clock import Clock
from dispatcher.services.store import LogFilter, LogRow, Store, Work


class NotInDoubt(DispatcherError):
    """Delivery {delivery} is not in doubt. 'dispatcher doubt list' shows those that are."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    store: Store
    clock: Clock

    def all(self) -> list[LogRow]:
        with self.store.read() as work:
            return work.outbox.log(LogFilter(state=DeliveryState.IN_DOUBT, notices=True))

    def sent(self, id: DeliveryId, *, reason: str, by: str) -> None:
        """There is evidence that the next hop has it. Raises NotInDoubt."""
        now = self.clock.now()
        with self.store.write() as work:
            _check_in_doubt(work, id)
            work.outbox.move([id], DeliveryState.ACCEPTED, at=now, by=by, reason="by_person", note=reason)

    def resend(self, id: DeliveryId, *, reason: str, by: str) -> None:
        """There is evidence that it never arrived: it goes back to the queue. Raises NotInDoubt."""
        now = self.clock.now()
        with self.store.write() as work:
            _check_in_doubt(work, id)
            work.outbox.move(
                [id], DeliveryState.QUEUED, at=now, by=by, reason="by_person", note=reason, due_at=now
            )


def _check_in_doubt(work: Work, id: DeliveryId) -> None:
    row = work.outbox.get([id], lock=True).get(id)
    if row is None or row.state is not DeliveryState.IN_DOUBT:
        raise NotInDoubt(delivery=id)
