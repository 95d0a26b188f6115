"""The pages of a fax, for a carrier that fetches them: behind a link that names nobody, works once, and dies with
the call it was made for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from dispatcher.domain.delivery import DeliveryId
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.fax_jobs import FaxJob
from dispatcher.services.mailroom import Sheets
from dispatcher.services.routing import Routing
from dispatcher.services.stationery import FaxLine
from dispatcher.services.store import Store, Work

# Carriers fetch within seconds; one that queues a fax for longer than this will make a new call of it.
LINK_LIFE = timedelta(hours=1)
_PURPOSE = "fax-pages"


class FaxPrinter(Protocol):
    """Puts the header line on the approved pages (TIFFs): the carriers' own calls have no place for one."""

    def tiff(self, approved: bytes, *, line: FaxLine, enclosures: Sequence[bytes]) -> bytes: ...

    def pdf(self, approved: bytes, *, line: FaxLine, enclosures: Sequence[bytes]) -> bytes:
        """The very same dots, for carriers that take no TIFF."""


@dataclass(frozen=True, kw_only=True)
class FaxPages:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    printer: FaxPrinter

    def token(self, job: FaxJob) -> str:
        return self.store.links.delivery_token(_PURPOSE, DeliveryId(job.id))

    def is_there(self, token: str) -> bool:
        """For a carrier that asks before it fetches."""
        with self.store.read() as work:
            return self._job(work, token) is not None

    def take(self, token: str) -> bytes | None:
        """The pages as PDF, to the first who asks. None: no such link, or not any more."""
        now = self.clock.now()
        with self.store.write() as work:
            job = self._job(work, token)
            if job is None or not work.faxes.fetch(job.id, now):
                return None
            print_it = self._print(work, job)
        return print_it() if print_it is not None else None

    def tiff_of(self, sheets: Sheets) -> bytes:
        return self.printer.tiff(sheets.content, line=sheets.line, enclosures=sheets.enclosures)

    def _job(self, work: Work, token: str) -> FaxJob | None:
        id = self.store.links.delivery(_PURPOSE, token)
        job = work.faxes.get(int(id)) if id is not None else None
        if job is None or job.closed_at is not None or job.fetched_at is not None:
            return None
        return job if self.clock.now() - job.opened_at <= LINK_LIFE else None

    def _print(self, work: Work, job: FaxJob) -> Callable[[], bytes] | None:
        """Drawing takes longer than others should wait for the lock."""
        row = work.outbox.get([job.delivery]).get(job.delivery)
        if row is None or row.rendering is None or row.mission is None:
            return None
        rendered = work.outbox.content([row.rendering]).get(row.rendering)
        if rendered is None:  # erased
            return None
        letterhead = self.campaigns.get(row.campaign).letterhead
        zone = ZoneInfo(self.routing.present(work).mission(row.mission).time_zone)
        line = FaxLine(
            sent_at=job.opened_at.astimezone(zone), sender=letterhead.name, number=letterhead.telephone
        )
        kept = work.enclosures.get(rendered.enclosures) if rendered.enclosures else {}
        enclosures = [kept[digest].part for digest in rendered.enclosures]
        return lambda: self.printer.pdf(rendered.content, line=line, enclosures=enclosures)
