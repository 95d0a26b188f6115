"""A campaign: the cause, its day, its words and its rules for sending."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum
from typing import NewType

from dispatcher.domain.mission import Channel, Grade

CampaignId = NewType("CampaignId", str)

LANGUAGES = ("en", "ko", "ja", "zh", "es", "pt", "de", "nl", "fr")


@dataclass(frozen=True, kw_only=True)
class ActionDayRule:
    """The yearly day, and the years in which it was or will be moved to another date."""

    month: int
    day: int
    moved: Mapping[int, date] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OfficeHours:
    """When a mission's office is taken to be open, in the mission's own zone."""

    opens: time = time(9, 0)
    closes: time = time(17, 0)


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """letters_per_hour: the budget of one mission over all channels together."""

    letters_per_hour: int = 30


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Waits between tries of one delivery: first * factor ** n, at most `ceiling`, spread by +- `jitter` (a
    fraction); given up after `tries` tries or `give_up_after`, whichever comes first."""

    first: timedelta = timedelta(minutes=5)
    factor: float = 2.0
    ceiling: timedelta = timedelta(hours=4)
    jitter: float = 0.2
    tries: int = 12
    give_up_after: timedelta = timedelta(days=5)


@dataclass(frozen=True, kw_only=True)
class SampleLetter:
    """addressee: the line above the salutation, also of letters in the writer's own words."""

    language: str
    title: str
    addressee: str
    subject: str
    text: str


class FaxResolution(StrEnum):
    """ITU-T T.4: 1728 picture elements a line; 7.7 lines a millimetre, or 3.85 in half the time on the line."""

    FINE = "fine"
    STANDARD = "standard"


@dataclass(frozen=True, kw_only=True)
class Letterhead:
    """lines: address lines, top to bottom. logo: the content of a PNG, JPEG or SVG file, or None."""

    name: str
    lines: tuple[str, ...] = ()
    email: str = ""
    telephone: str = ""
    logo: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Enclosure:
    """A PDF joined to every letter. digest: SHA-256 of the content, hex."""

    name: str
    content: bytes = field(repr=False)
    digest: str


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """addressee: the lines of the address block before the mission's name, in English.
    from_address: the mailbox of the From header; bounce_domain: of the envelope sender.
    webmail: whether a mission's mailbox at a public webmail provider may be used (always as the last).
    channels: the order in which they are tried; one that is not named is not used."""

    id: CampaignId
    name: str
    summary: str
    action_day: ActionDayRule
    addressee: tuple[str, ...]
    from_name: str
    from_address: str
    bounce_domain: str
    letterhead: Letterhead
    samples: Mapping[str, SampleLetter]
    enclosures: tuple[Enclosure, ...] = ()
    office_hours: OfficeHours = OfficeHours()
    pacing: Pacing = Pacing()
    retries: Mapping[Channel, RetryPolicy] = field(default_factory=dict)
    least_grade: Grade = Grade.C
    webmail: bool = True
    fax_resolution: FaxResolution = FaxResolution.FINE
    channels: tuple[Channel, ...] = tuple(Channel)

    def sample(self, language: str) -> SampleLetter:
        """The sample in this language; the English one where there is none."""
        return self.samples.get(language) or self.samples["en"]

    def retry_policy(self, channel: Channel | None) -> RetryPolicy:
        """The policy of a channel; the default one where the campaign sets none."""
        return self.retries.get(channel, RetryPolicy()) if channel else RetryPolicy()
