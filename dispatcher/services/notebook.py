"""What one batch's transport tells the courier, letter by letter: every word goes into the journal first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Attempt, Outcome
from dispatcher.services.clock import Clock
from dispatcher.services.journal import OpenPage


@dataclass
class Notebook:
    """The Witness of one batch. gone: what may have been handed over. relay_faults: whether the relay failed."""

    clock: Clock
    page: OpenPage
    started_at: datetime
    gone: set[DeliveryId] = field(default_factory=set)
    relay_faults: bool = False
    # Answers that are not in the journal yet; answers that are, and wait for the database.
    _heard: list[tuple[DeliveryId, Outcome]] = field(default_factory=list)
    _written: dict[DeliveryId, Attempt] = field(default_factory=dict)

    def going(self, delivery: DeliveryId) -> None:
        self.going_together([delivery])

    def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
        """One write for all that leaves in this turn, and for all answers that came before it."""
        self._write(deliveries)
        self.gone.update(deliveries)

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self.relay_faults |= outcome.relay
        self._heard.append((delivery, outcome))

    def flush(self) -> None:
        self._write(())

    def take(self) -> dict[DeliveryId, Attempt]:
        """The answers since the last time."""
        self.flush()
        taken, self._written = self._written, {}
        return taken

    def _write(self, going: Sequence[DeliveryId]) -> None:
        heard, self._heard = self._heard, []
        if not going and not heard:
            return
        self.page.write(going, heard)
        now = self.clock.now()
        for delivery, outcome in heard:
            self._written[delivery] = Attempt(at=self.started_at, ended_at=now, outcome=outcome)
