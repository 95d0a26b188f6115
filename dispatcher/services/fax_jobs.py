"""The calls that a carrier was asked to make: one job a try of one delivery."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.fax_schedule import Call
from dispatcher.domain.outcome import Attempt


@dataclass(frozen=True, kw_only=True)
class FaxJob:
    """reference: our name for it, told to the carrier. provider_ref: its name at the carrier, once that has
    answered. fetched_at: when the carrier got the pages from our link. closed_at: when its end was known; the link
    is dead from then on."""

    id: int
    delivery: DeliveryId
    carrier: str
    reference: str
    number: str
    pages: int
    opened_at: datetime
    provider_ref: str | None
    status: str
    fetched_at: datetime | None
    closed_at: datetime | None


class FaxJobs(Protocol):
    def open(
        self, delivery: DeliveryId, *, carrier: str, reference: str, number: str, pages: int, at: datetime
    ) -> FaxJob:
        """A job of the same delivery that is still open is closed, with an unknown end."""

    def get(self, id: int, *, lock: bool = False) -> FaxJob | None: ...

    def named(self, reference: str) -> FaxJob | None: ...

    def latest(self, delivery: DeliveryId) -> FaxJob | None: ...

    def taken(self, id: int, provider_ref: str, status: str) -> None: ...

    def note(self, id: int, status: str) -> None:
        """The carrier's word on a fax that is under way."""

    def close(self, id: int, end: CallEnd, status: str, *, at: datetime) -> bool:
        """False where it was closed already."""

    def fetch(self, id: int, at: datetime) -> bool:
        """Whether the pages may be handed out: to the first who asks while the job is open."""

    def calls(self, delivery: DeliveryId) -> list[Call]:
        """Those that ended, oldest first."""

    def lines_in_use(
        self, numbers: Iterable[str], *, besides: Iterable[DeliveryId], since: datetime
    ) -> set[str]:
        """Numbers that are being called. besides: deliveries that do not count. since: older jobs do not count."""

    def to_ask(self, carrier: str, *, now: datetime, asked_before: datetime, limit: int) -> list[FaxJob]:
        """Open jobs of deliveries that this carrier has, not asked about since. Each is given to one asker."""

    def doubtful(self, limit: int) -> list[DeliveryId]:
        """Faxes in doubt."""

    def known_refs(self, number: str, since: datetime) -> frozenset[str]:
        """The carrier's ids of our jobs to this number."""

    def add_attempt(self, delivery: DeliveryId, attempt: Attempt) -> None:
        """A line of evidence in the log."""
