"""The lines to the relay and the letters for them: opens lines, puts them to work, tells the witness."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from dispatcher.adapters.smtp_batch import Batch, Errand
from dispatcher.adapters.smtp_connection import LineFault
from dispatcher.adapters.smtp_line import Line
from dispatcher.adapters.smtp_throttle import Throttle
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome
from dispatcher.domain.reply import outcome_of_silence


class Pool:
    """The Desk of its lines. Lines stay open between batches.

    What lines report in one turn of the event loop is worked off together at its end: one word to each batch's
    witness, then all letters leave.
    """

    def __init__(self, open_line: Callable[[], Awaitable[Line]], *, lines: int) -> None:
        self._open_line = open_line
        self._throttle = Throttle(lines, time.monotonic)
        self._batches: list[Batch] = []
        self._busy: set[Line] = set()
        self._resting: set[Line] = set()
        self._ready: list[Line] = []
        self._turn_due = False
        self._work_due = False
        self._opening: asyncio.Task[None] | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._closed = False

    async def carry(self, batch: Batch) -> None:
        """Returns when every parcel of the batch has its answer. Raises what the witness or the parcels raised."""
        self._batches.append(batch)
        try:
            if self._closed:
                batch.stop(_not_begun())
            else:
                self._work_due = True
                self._turn()
            await batch.over
        finally:
            batch.stop(_not_begun())
            for line in tuple(self._busy):
                line.abandon(batch)
            self._batches.remove(batch)
            batch.flush()
        if batch.error is not None:
            raise batch.error

    async def close(self, patience: float) -> None:
        """Begins no further letter, gives those on the wire so many seconds, then drops the lines."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        for batch in tuple(self._batches):
            batch.stop(_not_begun())
        for line in tuple(self._busy):
            line.wind_up()
        try:
            if self._busy:
                self._quiet.clear()
                async with asyncio.timeout(patience):
                    await self._quiet.wait()
        except TimeoutError:
            pass  # The lines answer for their letters when they are dropped below.
        finally:
            for line in tuple(self._busy):
                line.drop()
            goodbyes = [*self._goodbyes, *(asyncio.ensure_future(line.quit()) for line in self._resting)]
            if self._opening is not None:
                goodbyes.append(self._opening)
            await asyncio.gather(*goodbyes, return_exceptions=True)

    # What lines call.

    def take(self) -> Errand | None:
        if self._closed or len(self._busy) > self._throttle.lines:
            return None
        for batch in self._batches:
            if (errand := batch.take()) is not None:
                return errand
        return None

    def answer(self, errand: Errand, outcome: Outcome) -> None:
        self._throttle.heard(outcome)
        errand.batch.answer(errand, outcome)
        if not self._turn_due:
            self._turn()

    def give_back(self, errand: Errand) -> None:
        errand.batch.give_back(errand)
        self._work_due = True
        self._turn()

    def ready(self, line: Line) -> None:
        self._ready.append(line)
        if not self._turn_due:
            self._turn()

    def idle(self, line: Line) -> None:
        self._busy.discard(line)
        self._resting.add(line)
        self._work_due = True
        self._turn()

    def lost(self, line: Line) -> None:
        self._busy.discard(line)
        self._resting.discard(line)
        self._work_due = True
        self._turn()

    # The end of a turn of the loop.

    def _turn(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn_due = False
        if self._ready:
            lines, self._ready = self._ready, []
            self._hand_over(lines)
        for batch in self._batches:
            if batch.unwritten:
                batch.flush()
        if self._throttle.recover() or self._work_due:
            self._work_due = False
            self._put_to_work()
        if not self._busy:
            self._quiet.set()

    def _hand_over(self, lines: Sequence[Line]) -> None:
        by_batch: dict[Batch, tuple[list[Line], list[DeliveryId]]] = {}
        for line in lines:
            if (errand := line.due) is not None:
                batch = errand.batch
                if batch not in by_batch:
                    by_batch[batch] = [], []
                due, deliveries = by_batch[batch]
                due.append(line)
                deliveries.append(errand.parcel.delivery)
        for batch, (due, deliveries) in by_batch.items():
            noted = batch.going(deliveries)
            for line in due:
                if noted:
                    line.hand_over()
                else:
                    line.keep_back()

    def _put_to_work(self) -> None:
        while self._resting and len(self._busy) < self._throttle.lines and self._work_waits():
            line = self._resting.pop()
            self._busy.add(line)
            line.begin(self)
        surplus = len(self._busy) + len(self._resting) - self._throttle.lines
        while self._resting and surplus > 0:
            surplus -= 1
            self._say_goodbye(self._resting.pop())
        if surplus < 0 and self._opening is None and self._work_waits():
            self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        """Lines one after another while there is work for them, so that a wrong password is tried once."""
        try:
            while self._lines < self._throttle.lines and self._work_waits():
                line = await self._open_line()
                if self._closed:
                    line.drop()
                    return
                self._busy.add(line)
                line.begin(self)
        except LineFault as fault:
            self._no_line(fault.outcome)
        except Exception as error:
            for batch in tuple(self._batches):
                batch.fail(error)
        finally:
            self._opening = None
        self._work_due = True
        self._turn()

    def _no_line(self, outcome: Outcome) -> None:
        """With other lines open, the relay gives us no more than these; with none, it is not to be had."""
        if self._lines:
            self._throttle.at_most(self._lines)
        else:
            for batch in tuple(self._batches):
                batch.stop(outcome)

    @property
    def _lines(self) -> int:
        return len(self._busy) + len(self._resting)

    def _work_waits(self) -> bool:
        return not self._closed and any(batch.has_more() for batch in self._batches)

    def _say_goodbye(self, line: Line) -> None:
        goodbye = asyncio.create_task(line.quit())
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)


def _not_begun() -> Outcome:
    words = "Sending was stopped before this letter's turn."
    return outcome_of_silence(handed_over=False, words=words)
