"""The courier: claims what is due, puts it on the wire, and writes down what became of it.

A batch is leased, then marked as on the wire (`sending`) and committed, before its first byte leaves. The journal
says in between, letter by letter, what really went and what came back. So whatever moment the courier dies at,
only the letters between their final dot and the reply are in doubt.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState
from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.journal import Journal, OpenPage
from dispatcher.services.mailroom import Sheets
from dispatcher.services.pacing import Pacing
from dispatcher.services.routing import Routing, Wayfinder
from dispatcher.services.settling import Settling
from dispatcher.services.stationery import EncodedEnclosure, MailWriter, Rendered
from dispatcher.services.store import Store, StoreUnavailable, Work
from dispatcher.services.transport import Parcel, Transport
from dispatcher.telemetry import log

# A batch doubles while it takes less than _QUICK seconds and is halved when it takes more than _SLOW: so a pause
# takes hold within a second also on a slow relay, and a fast one gets batches that are worth a transaction.
_QUICK = 0.2
_SLOW = 0.5
# From this size on the next batch is claimed while one is on the wire, so that the wire never waits for the database.
_WORTH_A_SECOND = 64
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


class Parcelling(Protocol):
    def bounce_address(self, delivery: DeliveryId, domain: str) -> str:
        """The envelope sender (VERP): returned mail names its delivery, and nobody can make one up."""


@dataclass
class _Notebook:
    """The Witness of one batch: every word of it goes into the journal first."""

    clock: Clock
    page: OpenPage
    started_at: datetime
    gone: set[DeliveryId] = field(default_factory=set)
    waiting: dict[DeliveryId, Attempt] = field(default_factory=dict)
    relay_faults: bool = False

    def going(self, delivery: DeliveryId) -> None:
        self.page.going([delivery])
        self.gone.add(delivery)

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self.page.answered([(delivery, outcome)])
        self.relay_faults |= outcome.relay
        self.waiting[delivery] = Attempt(at=self.started_at, ended_at=self.clock.now(), outcome=outcome)

    def take(self) -> dict[DeliveryId, Attempt]:
        """The answers since the last time."""
        taken, self.waiting = self.waiting, {}
        return taken


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What was claimed and started, ready to go."""

    lease: str
    page: OpenPage
    started_at: datetime
    rows: tuple[Delivery, ...]
    parcels: tuple[Parcel, ...]
    sheets: tuple[Sheets, ...]


@dataclass(kw_only=True)
class Courier:
    """id: names this process in leases and in the log. smallest_batch, batch: deliveries claimed at a time, at
    least (as many as there are lines to the relay) and at most."""

    id: str
    host: str
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    pacing: Pacing
    settling: Settling
    journal: Journal
    mail: MailWriter
    parcelling: Parcelling
    transport: Transport
    pages: PageCarrier | None
    smallest_batch: int
    batch: int
    lease_life: timedelta
    poll_seconds: float
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _size: int = 0
    _troubles: int = 0
    _seen_at: datetime | None = None

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
                ahead = 2 if self._batch_size() >= _WORTH_A_SECOND else 1
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
            if under_way:
                await asyncio.gather(*under_way)
            closing.cancel()
            beating.cancel()
            await self.transport.close()
            with suppress(StoreUnavailable):
                await asyncio.to_thread(self._sign_off)

    async def round(self) -> int:
        """One look at the queue: notices first, then letters. Answers how many deliveries were settled."""
        await asyncio.to_thread(self._sign_of_life)
        count = 0
        for notices in (True, False):
            batch = await asyncio.to_thread(self._claim, notices, self.batch)
            if batch is not None:
                count += await self._carry(batch)
        return count

    def stop(self) -> None:
        self._stopping.set()

    async def _next(self) -> _Batch | None:
        try:
            await asyncio.to_thread(self._sign_of_life)
            for notices in (True, False):
                batch = await asyncio.to_thread(self._claim, notices, self._batch_size())
                if batch is not None:
                    return batch
        except StoreUnavailable as problem:
            log.warning("database_unavailable", problem=problem.fields.get("problem"))
            self._troubles += 1
        return None

    def _claim(self, notices: bool, limit: int) -> _Batch | None:
        """Leases what is due and what the missions' budgets let through, and marks it as on the wire; the rest
        goes back with a later hour."""
        now = self.clock.now()
        with self.store.read() as work:
            due = work.outbox.next_due()
        if due is None or due > now:
            return None
        lease = secrets.token_hex(16)
        page = self.journal.open(lease)
        try:
            with self.store.write() as work:
                batch = self._claim_in(work, notices, limit, lease, page, now)
        except BaseException:
            page.close()
            raise
        if batch is None:
            page.close()
        return batch

    def _claim_in(
        self, work: Work, notices: bool, limit: int, lease: str, page: OpenPage, now: datetime
    ) -> _Batch | None:
        rows: Sequence[Delivery] = work.outbox.claim(
            notices=notices, now=now, limit=limit, courier=self.id, lease=lease, until=now + self.lease_life
        )
        if not rows:
            return None
        way = self.routing.present(work)
        if not notices:
            rows, later = self.pacing.let_through(work, rows, way, now)
            work.outbox.hand_back(later, lease=lease, at=now, by=self._signature, reason="pacing")
        contents = work.outbox.content([row.rendering for row in rows if row.rendering is not None])
        erased = [row.id for row in rows if row.rendering not in contents]
        if erased:  # between the rendering and now; there is nothing left to send
            work.outbox.move(erased, DeliveryState.CANCELLED, at=now, by=self._signature, reason="erased")
        started = work.outbox.start([row.id for row in rows], lease=lease, at=now, by=self._signature)
        # A pause that was set between two statements of this transaction keeps some from starting.
        kept = {row.id: row.due_at for row in rows if row.id not in started and row.rendering in contents}
        work.outbox.hand_back(kept, lease=lease, at=now, by=self._signature, reason="paused")
        rows = [row for row in rows if row.id in started]
        if not rows:
            return None
        return self._parcelled(work, tuple(rows), contents, way, lease, page, now)

    def _parcelled(
        self,
        work: Work,
        rows: tuple[Delivery, ...],
        contents: Mapping[int, Rendered],
        way: Wayfinder,
        lease: str,
        page: OpenPage,
        now: datetime,
    ) -> _Batch:
        on_paper = {
            row.id for row in rows if row.notice is None and row.channel in {Channel.FAX, Channel.PAPER}
        }
        # Opening a letter costs more than sending it: only for those whose words are needed beside the bytes.
        opened = work.letters.get(
            {row.letter for row in rows if row.notice is not None or row.id in on_paper}
        )
        digests = {digest for rendered in contents.values() for digest in rendered.enclosures}
        enclosures = work.enclosures.get(digests) if digests else {}
        rendered = {row.id: contents[row.rendering] for row in rows if row.rendering is not None}
        return _Batch(
            lease=lease,
            page=page,
            started_at=now,
            rows=rows,
            parcels=tuple(
                self._parcel(row, rendered[row.id], enclosures, opened, now)
                for row in rows
                if row.id not in on_paper
            ),
            sheets=tuple(
                self._sheets(row, rendered[row.id], opened[row.letter], way, now)
                for row in rows
                if row.id in on_paper
            ),
        )

    def _parcel(
        self,
        row: Delivery,
        rendered: Rendered,
        enclosures: Mapping[str, EncodedEnclosure],
        opened: Mapping[LetterId, Letter],
        now: datetime,
    ) -> Parcel:
        # A letter's recipient is the directory's. A notice has one only where the campaign gets it in the
        # writer's place (an answer to a shielded letter); else it goes to the writer.
        recipient = row.recipient or (opened[row.letter].email if row.notice is not None else None)
        return Parcel(
            delivery=row.id,
            sender=self.parcelling.bounce_address(row.id, self.campaigns.get(row.campaign).bounce_domain),
            recipient=recipient or "",
            content=self.mail.assemble(
                rendered.content, [enclosures[digest] for digest in rendered.enclosures], now
            ),
        )

    def _sheets(
        self, row: Delivery, rendered: Rendered, letter: Letter, way: Wayfinder, now: datetime
    ) -> Sheets:
        assert row.channel is not None and row.mission is not None  # noqa: S101
        letterhead = self.campaigns.get(row.campaign).letterhead
        mission = way.mission(row.mission)
        return Sheets(
            delivery=row.id,
            channel=row.channel,
            recipient=row.recipient or "",
            mission_name=mission.name,
            subject=letter.subject or "",
            pdf=rendered.content,
            pages=rendered.pages or 1,
            sender=letterhead.name,
            sender_number=letterhead.telephone,
            at=now.astimezone(ZoneInfo(mission.time_zone)),
        )

    async def _carry(self, batch: _Batch) -> int:
        """Sends a batch and settles it as the answers come. Answers how many were settled."""
        notebook = _Notebook(self.clock, batch.page, batch.started_at)
        begun = asyncio.get_running_loop().time()
        sending = asyncio.ensure_future(self._send(batch, notebook))
        settled = 0
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=_SETTLE_SECONDS)
                settled += await self._settle(batch, notebook.take())
            sending.result()
        finally:
            settled += await self._settle(batch, notebook.take())
            settled += await _surely(lambda: self._settle_the_silent(batch, notebook))
            batch.page.close()
        self._learn(len(batch.rows), asyncio.get_running_loop().time() - begun, notebook.relay_faults)
        return settled

    async def _send(self, batch: _Batch, notebook: _Notebook) -> None:
        if batch.parcels:
            await self.transport.send(batch.parcels, notebook)
        for sheets in batch.sheets:
            notebook.going(sheets.delivery)
            notebook.answered(sheets.delivery, await self._carry_pages(sheets))

    async def _carry_pages(self, sheets: Sheets) -> Outcome:
        if self.pages is None:
            words = "There is no carrier for this channel."
            return Outcome(kind=OutcomeKind.DEFERRED, reply=words, relay=True)
        return await self.pages.carry(sheets)

    async def _settle(self, batch: _Batch, attempts: dict[DeliveryId, Attempt]) -> int:
        if not attempts:
            return 0
        settle = self.settling.settle
        return await _surely(lambda: settle(batch.rows, batch.lease, attempts, by=self._signature))

    def _settle_the_silent(self, batch: _Batch, notebook: _Notebook) -> int:
        """After a fault of the transport itself: what had no answer is in doubt, or was never begun."""
        with self.store.read() as work:
            left = [row for row in work.outbox.of_lease(batch.lease) if row.state is DeliveryState.SENDING]
        if not left:
            return 0
        now = self.clock.now()
        unbegun = {row.id: row.due_at for row in left if row.id not in notebook.gone}
        doubtful = [row.id for row in left if row.id in notebook.gone]
        with self.store.write() as work:
            work.outbox.hand_back(unbegun, lease=batch.lease, at=now, by=self._signature, reason="not_begun")
            if doubtful:
                work.outbox.move(
                    doubtful, DeliveryState.IN_DOUBT, at=now, by=self._signature, reason="no_answer"
                )
        return len(left)

    def _batch_size(self) -> int:
        return min(max(self._size, self.smallest_batch), self.batch)

    def _learn(self, count: int, seconds: float, relay_faults: bool) -> None:
        self._troubles = self._troubles + 1 if relay_faults else 0
        size = self._batch_size()
        if seconds > _SLOW or relay_faults:
            self._size = size // 2
        elif seconds < _QUICK and count >= size:
            self._size = size * 2

    async def _beat(self) -> None:
        """Keeps the leases alive also while a mail server thinks for minutes."""
        while True:
            await asyncio.sleep(_SIGN_OF_LIFE.total_seconds())
            with suppress(StoreUnavailable):
                await asyncio.to_thread(self._sign_of_life)

    async def _close_in_time(self) -> None:
        """A mail server that thinks for minutes must not hold up the end: what has no answer then is in doubt."""
        await self._stopping.wait()
        await asyncio.sleep(_PATIENCE_AT_THE_END)
        await self.transport.close()

    def _sign_of_life(self) -> None:
        now = self.clock.now()
        if self._seen_at is not None and timedelta() <= now - self._seen_at < _SIGN_OF_LIFE:
            return
        self._seen_at = now
        with self.store.write() as work:
            work.couriers.seen(self.id, self.host, now)
            work.outbox.renew(self.id, now + self.lease_life)

    def _sign_off(self) -> None:
        with self.store.write() as work:
            work.couriers.forget(self.id)

    @property
    def _signature(self) -> str:
        return f"courier {self.id[:8]}"

    async def _wait(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()


async def _surely(write: Callable[[], int]) -> int:
    """The far end has answered; what it said is kept until the database takes it."""
    for rest in (*_RESTS, *(_RESTS[-1:] * _SETTLE_TRIES)):
        try:
            return await asyncio.to_thread(write)
        except StoreUnavailable as problem:
            log.warning("database_unavailable", problem=problem.fields.get("problem"))
            await asyncio.sleep(rest)
    return await asyncio.to_thread(write)
