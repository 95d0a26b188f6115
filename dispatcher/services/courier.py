"""The courier: claims what is due, puts it on the wire, and writes down what became of it.

A delivery passes through `leased` (claimed; nothing is on the wire) and `sending` (committed before the first
byte leaves). So whatever moment the courier dies at, the database tells which letters it may have handed over.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, assert_never
from zoneinfo import ZoneInfo

from dispatcher.domain.backoff import next_try
from dispatcher.domain.campaign import RetryPolicy
from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState
from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import Channel, ContactKind, Health, MissionId
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.domain.reply import address_is_dead
from dispatcher.domain.timetable import (
    MINUTES_COUNTED,
    admit,
    minute_of,
    next_room,
    postpone,
    sent_in_last_hour,
)
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.mailroom import Sheets
from dispatcher.services.outbox import Dispatch
from dispatcher.services.routing import Routing, Wayfinder
from dispatcher.services.stationery import EncodedEnclosure, MailWriter, Rendered
from dispatcher.services.store import Settlement, Store, StoreUnavailable, Work
from dispatcher.services.transport import Parcel, Transport
from dispatcher.telemetry import log

# So many letters are marked as on the wire at a time: what a crash can bring into doubt.
_ON_THE_WIRE = 8
# How often a courier that is busy with a long answer says that it is alive.
_SIGN_OF_LIFE = timedelta(seconds=30)
# After a round in which the relay failed: rest, longer each time, so that a sick relay is not hammered.
_RESTS = (1.0, 5.0, 15.0, 30.0, 60.0)
# An hour: a database server is restored in less. A courier that gives up leaves its letters to recovery: in doubt.
_SETTLE_TRIES = 60
# SIGTERM is followed by SIGKILL; with the lines' own two seconds this ends within ten.
_PATIENCE_AT_THE_END = 5.0
# A fault of the relay does not use up a letter's own tries; only its time limit ends it.
_RELAY_TRIES = 1_000_000


class PageCarrier(Protocol):
    """Carries pages: in a rehearsal to the mailroom."""

    async def carry(self, sheets: Sheets) -> Outcome: ...


class Parcelling(Protocol):
    def bounce_address(self, delivery: DeliveryId, domain: str) -> str:
        """The envelope sender (VERP): returned mail names its delivery, and nobody can make one up."""


@dataclass
class _Notebook:
    """The Witness of one batch: keeps the answers until they are settled."""

    clock: Clock
    answers: dict[DeliveryId, Outcome] = field(default_factory=dict)
    ended: dict[DeliveryId, datetime] = field(default_factory=dict)

    def going(self, delivery: DeliveryId) -> None:
        """The row stands as `sending` already."""

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self.answers[delivery] = outcome
        self.ended[delivery] = self.clock.now()


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What was claimed, with all that is needed to send and settle it."""

    lease: str
    rows: tuple[Delivery, ...]
    letters: Mapping[LetterId, Letter]
    contents: Mapping[int, Rendered]
    way: Wayfinder


@dataclass(kw_only=True)
class Courier:
    """id: names this process in leases and in the log. draw: a random number in [0, 1), for jitter."""

    id: str
    host: str
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    dispatch: Dispatch
    mail: MailWriter
    parcelling: Parcelling
    transport: Transport
    pages: PageCarrier | None
    batch: int
    lease_life: timedelta
    poll_seconds: float
    draw: Callable[[], float] = random.random
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _troubled_rounds: int = 0
    _seen_at: datetime | None = None

    async def run(self) -> None:
        """Works until `stop` is called; then finishes what is on the wire, hands back the rest, and leaves. A
        database that goes away is waited for."""
        closing = asyncio.create_task(self._close_in_time())
        try:
            while not self._stopping.is_set():
                try:
                    settled = await self.round()
                except StoreUnavailable as problem:
                    log.warning("database_unavailable", problem=problem.fields.get("problem"))
                    self._troubled_rounds += 1
                    settled = 0
                if self._troubled_rounds:
                    await self._wait(_RESTS[min(self._troubled_rounds, len(_RESTS)) - 1])
                elif not settled:
                    await self._wait(self.poll_seconds)
        finally:
            closing.cancel()
            await self.transport.close()
            with suppress(StoreUnavailable):
                await asyncio.to_thread(self._sign_off)

    async def _close_in_time(self) -> None:
        """A mail server that thinks for minutes must not hold up the end: what has no answer then is in doubt."""
        await self._stopping.wait()
        await asyncio.sleep(_PATIENCE_AT_THE_END)
        await self.transport.close()

    def stop(self) -> None:
        self._stopping.set()

    async def round(self) -> int:
        """One look at the queue: notices first, then letters. Answers how many deliveries were settled."""
        await asyncio.to_thread(self._sign_of_life)
        count = 0
        for notices in (True, False):
            batch = await asyncio.to_thread(self._claim, notices)
            if batch is not None:
                count += await self._carry(batch)
        return count

    def _claim(self, notices: bool) -> _Batch | None:
        """Leases what is due and what the missions' budgets let through; the rest goes back with a later hour."""
        now = self.clock.now()
        lease = secrets.token_hex(16)
        with self.store.read() as work:
            due = work.outbox.next_due()
        if due is None or due > now:
            return None
        with self.store.write() as work:
            rows = work.outbox.claim(
                notices=notices,
                now=now,
                limit=self.batch,
                courier=self.id,
                lease=lease,
                until=now + self.lease_life,
            )
            if not rows:
                return None
            way = self.routing.present(work)
            letters = work.letters.get({row.letter for row in rows})
            if not notices:
                rows = self._let_through(work, rows, letters, way, lease, now)
            if not rows:
                return None
            contents = work.outbox.content([row.rendering for row in rows if row.rendering is not None])
            erased = [row.id for row in rows if row.rendering not in contents]
            if erased:  # between the claim and an erasure; there is nothing left to send
                work.outbox.move(erased, DeliveryState.CANCELLED, at=now, by=self._signature, reason="erased")
                rows = [row for row in rows if row.rendering in contents]
        return _Batch(lease=lease, rows=tuple(rows), letters=letters, contents=contents, way=way)

    def _let_through(
        self,
        work: Work,
        rows: Sequence[Delivery],
        letters: Mapping[LetterId, Letter],
        way: Wayfinder,
        lease: str,
        now: datetime,
    ) -> list[Delivery]:
        by_mission: dict[MissionId, list[Delivery]] = {}
        for row in rows:
            assert row.mission is not None  # noqa: S101 - a row without a mission is held, never queued
            by_mission.setdefault(row.mission, []).append(row)
        minute = minute_of(now)
        spent = work.timing.let_through(list(by_mission), since_minute=minute - MINUTES_COUNTED)
        going: list[Delivery] = []
        later: dict[DeliveryId, datetime] = {}
        for mission_id, waiting in by_mission.items():
            campaign = self.campaigns.get(waiting[0].campaign)
            per_hour = campaign.pacing.letters_per_hour
            timetable = way.timetable(
                way.mission(mission_id), campaign, letters[waiting[0].letter].action_day
            )
            is_open = timetable.is_open(now)
            may_go = [row for row in waiting if row.any_hour or is_open]
            fit = may_go[: admit(len(may_go), sent_in_last_hour(spent[mission_id], now), per_hour)]
            going += fit
            if len(fit) == len(waiting):
                continue
            chosen = {row.id for row in fit}
            buckets = {**spent[mission_id], minute: spent[mission_id].get(minute, 0) + len(fit)}
            free_from = next_room(buckets, now, per_hour)
            queued = work.outbox.queued_from(mission_id, free_from)
            for k, row in enumerate(row for row in waiting if row.id not in chosen):
                spaced = now + timedelta(hours=1) / per_hour * (k + 1)
                later[row.id] = (
                    max(spaced, free_from)
                    if row.any_hour
                    else postpone(timetable, now, queued + k, per_hour, free_from)
                )
        work.outbox.hand_back(later, lease=lease, at=now, by=self._signature, reason="pacing")
        counts: dict[str, int] = {}
        for row in going:
            counts[str(row.mission)] = counts.get(str(row.mission), 0) + 1
        work.timing.note_let_through(counts, minute=minute)
        return going

    async def _carry(self, batch: _Batch) -> int:
        settled = 0
        relay_faults = False
        for start in range(0, len(batch.rows), _ON_THE_WIRE):
            chunk = batch.rows[start : start + _ON_THE_WIRE]
            if self._stopping.is_set() or relay_faults:
                await asyncio.to_thread(self._give_back, batch.rows[start:], batch.lease)
                break
            await asyncio.to_thread(self._sign_of_life)
            at = self.clock.now()
            started = await asyncio.to_thread(self._start, chunk, batch.lease, at)
            notebook = _Notebook(self.clock)
            try:
                await self._send(batch, [row for row in chunk if row.id in started], notebook)
            finally:
                settlements = self._settlements(batch, chunk, notebook, at)
                await self._settle_surely(batch, settlements)
            settled += len(settlements)
            relay_faults = any(outcome.relay for outcome in notebook.answers.values())
        self._troubled_rounds = self._troubled_rounds + 1 if relay_faults else 0
        return settled

    async def _send(self, batch: _Batch, rows: Sequence[Delivery], notebook: _Notebook) -> None:
        mails = [row for row in rows if row.notice is not None or row.channel is Channel.EMAIL]
        if mails:
            enclosures = await asyncio.to_thread(self._enclosures, batch, mails)
            parcels = [self._parcel(batch, row, enclosures) for row in mails]
            await self.transport.send(parcels, notebook)
        for row in rows:
            if row.notice is None and row.channel in {Channel.FAX, Channel.PAPER}:
                notebook.answered(row.id, await self._carry_pages(batch, row))

    def _parcel(self, batch: _Batch, row: Delivery, enclosures: Mapping[str, EncodedEnclosure]) -> Parcel:
        rendered = self._content(batch, row)
        campaign = self.campaigns.get(row.campaign)
        recipient = row.recipient if row.notice is None else batch.letters[row.letter].email
        return Parcel(
            delivery=row.id,
            sender=self.parcelling.bounce_address(row.id, campaign.bounce_domain),
            recipient=recipient or "",
            content=self.mail.assemble(
                rendered.content,
                [enclosures[digest] for digest in rendered.enclosures],
                self.clock.now(),
            ),
        )

    def _content(self, batch: _Batch, row: Delivery) -> Rendered:
        assert row.rendering is not None  # noqa: S101 - only rendered rows are claimed
        return batch.contents[row.rendering]

    def _settlements(
        self, batch: _Batch, chunk: Sequence[Delivery], notebook: _Notebook, at: datetime
    ) -> list[Settlement]:
        return [
            self._settlement(batch, row, Attempt(at=at, ended_at=notebook.ended[row.id], outcome=outcome))
            for row in chunk
            if (outcome := notebook.answers.get(row.id)) is not None
        ]

    def _settlement(self, batch: _Batch, row: Delivery, attempt: Attempt) -> Settlement:
        """What one answer means for the row: with the mission, once more later, over, or in doubt."""
        base = Settlement(delivery=row.id, lease=batch.lease, attempt=attempt, new=DeliveryState.ACCEPTED)
        outcome = attempt.outcome
        match outcome.kind:
            case OutcomeKind.ACCEPTED:
                return base
            case OutcomeKind.REFUSED:
                return replace(base, new=DeliveryState.FAILED, reason="refused")
            case OutcomeKind.UNKNOWN:
                return replace(base, new=DeliveryState.IN_DOUBT, reason="no_answer")
            case OutcomeKind.DEFERRED:
                again = self._again(batch, row, attempt)
                if again is None:
                    return replace(base, new=DeliveryState.FAILED, reason="gave_up")
                return replace(base, new=DeliveryState.QUEUED, reason="deferred", due_at=again)
            case _:
                assert_never(outcome.kind)

    def _again(self, batch: _Batch, row: Delivery, attempt: Attempt) -> datetime | None:
        campaign = self.campaigns.get(row.campaign)
        policy: RetryPolicy = campaign.retry_policy(row.channel)
        if attempt.outcome.relay:
            policy = replace(policy, tries=_RELAY_TRIES)
        again = next_try(
            policy,
            tries=row.tries + 1,
            first_try=row.first_try_at or attempt.at,
            now=attempt.ended_at,
            spread=self.draw(),
        )
        if again is None or row.notice is not None or row.any_hour or row.mission is None:
            return again
        mission = batch.way.mission(row.mission)
        return batch.way.timetable(mission, campaign, batch.letters[row.letter].action_day).next_open(again)

    async def _settle_surely(self, batch: _Batch, settlements: Sequence[Settlement]) -> None:
        """The far end has answered; what it said is kept until the database takes it."""
        for rest in (*_RESTS, *(_RESTS[-1:] * _SETTLE_TRIES)):
            try:
                return await asyncio.to_thread(self._settle, batch, settlements)
            except StoreUnavailable as problem:
                log.warning("database_unavailable", problem=problem.fields.get("problem"))
                await asyncio.sleep(rest)
        return await asyncio.to_thread(self._settle, batch, settlements)

    def _settle(self, batch: _Batch, settlements: Sequence[Settlement]) -> None:
        if not settlements:
            return
        now = self.clock.now()
        rows = {row.id: row for row in batch.rows}
        with self.store.write() as work:
            done = work.outbox.settle(settlements, at=now, by=self._signature)
            letters = [
                rows[each.delivery].letter
                for each in settlements
                if each.delivery in done
                and each.new is DeliveryState.ACCEPTED
                and rows[each.delivery].notice is None
            ]
            work.letters.dispatched(letters, at=now, by=self._signature)
            failed = [
                rows[each.delivery]
                for each in settlements
                if each.delivery in done
                and each.new is DeliveryState.FAILED
                and rows[each.delivery].notice is None
            ]
            dead = self._note_dead_addresses(work, failed, settlements, now)
            self.dispatch.open_next(work, failed, at=now)
            if dead:
                self.dispatch.reroute(work, at=now, missions=dead)

    def _note_dead_addresses(
        self, work: Work, failed: Sequence[Delivery], settlements: Sequence[Settlement], now: datetime
    ) -> list[str]:
        """A mailbox that its own server does not know is not tried for the next letters. Answers its mission."""
        dead: list[str] = []
        attempts = {each.delivery: each.attempt for each in settlements}
        for row in failed:
            attempt = attempts[row.id]
            if attempt is not None and address_is_dead(attempt.outcome) and row.mission and row.recipient:
                work.directory.set_health(row.mission, ContactKind.EMAIL, row.recipient, Health.DEAD, at=now)
                dead.append(row.mission)
        return dead

    def _start(self, chunk: Sequence[Delivery], lease: str, at: datetime) -> set[DeliveryId]:
        with self.store.write() as work:
            return work.outbox.start([row.id for row in chunk], lease=lease, at=at, by=self._signature)

    def _give_back(self, rows: Sequence[Delivery], lease: str) -> None:
        """Claimed but not begun: as if nothing had been."""
        now = self.clock.now()
        with self.store.write() as work:
            work.outbox.hand_back(
                {row.id: row.due_at for row in rows},
                lease=lease,
                at=now,
                by=self._signature,
                reason="not_begun",
            )

    def _enclosures(self, batch: _Batch, rows: Sequence[Delivery]) -> Mapping[str, EncodedEnclosure]:
        digests = {digest for row in rows for digest in self._content(batch, row).enclosures}
        if not digests:
            return {}
        with self.store.read() as work:
            return work.enclosures.get(digests)

    async def _carry_pages(self, batch: _Batch, row: Delivery) -> Outcome:
        assert row.channel is not None and row.mission is not None  # noqa: S101
        if self.pages is None:
            return Outcome(
                kind=OutcomeKind.DEFERRED, reply="There is no carrier for this channel.", relay=True
            )
        campaign = self.campaigns.get(row.campaign)
        mission = batch.way.mission(row.mission)
        letter = batch.letters[row.letter]
        content = self._content(batch, row)
        return await self.pages.carry(
            Sheets(
                delivery=row.id,
                channel=row.channel,
                recipient=row.recipient or "",
                mission_name=mission.name,
                subject=letter.subject or "",
                pdf=content.content,
                pages=content.pages or 1,
                sender=campaign.letterhead.name,
                sender_number=campaign.letterhead.telephone,
                at=self.clock.now().astimezone(ZoneInfo(mission.time_zone)),
            )
        )

    def recover(self, dead: Sequence[str] = ()) -> tuple[int, int]:
        """Takes up what dead couriers left: claimed letters go back to the queue, those on the wire are in
        doubt. Answers both counts."""
        now = self.clock.now()
        with self.store.write() as work:
            counts = work.outbox.recover(now=now, dead=dead, by="recovery")
            for courier in dead:
                work.couriers.forget(courier)
            return counts

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
