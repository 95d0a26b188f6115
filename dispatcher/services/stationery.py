"""What a letter needs to become a mail or a page, and what comes out: bytes that can be approved."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from dispatcher.domain.campaign import Campaign, Enclosure
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


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What is approved. content: without Date header and without enclosures. digest: SHA-256 of content, hex.
    enclosures: digests of the files that go with it, in their order. pages: None for a mail."""

    media_type: str
    content: bytes = field(repr=False)
    digest: str
    enclosures: tuple[str, ...] = ()
    pages: int | None = None


@dataclass(frozen=True, kw_only=True)
class EncodedEnclosure:
    """An enclosure as a ready MIME part (headers and base64 lines), kept once for all letters.
    digest: of the file itself, not of the part."""

    name: str
    digest: str
    part: bytes = field(repr=False)


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


class Typesetter(Protocol):
    """Letters to PDF."""

    def render_pdf(self, content: LetterContent, day_line: str) -> Rendered:
        """day_line: the letter's date, written out in its language. The same content gives the same bytes."""
        ...


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
