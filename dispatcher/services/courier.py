"""The courier: claims what is due, puts it on the wire, and writes down what became of it.

A batch is marked as on the wire (`sending`, under a lease) and committed before its first byte leaves. The journal
says in between, letter by letter, what really went and what came back. So whatever moment the courier dies at,
only the letters between their final dot and the reply are in doubt.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.services.claiming import Batch, Claiming
from dispatcher.services.clock import Clock
from dispatcher.services.mailroom import Sheets
from dispatcher.services.notebook import Notebook
from dispatcher.services.pacing import give_back
from dispatcher.services.relay_rate import RelayRate
from dispatcher.services.settling import Settling
from dispatcher.services.store import Store, StoreUnavailable
from dispatcher.services.transport import Transport
from dispatcher.telemetry import log

_T = TypeVar("_T")
# A batch grows eightfold while it takes less than _QUICK seconds and is halved when it takes more than _SLOW: so a pause
# takes hold within a second also on a slow relay, and a fast one soon gets batches that are worth a transaction.
_QUICK = 0.1
_SLOW = 0.5
_GROWTH = 8
# From this size on so many batches are under way: one on the wire, one that waits behind it, one that is being settled.
# So neither the wire nor the database waits for the other.
_WORTH_SEVERAL = 64
_SEVERAL = 3
# Answers are written at least so often, also while a slow letter of the batch is still on the wire.
_SETTLE_SECONDS = 0.2
# How often a courier that is busy with a long answer says that it is alive.
_SIGN_OF_LIFE = timedelta(seconds=30)
# After a round in which the relay failed: rest, longer each time, so that a sick relay is not hammered.
_RESTS = (1.0, 5.0, 15.0, 30.0, 60.0)
# An hour: a database server is restored in less. A courier that gives up leaves its letters to recovery.
_SETTLE_TRIES = 60
# SIGTERM is followed by SIGKILL; with the lines' own two seconds this ends within ten.
_PATIENCE_AT_THE_END = 5.0


class PageCarrier(Protocol):
    """Carries pages: in a rehearsal to the mailroom."""

    async def carry(self, sheets: Sheets) -> Outcome: ...


@dataclass(kw_only=True)
class Courier:
    """id: names this process in leases and in the log. desks: pieces of work at the database at one time.
    smallest_batch, batch: deliveries claimed at a time, at least (as many as there are lines to the relay) and at
    most."""

    id: str
    host: str
    store: Store
    clock: Clock
    claiming: Claiming
    settling: Settling
    transport: Transport
    pages: PageCarrier | None
    rate: RelayRate
    smallest_batch: int
    batch: int
    lease_life: timedelta
    poll_seconds: float
    desks: int = 1
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _desk: ThreadPoolExecutor = field(init=False)
    _size: int = 0
    _troubles: int = 0
    # The last claim of letters was a full one.
    _more_letters: bool = False
    _seen_at: datetime | None = None
    # Leases with nothing left on the wire, until the database is told.
    _finished: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._desk = ThreadPoolExecutor(self.desks, "courier")

    async def run(self) -> None:
        """Works until `stop` is called; then finishes what is on the wire, hands back the rest, and leaves. A
        database that goes away is waited for."""
        closing = asyncio.create_task(self._close_in_time())
        beating = asyncio.create_task(self._beat())
        under_way: set[asyncio.Task[int]] = set()
        try:
            while not self._stopping.is_set():
                batch = await self._next()
                if batch is not None:
                    under_way.add(asyncio.create_task(self._carry(batch)))
                ahead = _SEVERAL if self._batch_size() >= _WORTH_SEVERAL else 1
                if len(under_way) >= ahead or (under_way and batch is None):
                    limit = None if batch is not None else self.poll_seconds
                    done, under_way = await asyncio.wait(
                        under_way, timeout=limit, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in done:
                        task.result()
                elif batch is None:
                    await self._wait(self.poll_seconds)
                if self._troubles:
                    await self._wait(_RESTS[min(self._troubles, len(_RESTS)) - 1])
        finally:
            ended = await asyncio.gather(*under_way, return_exceptions=True)
            closing.cancel()
            beating.cancel()
            await self.transport.close()
            with suppress(StoreUnavailable):
                await self._at_the_desk(self._sign_off)
            self._desk.shutdown(wait=False)
        for fault in ended:
            if isinstance(fault, BaseException):
                raise fault

    async def round(self) -> int:
        """One look at the queue: notices first, then letters. Answers how many deliveries were settled."""
        await self._say_alive()
        count = 0
        for notices in (True, False):
            batch = await self._at_the_desk(partial(self.claiming.claim, self.batch, notices=notices))
            if batch is not None:
                count += await self._carry(batch)
        return count

    def stop(self) -> None:
        self._stopping.set()

    async def _next(self) -> Batch | None:
        try:
            await self._say_alive()
            for notices in (True, False):
                if (batch := await self._claim(notices=notices)) is not None:
                    return batch
        except StoreUnavailable as problem:
            log.warning("database_unavailable", problem=problem.fields.get("problem"))
            self._troubles += 1
        return None

    async def _carry(self, batch: Batch) -> int:
        """Sends a batch and settles it as the answers come. Answers how many were settled."""
        notebook = Notebook(batch.page, clock=self.clock, started_at=batch.started_at)
        begun = asyncio.get_running_loop().time()
        sending = asyncio.ensure_future(self._send(batch, notebook))
        settled, silent = 0, set(batch.deliveries)
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=_SETTLE_SECONDS)
                answered = notebook.take()
                settled += await self._settle(batch, answered)
                silent -= answered.keys()
            sending.result()
        finally:
            if not sending.done():  # the courier is ended in haste; until this is over, letters still go
                sending.cancel()
                await asyncio.wait({sending})
            answered = notebook.take()
            settled += await self._settle(batch, answered)
            if silent - answered.keys():
                settled += await self._surely(lambda: self._settle_the_silent(batch, notebook))
            batch.page.close()
            self._finished.append(batch.lease)
        self._learn(len(batch), asyncio.get_running_loop().time() - begun, notebook.relay_faults)
        return settled

    async def _send(self, batch: Batch, notebook: Notebook) -> None:
        await self.transport.send(batch.mails, notebook)
        for sheets in batch.sheets:
            if self._stopping.is_set():
                return  # the rest was never begun, and goes back to the queue
            notebook.going(sheets.delivery)
            outcome = await self._carry_pages(sheets)
            faults = notebook.relay_faults
            notebook.answered(sheets.delivery, outcome)
            notebook.relay_faults = faults  # a fax carrier at fault is no reason to send mails more slowly

    async def _carry_pages(self, sheets: Sheets) -> Outcome:
        if self.pages is None:
            words = "There is no carrier for this channel."
            return Outcome(kind=OutcomeKind.DEFERRED, reply=words, relay=True)
        return await self.pages.carry(sheets)

    async def _settle(self, batch: Batch, attempts: dict[DeliveryId, Attempt]) -> int:
        if not attempts:
            return 0
        settle, by = self.settling.settle, self.claiming.by
        return await self._surely(lambda: settle(attempts, batch.lease, by=by))

    def _settle_the_silent(self, batch: Batch, notebook: Notebook) -> int:
        """After a fault of the transport itself: what had no answer is in doubt, or was never begun."""
        with self.store.read() as work:
            left = [row for row in work.outbox.of_lease(batch.lease) if row.state is DeliveryState.SENDING]
        if not left:
            return 0
        now = self.clock.now()
        unbegun = [row.id for row in left if row.id not in notebook.gone]
        doubtful = [row.id for row in left if row.id in notebook.gone]
        with self.store.write() as work:
            work.outbox.hand_back(unbegun, lease=batch.lease, at=now, by=self.claiming.by, reason="not_begun")
            if doubtful:
                work.outbox.move(
                    doubtful, DeliveryState.IN_DOUBT, at=now, by=self.claiming.by, reason="no_answer"
                )
            give_back(work, ((row, batch.started_at) for row in left if row.id not in notebook.gone))
        return len(left)

    def _batch_size(self) -> int:
        return min(max(self._size, self.smallest_batch), self.batch)

    def _learn(self, count: int, seconds: float, relay_faults: bool) -> None:
        self._troubles = self._troubles + 1 if relay_faults else 0
        size = self._batch_size()
        if seconds > _SLOW or relay_faults:
            self._size = size // 2
        elif seconds < _QUICK and count >= size:
            self._size = size * _GROWTH

    async def _beat(self) -> None:
        """Keeps the leases alive also while a mail server thinks for minutes."""
        while True:
            await asyncio.sleep(self._pulse.total_seconds())
            with suppress(StoreUnavailable):
                await self._say_alive()

    async def _close_in_time(self) -> None:
        """A mail server that thinks for minutes must not hold up the end: what has no answer then is in doubt."""
        await self._stopping.wait()
        await asyncio.sleep(_PATIENCE_AT_THE_END)
        await self.transport.close()

    async def _say_alive(self) -> None:
        now = self.clock.now()
        if self._seen_at is not None and timedelta() <= now - self._seen_at < self._pulse:
            return
        self._seen_at = now
        with self._taking_finished() as finished:
            await self._at_the_desk(partial(self._sign_of_life, now, finished))
            finished.clear()

    @property
    def _pulse(self) -> timedelta:
        """Well within a lease's life, however short it is set."""
        return min(_SIGN_OF_LIFE, self.lease_life / 3)

    async def _claim(self, *, notices: bool) -> Batch | None:
        limit = self.rate.room(self._batch_size())
        if not limit:
            return None
        with self._taking_finished() as finished:
            claim = partial(
                self.claiming.claim,
                limit,
                notices=notices,
                finished=finished,
                expected=self._more_letters and not notices,
            )
            batch = await self._at_the_desk(claim)
            if batch is not None:
                finished.clear()
                self.rate.spend(len(batch) - len(batch.sheets))
        if not notices:
            self._more_letters = batch is not None and len(batch) >= limit
        return batch

    @contextmanager
    def _taking_finished(self) -> Iterator[list[str]]:
        """What is left in the list was not told, and is told another time. Two pieces of work may be at the desk at once."""
        finished, self._finished = self._finished, []
        try:
            yield finished
        finally:
            self._finished += finished

    def _sign_of_life(self, now: datetime, finished: Sequence[str]) -> None:
        with self.store.write() as work:
            work.couriers.seen(self.id, self.host, now)
            work.outbox.renew(self.id, now + self.lease_life)
            work.outbox.finish(finished)

    def _sign_off(self) -> None:
        with self.store.write() as work:
            work.couriers.forget(self.id)
            work.outbox.finish(self._finished)

    async def _wait(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()

    async def _at_the_desk(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._desk, work)

    async def _surely(self, write: Callable[[], int]) -> int:
        """The far end has answered; what it said is kept until the database takes it."""
        for rest in (*_RESTS, *(_RESTS[-1:] * _SETTLE_TRIES)):
            try:
                return await self._at_the_desk(write)
            except StoreUnavailable as problem:
                log.warning("database_unavailable", problem=problem.fields.get("problem"))
                await asyncio.sleep(rest)
        return await self._at_the_desk(write)
