"""The parcels of one call of `send`: what waits, what is on a line, what was answered."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import outcome_of_silence
from dispatcher.services.transport import BatchWitness, Parcel, Witness

# So many lines lost, answers missing or relay faults in a row end a batch: a sick relay brings a few letters
# into doubt, never a thousand, and a refused sender is not tried a thousand times.
FAULTS_TO_STOP = 3

_UNKNOWN = OutcomeKind.UNKNOWN


@dataclass(slots=True, eq=False)
class Errand:
    """A parcel that a line took, and where its answer belongs."""

    parcel: Parcel
    batch: "Batch"


class Batch:
    """over: done when every parcel has its answer. error: what the generator or the witness raised. unwritten:
    whether the witness was told answers since it last had to write."""

    def __init__(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        self._witness = witness
        self._together = witness if isinstance(witness, BatchWitness) else None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self.unwritten = False
        self._parcels = iter(parcels)
        # Given back, or taken to see whether there are more.
        self._waiting: list[Errand] = []
        self._on_lines = 0
        self._faults = 0
        self._stopped: Outcome | None = None
        self._look_whether_over()

    def take(self) -> Errand | None:
        """The next parcel for a line, which then must answer it or give it back."""
        errand = self._next()
        if errand is not None:
            self._on_lines += 1
        return errand

    def has_more(self) -> bool:
        if not self._waiting and (errand := self._next()) is not None:
            self._waiting.append(errand)
        return bool(self._waiting)

    def give_back(self, errand: Errand) -> None:
        """Nothing of it was handed over, and that says nothing of it or of the relay: another line's turn."""
        self._on_lines -= 1
        if self._stopped is None:
            self._waiting.append(errand)
        else:
            self._tell(errand.parcel, self._stopped)
        self._look_whether_over()

    def answer(self, errand: Errand, outcome: Outcome) -> None:
        self._on_lines -= 1
        self.unwritten = True
        try:
            self._witness.answered(errand.parcel.delivery, outcome)
        except Exception as error:
            self.fail(error)
        if not outcome.relay and outcome.kind is not _UNKNOWN:
            self._faults = 0
        else:
            self._faults += 1
            if self._faults == FAULTS_TO_STOP:
                words = f"Not tried, for the relay failed with the letters before: {outcome.reply}"
                self.stop(outcome_of_silence(handed_over=False, words=words))
        if not self._on_lines:
            self._look_whether_over()

    def stop(self, outcome: Outcome) -> None:
        """No line gets a parcel any more; all that wait are answered with this."""
        if self._stopped is not None:
            return
        self._stopped = outcome
        while (errand := self._next()) is not None:
            self._tell(errand.parcel, outcome)
        self._look_whether_over()

    def fail(self, error: Exception) -> None:
        """A bug: nothing more is begun, and `send` will raise it."""
        self.error = self.error or error
        self.stop(
            outcome_of_silence(handed_over=False, words="Sending was stopped before this letter's turn.")
        )

    def going(self, deliveries: Sequence[DeliveryId]) -> bool:
        """Whether the witness has noted that these may be handed over."""
        self.unwritten = False
        try:
            if self._together is not None:
                self._together.going_together(deliveries)
            else:
                for delivery in deliveries:
                    self._witness.going(delivery)
        except Exception as error:
            self.fail(error)
            return False
        return True

    def flush(self) -> None:
        """What was told is written down, now if not before."""
        self.unwritten = False
        try:
            if self._together is not None:
                self._together.flush()
        except Exception as error:
            self.fail(error)

    def _next(self) -> Errand | None:
        """A batch that was stopped has none left."""
        if self._waiting:
            return self._waiting.pop()
        try:
            parcel = next(self._parcels, None)
        except Exception as error:
            self._parcels = iter(())
            self.fail(error)
            return None
        return Errand(parcel, self) if parcel is not None else None

    def _tell(self, parcel: Parcel, outcome: Outcome) -> None:
        self.unwritten = True
        try:
            self._witness.answered(parcel.delivery, outcome)
        except Exception as error:
            self.fail(error)

    def _look_whether_over(self) -> None:
        if not self._on_lines and not self.has_more() and not self.over.done():
            self.over.set_result(None)
