"""Campaigns from TOML files; every mistake of a file is told at once, by its key."""

import hashlib
import tomllib
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dispatcher.domain.campaign import (
    LANGUAGES,
    ActionDayRule,
    Campaign,
    CampaignId,
    Enclosure,
    FaxResolution,
    Letterhead,
    OfficeHours,
    Pacing,
    RetryPolicy,
    SampleLetter,
)
from dispatcher.domain.errors import DispatcherError, FileProblems
from dispatcher.domain.mission import Channel, Grade

_PDF = b"%PDF-"
# Embassies' mail servers commonly refuse mails of 10 MB and more; base64 adds a third.
_ENCLOSURES_BYTES = 6_000_000
# It is in every page that is kept, so a photograph of some megabytes would be there 100,000 times.
_LOGO_BYTES = 500_000


class NoSuchCampaign(DispatcherError):
    """There is no campaign '{campaign}'. The campaign files are in {folder}."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ActionDay(_Part):
    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)
    moved: dict[int, date] = {}


class _Sender(_Part):
    name: str = Field(min_length=1, max_length=80)
    address: str = Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")
    bounce_domain: str = ""


class _Letterhead(_Part):
    name: str
    lines: tuple[str, ...] = ()
    email: str = ""
    telephone: str = ""
    logo: str = ""


class _Fax(_Part):
    resolution: FaxResolution = FaxResolution.FINE


class _EnclosureFile(_Part):
    file: str
    name: str = ""


class _OfficeHours(_Part):
    opens: time
    closes: time


class _Pacing(_Part):
    letters_per_hour: int = Field(ge=1)


class _Contacts(_Part):
    least_grade: Grade = Grade.C
    webmail: bool = True
    channels: tuple[Channel, ...] = tuple(Channel)


class _Retries(_Part):
    first_minutes: float = Field(default=5, gt=0)
    factor: float = Field(default=2, ge=1)
    ceiling_minutes: float = Field(default=240, gt=0)
    jitter: float = Field(default=0.2, ge=0, lt=1)
    tries: int = Field(default=12, ge=1)
    give_up_after_hours: float = Field(default=120, gt=0)


class _Letter(_Part):
    title: str
    addressee: str
    subject: str = Field(min_length=1, max_length=200, pattern=r"^[^\r\n]+$")
    text: str = Field(min_length=1)


class _File(_Part):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    name: str = Field(min_length=1, max_length=120, pattern=r"^[^\r\n]+$")
    summary: str = ""
    addressee: tuple[str, ...] = Field(min_length=1)
    action_day: _ActionDay
    sender: _Sender
    letterhead: _Letterhead
    enclosures: tuple[_EnclosureFile, ...] = ()
    office_hours: _OfficeHours = _OfficeHours(opens=time(9), closes=time(17))
    pacing: _Pacing = _Pacing(letters_per_hour=30)
    contacts: _Contacts = _Contacts()
    fax: _Fax = _Fax()
    retries: dict[Channel, _Retries] = {}
    letters: dict[str, _Letter]


class CampaignFolder:
    """All campaigns of a folder. from_address, from_name, bounce_domain, letters_per_hour and action_day, where
    given, take the place of what the file of the active campaign says. Raises FileProblems."""

    def __init__(
        self,
        folder: Path,
        active: str,
        *,
        from_address: str = "",
        from_name: str = "",
        bounce_domain: str = "",
        letters_per_hour: int = 0,
        action_day: date | None = None,
    ) -> None:
        self._folder = folder
        self._active = CampaignId(active)
        self._all = {campaign.id: campaign for campaign in map(read_campaign, sorted(folder.glob("*.toml")))}
        if chosen := self._all.get(self._active):
            self._all[self._active] = replace(
                chosen,
                from_address=from_address or chosen.from_address,
                from_name=from_name or chosen.from_name,
                bounce_domain=bounce_domain or from_address.rpartition("@")[2] or chosen.bounce_domain,
                pacing=Pacing(letters_per_hour=letters_per_hour) if letters_per_hour else chosen.pacing,
                action_day=ActionDayRule(
                    month=action_day.month, day=action_day.day, moved={action_day.year: action_day}
                )
                if action_day
                else chosen.action_day,
            )

    @property
    def active(self) -> Campaign:
        return self.get(self._active)

    def get(self, id: CampaignId) -> Campaign:
        if id not in self._all:
            raise NoSuchCampaign(campaign=id, folder=self._folder)
        return self._all[id]

    def all(self) -> tuple[Campaign, ...]:
        return tuple(self._all.values())


def read_campaign(path: Path) -> Campaign:
    """Raises FileProblems with every mistake of the file."""
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise FileProblems(file=str(path), problems=[str(error)]) from None
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise FileProblems(file=str(path), problems=problems) from None
    problems = _mistakes(file)
    enclosures = _enclosures(file, path.parent, problems)
    logo = _logo(file.letterhead.logo, path.parent, problems)
    if problems:
        raise FileProblems(file=str(path), problems=problems)
    return _campaign(file, enclosures, logo)


def _mistakes(file: _File) -> list[str]:
    problems = []
    if "en" not in file.letters:
        problems.append(
            "letters.en: the English sample letter is missing; it stands in for any other language"
        )
    problems += [
        f"letters.{language}: is not one of {', '.join(LANGUAGES)}"
        for language in file.letters
        if language not in LANGUAGES
    ]
    if not file.contacts.channels or len(set(file.contacts.channels)) < len(file.contacts.channels):
        problems.append("contacts.channels: name each channel once (email, fax, paper), in the order to try")
    if file.office_hours.opens >= file.office_hours.closes:
        problems.append("office_hours: the office must close later than it opens")
    return problems


def _enclosures(file: _File, folder: Path, problems: list[str]) -> tuple[Enclosure, ...]:
    found = []
    for each in file.enclosures:
        try:
            content = (folder / each.file).read_bytes()
        except OSError:
            problems.append(f"enclosures: {each.file} cannot be read; put it beside the campaign file")
            continue
        if not content.startswith(_PDF):
            problems.append(f"enclosures: {each.file} is not a PDF")
            continue
        name = each.name or Path(each.file).name
        found.append(Enclosure(name=name, content=content, digest=hashlib.sha256(content).hexdigest()))
    if sum(len(each.content) for each in found) > _ENCLOSURES_BYTES:
        problems.append(f"enclosures: they are larger than {_ENCLOSURES_BYTES // 1_000_000} MB together")
    return tuple(found)


def _logo(name: str, folder: Path, problems: list[str]) -> bytes | None:
    """Whether it is a picture that can be printed is seen when it is: letters by mail need no letterhead."""
    if not name:
        return None
    try:
        content = (folder / name).read_bytes()
    except OSError:
        problems.append(f"letterhead.logo: {name} cannot be read; put it beside the campaign file")
        return None
    if len(content) > _LOGO_BYTES:
        problems.append(f"letterhead.logo: {name} is larger than {_LOGO_BYTES // 1000} kB")
    return content


def _campaign(file: _File, enclosures: tuple[Enclosure, ...], logo: bytes | None) -> Campaign:
    return Campaign(
        id=CampaignId(file.id),
        name=file.name,
        summary=file.summary,
        action_day=ActionDayRule(
            month=file.action_day.month, day=file.action_day.day, moved=file.action_day.moved
        ),
        addressee=file.addressee,
        from_name=file.sender.name,
        from_address=file.sender.address,
        bounce_domain=file.sender.bounce_domain or file.sender.address.rpartition("@")[2],
        letterhead=Letterhead(
            name=file.letterhead.name,
            lines=file.letterhead.lines,
            email=file.letterhead.email,
            telephone=file.letterhead.telephone,
            logo=logo,
        ),
        samples={
            language: SampleLetter(
                language=language,
                title=letter.title,
                addressee=letter.addressee,
                subject=letter.subject,
                text=letter.text.strip(),
            )
            for language, letter in file.letters.items()
        },
        enclosures=enclosures,
        office_hours=OfficeHours(opens=file.office_hours.opens, closes=file.office_hours.closes),
        pacing=Pacing(letters_per_hour=file.pacing.letters_per_hour),
        retries={channel: _policy(retries) for channel, retries in file.retries.items()},
        least_grade=file.contacts.least_grade,
        webmail=file.contacts.webmail,
        fax_resolution=file.fax.resolution,
        channels=file.contacts.channels,
    )


def _policy(retries: _Retries) -> RetryPolicy:
    return RetryPolicy(
        first=timedelta(minutes=retries.first_minutes),
        factor=retries.factor,
        ceiling=timedelta(minutes=retries.ceiling_minutes),
        jitter=retries.jitter,
        tries=retries.tries,
        give_up_after=timedelta(hours=retries.give_up_after_hours),
    )
