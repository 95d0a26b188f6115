"""What the service needs of whoever makes the call: a Twilio-compatible gateway, Telnyx, or a HylaFAX server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.outcome import Outcome


class CarrierSilent(DispatcherError):
    """The fax carrier could not be asked: {problem} What it has is left as it is, and it is asked again."""


class ForgedCallback(DispatcherError):
    """A callback was refused: {problem}."""


@dataclass(frozen=True, kw_only=True)
class FaxOrder:
    """What a carrier is asked to send. reference: our own name for this call; says nothing about anybody. number:
    E.164. media_url: where a carrier that fetches gets the pages, once; tiff: the pages for one that is given
    them, else empty. callback_url: where it may tell what became of it."""

    reference: str
    number: str
    pages: int
    media_url: str = field(repr=False)
    callback_url: str
    tiff: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What the carrier answered to an order. outcome: ACCEPTED with its id; DEFERRED when nothing was taken and
    the fault is not the letter's (`relay`); REFUSED when this number will never do; UNKNOWN when nobody knows
    whether it was taken. rest: for how long it wants to be left in peace."""

    outcome: Outcome
    end: CallEnd | None = None
    rest: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class CarrierWord:
    """What the carrier says of one fax. status: in its own word. end: None while it is under way. confirmed: pages
    that the far machine confirmed; None where they are not counted. reference: ours, where the carrier repeats it."""

    provider_ref: str
    status: str
    end: CallEnd | None = None
    confirmed: int | None = None
    code: int | None = None
    words: str = ""
    reference: str | None = None


class FaxCarrier(Protocol):
    """Every call may take some seconds and is made from a thread. Nothing is ever sent again by the carrier's own
    client: only the service knows when that is right."""

    @property
    def name(self) -> str:
        """As it stands in the settings and in the address of its callbacks."""

    @property
    def fetches(self) -> bool:
        """Whether it gets the pages from our link; else it is given them with the order."""

    def submit(self, order: FaxOrder) -> Submission:
        """Raises only for bugs."""

    def status(self, provider_ref: str) -> CarrierWord | None:
        """None: the carrier knows no such fax. Raises CarrierSilent."""

    def find(
        self, *, reference: str, number: str, media_url: str, since: datetime, known: frozenset[str]
    ) -> CarrierWord | None:
        """The fax of an order that had no answer, by our reference or, where the carrier does not repeat that, by
        number and hour. known: ids of our other faxes. None: it has none. Raises CarrierSilent."""

    def cancel(self, provider_ref: str) -> bool:
        """Answers whether the carrier said yes. Raises CarrierSilent."""

    def read_callback(
        self, *, url: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> CarrierWord:
        """url: as the carrier was given it, with its query. headers: names in lower case. Raises ForgedCallback."""

    def probe(self) -> list[str]:
        """Signs in and sends nothing; problems in words."""
