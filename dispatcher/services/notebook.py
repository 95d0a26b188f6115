"""What one batch's transport tells, letter by letter: every word goes into the journal first."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Attempt, Outcome
from dispatcher.services.clock import Clock
from dispatcher.services.journal import OpenPage

Heard = Sequence[tuple[DeliveryId, Outcome]]


@dataclass
class Scribe(ABC):
    """The Witness of one batch, who writes its page. `_noted` is told what is written, and what was answered though the
    page could not be written."""

    page: OpenPage
    # Answers that are not in the journal yet.
    _heard: list[tuple[DeliveryId, Outcome]] = field(default_factory=list)

    def going(self, delivery: DeliveryId) -> None:
        self.going_together([delivery])

    def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
        """One write for all that leaves in this turn, and for all answers that came before it."""
        self._write(deliveries)

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self._heard.append((delivery, outcome))

    def flush(self) -> None:
        self._write(())

    def _write(self, going: Sequence[DeliveryId]) -> None:
        heard, self._heard = self._heard, []
        if not going and not heard:
            return
        try:
            self.page.write(going, heard)
        except BaseException:
            # The far end has answered all the same; these letters are not in doubt as long as this process lives.
            self._noted((), heard)
            raise
        self._noted(going, heard)

    @abstractmethod
    def _noted(self, going: Sequence[DeliveryId], heard: Heard) -> None: ...


@dataclass(kw_only=True)
class Notebook(Scribe):
    """The courier's own. gone: what may have been handed over. relay_faults: whether the relay failed."""

    clock: Clock
    started_at: datetime
    gone: set[DeliveryId] = field(default_factory=set)
    relay_faults: bool = False
    # Answers that are in the journal and wait for the database.
    _written: dict[DeliveryId, Attempt] = field(default_factory=dict)

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self.relay_faults |= outcome.relay
        super().answered(delivery, outcome)

    def take(self) -> dict[DeliveryId, Attempt]:
        """The answers since the last time."""
        self.flush()
        taken, self._written = self._written, {}
        return taken

    def learn(self, going: Sequence[DeliveryId], heard: Heard) -> None:
        """What another process has written on this page."""
        self.relay_faults |= any(outcome.relay for _, outcome in heard)
        self._noted(going, heard)

    def _noted(self, going: Sequence[DeliveryId], heard: Heard) -> None:
        self.gone.update(going)
        now, written = self.clock.now(), self._written
        last: Outcome | None = None
        for delivery, outcome in heard:
            # Those that were answered alike share one, and are written as one.
            if outcome is not last:
                last, attempt = outcome, Attempt(at=self.started_at, ended_at=now, outcome=outcome)
            written[delivery] = attempt
