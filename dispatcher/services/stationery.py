"""What a letter needs to become a mail or a page, and what comes out: bytes that can be approved."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from dispatcher.domain.campaign import Campaign, Enclosure, FaxResolution
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.mission import Mission

# Stands for a shielded writer whose name holds no letter to make an initial of (nomen nescio).
NAMELESS = "N. N."
# Comma, ideographic comma, full-width comma: what parts the components of a place line in the nine languages.
_PLACE_COMMAS = str.maketrans({"、": ",", "，": ","})


@dataclass(frozen=True, kw_only=True)
class LetterContent:
    """Everything a page or a mail shows, in NFC.

    place_line: where the writer lives, components parted by commas, the country last ("Houston, Texas, United
    States"), in every language: shielding relies on it. reply_to: the supporter's mailbox, or the campaign's
    for a shielded letter; ASCII (an internationalised domain in its xn-- form). message_id: bare,
    "<...@...>". reference: what an organizer finds the letter by; says nothing about its writer.
    """

    campaign: Campaign
    action_day: date
    mission: Mission
    language: str
    subject: str
    text: str
    writer_name: str
    organisation: str
    place_line: str
    shielded: bool
    reply_to: str
    message_id: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How a letter is signed in public; `organisation` and `place` may be empty."""

    name: str
    organisation: str
    place: str

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line for line in (self.name, self.organisation, self.place) if line)


class StationeryUnusable(DispatcherError):
    """The campaign's stationery cannot be used: {why}. This is a fault of its files, not of a letter."""


class LogoUnusable(StationeryUnusable):
    """The logo of the letterhead cannot be used: {why}. Put another one beside the campaign file and start the
    service again."""


class EnclosureUnusable(StationeryUnusable):
    """The enclosure '{name}' cannot be used: {why}. Put another one beside the campaign file and start the service
    again."""


class TooLongToFax(DispatcherError):
    """This letter is too long for a fax: with its enclosures it has {pages} pages, and a fax may have {most}. Print
    it, or ask its writer for a shorter one."""


# Not frozen, as domain.outcome: thousands a second.
@dataclass(slots=True, kw_only=True)
class Rendered:
    """What is approved. content: without what belongs to the moment of sending (a mail's Date header, the header
    line of a fax) and without enclosures. digest: SHA-256 of content, hex. enclosures: digests of what goes with
    it, in their order. pages: of a fax or a printed letter, with its enclosures where they are faxed too; None
    for a mail. media_type: message/rfc822, application/pdf (paper) or image/tiff (fax)."""

    media_type: str
    content: bytes = field(repr=False)
    digest: str
    enclosures: tuple[str, ...] = ()
    pages: int | None = None


@dataclass(frozen=True, kw_only=True)
class EncodedEnclosure:
    """An enclosure ready to go, kept once for all letters: as a MIME part (headers and base64 lines; digest: of
    the file itself, not of the part), or as fax pages (a TIFF without header lines; digest: of that)."""

    name: str
    digest: str
    part: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class FaxLine:
    """The line on every page of a fax (47 CFR 68.318(d)). sent_at: local time at the mission, with its zone.
    number: the sender's."""

    sent_at: datetime
    sender: str
    number: str


class MailWriter(Protocol):
    """Letters to MIME bytes."""

    def render_email(self, content: LetterContent, *, recipient: str) -> Rendered: ...

    def encode_enclosure(self, enclosure: Enclosure) -> EncodedEnclosure: ...

    def opening(self, date: datetime) -> bytes:
        """The first line of a mail that is sent now: its Date."""
        ...

    def assemble(
        self, rendered_content: bytes, enclosures: Sequence[EncodedEnclosure], opening: bytes
    ) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class PageOrder:
    """day_line: the letter's date, written out in its language. fax: how fine its fax pages are to be; None for
    a letter on paper."""

    content: LetterContent
    day_line: str
    fax: FaxResolution | None = None


class Pages(Protocol):
    """Letters to pages: PDF for paper, 1-bit pages for a fax. The same order gives the same bytes."""

    def render(self, orders: Sequence[PageOrder]) -> list[Rendered | DispatcherError]:
        """One answer an order. An error says why this letter cannot be put on a page; a StationeryUnusable is
        the campaign's fault and the same for all its letters."""

    def fax_enclosures(self, campaign: Campaign) -> tuple[EncodedEnclosure, ...]:
        """The campaign's enclosures as fax pages. Raises StationeryUnusable."""

    def faults(self, campaign: Campaign) -> list[StationeryUnusable]:
        """What of the letterhead and the enclosures cannot be used; found out once for each campaign."""

    def pictures(self, rendered: Rendered, enclosures: Sequence[bytes], line: FaxLine) -> list[bytes]:
        """A PNG a page, to be looked at: a fax in black and white with its header line, as the far machine
        prints it; paper in shades of grey."""

    def rest(self) -> None:
        """There is nothing to render for now."""


def signature(content: LetterContent) -> Signature:
    """The writer's own signature; of a shielded writer the initials and the country, and no organisation,
    since a small one points at its members."""
    if not content.shielded:
        return Signature(
            name=content.writer_name.strip(),
            organisation=content.organisation.strip(),
            place=content.place_line.strip(),
        )
    country = content.place_line.translate(_PLACE_COMMAS).rpartition(",")[2]
    return Signature(name=_initials(content.writer_name), organisation="", place=country.strip())


def _initials(name: str) -> str:
    """Jane Doe -> J. D.; 김민수 -> 김."""
    letters = (_initial(word) for word in name.split())
    return " ".join(f"{letter}." for letter in letters if letter) or NAMELESS


def _initial(word: str) -> str:
    for position, character in enumerate(word):
        if not character.isalpha():
            continue
        upper = character.upper()
        initial = upper if len(upper) == 1 else character  # not ß -> SS
        for mark in word[position + 1 :]:
            if not unicodedata.category(mark).startswith("M"):
                break
            initial += mark
        return initial
    return ""
