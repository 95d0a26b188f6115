"""What a courier takes from the queue: a batch that its missions' pace lets through, marked as on the wire."""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import Channel
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.journal import Journal, OpenPage
from dispatcher.services.mailroom import Sheets
from dispatcher.services.pacing import Pacing
from dispatcher.services.routing import Routing, Wayfinder
from dispatcher.services.stationery import EncodedEnclosure, MailWriter
from dispatcher.services.store import Approved, Claimed, Store, Work
from dispatcher.services.transport import Parcel, check_content

_ON_PAPER = frozenset({Channel.FAX, Channel.PAPER})


class Parcelling(Protocol):
    def envelope(self, delivery: DeliveryId, domain: str) -> tuple[str, str]:
        """The envelope sender (VERP), so that returned mail names its delivery and nobody can make one up; and the
        name under which delivery status notices are asked for (RFC 3461 ENVID)."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What is marked as on the wire, ready to go. mails: taken once. enclosed: whether some have enclosures."""

    lease: str
    page: OpenPage
    started_at: datetime
    deliveries: frozenset[DeliveryId]
    mails: Iterable[Parcel]
    enclosed: bool
    sheets: tuple[Sheets, ...]

    def __len__(self) -> int:
        return len(self.deliveries)


@dataclass(frozen=True, kw_only=True)
class Claiming:
    """courier: names the process in leases; by: in the log."""

    courier: str
    by: str
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    pacing: Pacing
    journal: Journal
    mail: MailWriter
    parcelling: Parcelling
    lease_life: timedelta

    def claim(
        self, limit: int, *, notices: bool, finished: Sequence[str] = (), expected: bool = False
    ) -> Batch | None:
        """Marks as on the wire what is due and what the missions' budgets let through; the rest gets a later hour.
        None where nothing can leave. finished: leases that end where something is due. expected: that something is due;
        else it is asked first, without the lock that a claim needs."""
        now = self.clock.now()
        if not expected:
            with self.store.read() as work:
                due = work.outbox.next_due(notices=notices)
            if due is None or due > now:
                return None
        lease = secrets.token_hex(8)
        page = self.journal.open(lease)
        try:
            with self.store.write() as work:
                work.outbox.finish(finished)
                batch = self._claim_in(work, notices, limit, lease, page, now)
        except BaseException:
            page.close()
            raise
        if batch is None:
            page.close()
        elif not batch.enclosed:
            # Made whole here, beside the lines, and after the transaction, for others wait for its locks. With enclosures a
            # batch can be gigabytes: then one by one. Whoever takes them is the only one who holds them.
            batch = replace(batch, mails=iter(list(batch.mails)))
        return batch

    def _claim_in(
        self, work: Work, notices: bool, limit: int, lease: str, page: OpenPage, now: datetime
    ) -> Batch | None:
        rows: Sequence[Claimed] = work.outbox.due(notices=notices, now=now, limit=limit)
        if not rows:
            return None
        way = self.routing.present(work)
        if not notices:
            rows, later = self.pacing.let_through(work, rows, way, now)
            work.outbox.postpone(later)
        contents = work.outbox.approved([row.rendering for row in rows])
        if len(contents) < len(rows):
            rows = self._still_there(work, rows, contents, now)
        started = work.outbox.start(
            [row.id for row in rows], courier=self.courier, lease=lease, until=now + self.lease_life, at=now
        )
        if len(started) < len(rows):
            rows = [row for row in rows if row.id in started]
        return self._batch(work, rows, contents, way, lease, page, now) if rows else None

    def _still_there(
        self, work: Work, rows: Sequence[Claimed], contents: Mapping[int, Approved], now: datetime
    ) -> list[Claimed]:
        erased = [row.id for row in rows if row.rendering not in contents]
        if erased:  # between the rendering and now; there is nothing left to send
            work.outbox.move(erased, DeliveryState.CANCELLED, at=now, by=self.by, reason="erased")
        return [row for row in rows if row.rendering in contents]

    def _batch(
        self,
        work: Work,
        rows: Sequence[Claimed],
        contents: Mapping[int, Approved],
        way: Wayfinder,
        lease: str,
        page: OpenPage,
        now: datetime,
    ) -> Batch:
        notices = {row.id for row in rows if row.notice is not None}
        pages = [row for row in rows if row.channel in _ON_PAPER and row.id not in notices]
        mails = [row for row in rows if row.id in notices or row.channel not in _ON_PAPER] if pages else rows
        # Opening a letter costs more than sending it: only for those whose words are needed beside the bytes.
        wanted = {row.letter for row in rows if row.id in notices} if notices else set()
        wanted |= {row.letter for row in pages}
        opened = work.letters.get(wanted) if wanted else {}
        lists = {each.enclosures for each in contents.values()}  # few, for a campaign's letters have the same
        digests = {digest for each in lists for digest in each}
        enclosures = work.enclosures.get(digests) if digests else {}
        if mails:
            for enclosure in enclosures.values():
                check_content(enclosure.part)
        return Batch(
            lease=lease,
            page=page,
            started_at=now,
            deliveries=frozenset([row.id for row in rows]),
            mails=self._parcels(mails, contents, enclosures, opened, now),
            enclosed=bool(enclosures),
            sheets=tuple(
                self._sheets(row, contents[row.rendering], enclosures, opened[row.letter], way, now)
                for row in pages
            ),
        )

    def _parcels(
        self,
        rows: Sequence[Claimed],
        contents: Mapping[int, Approved],
        enclosures: Mapping[str, EncodedEnclosure],
        opened: Mapping[LetterId, Letter],
        now: datetime,
    ) -> Iterator[Parcel]:
        """Each mail made whole right before it goes: with its Date, its enclosures, its envelope."""
        opening = self.mail.opening(now)
        envelope, assemble = self.parcelling.envelope, self.mail.assemble
        campaigns = {row.campaign for row in rows}
        domains = {each: self.campaigns.get(each).bounce_domain for each in campaigns}
        for id, letter, campaign, notice, _, _, recipient, rendering, _ in rows:
            sender, envelope_id = envelope(id, domains[campaign])
            content, digests, _ = contents[rendering]
            whole = assemble(content, [enclosures[each] for each in digests] if digests else (), opening)
            if notice is None:
                # A letter's recipient is the directory's.
                yield Parcel(id, sender, recipient or "", whole, envelope_id)
            else:
                # A notice has one only where the campaign gets it in the writer's place (an answer to a shielded
                # letter); else it goes to the writer.
                yield Parcel(id, sender, recipient or opened[letter].email or "", whole)

    def _sheets(
        self,
        row: Claimed,
        approved: Approved,
        enclosures: Mapping[str, EncodedEnclosure],
        letter: Letter,
        way: Wayfinder,
        now: datetime,
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
            content=approved.content,
            pages=approved.pages or 1,
            sender=letterhead.name,
            sender_number=letterhead.telephone,
            at=now.astimezone(ZoneInfo(mission.time_zone)),
            # A printed letter's are printed by whoever hands it over.
            enclosures=tuple(enclosures[digest].part for digest in approved.enclosures)
            if row.channel is Channel.FAX
            else (),
        )
