"""The mailroom: where a rehearsal delivers to. Its shelves hold each mail and page as the mission would get it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.mission import Channel
from dispatcher.services.stationery import FaxLine


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One thing that was delivered to the mailroom. files: names in the mailroom's folder: the .eml of a mail,
    the .tiff of a fax or the .pdf of a printed letter, and the pictures of their pages (.png)."""

    delivery: DeliveryId
    channel: Channel | None
    to: str
    subject: str
    at: datetime
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sheets:
    """A letter as pages: the approved TIFF of a fax, to which the header line is added (fax_pages.fax_document),
    or the approved PDF of a printed letter. enclosures: of a fax, as TIFFs. pages: with them. sender and
    sender_number: for the header line (47 CFR 68.318(d)); at: local time at the mission."""

    delivery: DeliveryId
    channel: Channel
    recipient: str
    mission_name: str
    subject: str
    content: bytes = field(repr=False)
    pages: int
    sender: str
    sender_number: str
    at: datetime
    enclosures: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def line(self) -> FaxLine:
        return FaxLine(sent_at=self.at, sender=self.sender, number=self.sender_number)


class Mailroom(Protocol):
    def put_mail(self, delivery: DeliveryId, recipient: str, content: bytes, *, at: datetime) -> str:
        """Answers the piece's name, which stands for the next hop's queue id in the log."""

    def put_sheets(self, sheets: Sheets) -> str: ...

    def pieces(self, *, limit: int = 500, offset: int = 0) -> Sequence[Piece]:
        """The newest first."""

    def read(self, name: str) -> bytes | None:
        """A file of a piece; None for any other name."""
