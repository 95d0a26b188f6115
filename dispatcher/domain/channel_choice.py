"""Which contact of a mission a letter goes to on each channel, and why not the others."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from dispatcher.domain.mission import (
    CONTACT_OF_CHANNEL,
    Channel,
    Contact,
    ContactKind,
    Grade,
    Health,
    Mission,
    RoleRank,
)


@dataclass(frozen=True, kw_only=True)
class ChannelChoice:
    """as_of: the contact's own date, as its source gives it."""

    channel: Channel
    contact: Contact
    grade: Grade
    as_of: str


@dataclass(frozen=True, kw_only=True)
class Considered:
    """why: one sentence for people, without the contact's value."""

    contact: Contact
    used: bool
    why: str


def choose_channels(
    mission: Mission,
    *,
    least_grade: Grade,
    webmail: bool,
    shielded: bool = False,
    order: tuple[Channel, ...] = tuple(Channel),
) -> tuple[tuple[ChannelChoice, ...], tuple[Considered, ...]]:
    """The best contact of each channel that has one, in this order; and every contact of the mission, in its own
    order, with the reason why it is used or not. A shielded letter never goes to webmail."""
    fit: dict[ContactKind, list[Contact]] = {}
    whys: list[str | None] = []
    for contact in mission.contacts:
        why = _unfit(contact, least_grade, webmail=webmail, shielded=shielded)
        whys.append(why)
        if why is None:
            fit.setdefault(contact.kind, []).append(contact)
    best = {kind: min(contacts, key=_order) for kind, contacts in fit.items()}
    choices = tuple(
        ChannelChoice(channel=channel, contact=chosen, grade=chosen.grade, as_of=chosen.as_of)
        for channel in order
        if (chosen := best.get(CONTACT_OF_CHANNEL[channel]))
    )
    return choices, tuple(_considered(mission.contacts, whys, best))


@cache
def role_rank(role: str) -> RoleRank:
    """How fit a contact with this role is for a letter. A role that speaks of citizens in distress is NEVER,
    and that counts before every other word in it."""
    text = role.casefold()
    if any(word in text for word in _DISTRESS):
        return RoleRank.NEVER
    words = set(_WORDS.findall(text))
    if words & _CONSULAR:
        return RoleRank.CONSULAR
    if words & _FRONT_OFFICE:
        return RoleRank.FRONT_OFFICE
    return RoleRank.OTHER


@cache
def is_webmail(mailbox: str) -> bool:
    """Whether a mailbox is at a provider where anybody can open one."""
    host = mailbox.rpartition("@")[2].lower()
    return host in _WEBMAIL or host.partition(".")[0] in _WEBMAIL_NAMES


@cache
def dated(as_of: str) -> date | None:
    """The first day that a source's own date can mean: "2024" and "2023-2024" begin on 1 January; None for
    everything undated, also for "undated, about 2016"."""
    found = _DATE.match(as_of.strip())
    if not found:
        return None
    year, month, day = (int(part) if part else 1 for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:  # "2023-2024" reads like a month 20
        return date(year, 1, 1)


# A part of a word is enough ("emergencies", "consular protection"), in the languages that embassy pages use.
_DISTRESS = (
    "protection",
    "protección",
    "proteção",
    "duty",
    "emergenc",
    "urgenc",
    "notfall",
    "notruf",
    "hotline",
    "helpline",
    "distress",
    "rescue",
    "sos",
    "24 h",
    "24h",
    "health code",
    "health-code",
    "领保",
    "保护",
    "保護",
    "应急",
    "緊急",
    "紧急",
    "健康码",
)
_CONSULAR = frozenset(
    {
        "consular",
        "visa",
        "visas",
        "passport",
        "passports",
        "overseas",
        "temporary",
        "notarial",
        "appointments",
    }
)
_FRONT_OFFICE = frozenset(
    {
        "main",
        "chancery",
        "office",
        "political",
        "press",
        "media",
        "administration",
        "embassy",
        "ambassador",
        "protocol",
        "secretariat",
        "general",
        "information",
        "reception",
    }
)
_WORDS = re.compile(r"[^\W\d_]+")

# Providers with one domain a country are known by the first part of the host.
_WEBMAIL_NAMES = frozenset(
    {"gmail", "googlemail", "hotmail", "outlook", "live", "yahoo", "ymail", "gmx", "yandex"}
)
_WEBMAIL = frozenset(
    {
        "126.com", "139.com", "163.com", "188.com", "aliyun.com", "aol.com", "bluewin.ch", "daum.net",
        "email.cz", "foxmail.com", "free.fr", "hanmail.net", "icloud.com", "kakao.com", "laposte.net",
        "libero.it", "mail.com", "mail.ru", "me.com", "msn.com", "nate.com", "naver.com", "orange.fr",
        "proton.me", "protonmail.com", "qq.com", "rediffmail.com", "seznam.cz", "sina.cn", "sina.com",
        "sohu.com", "t-online.de", "tutanota.com", "uol.com.br", "vip.163.com", "wanadoo.fr", "web.de",
        "wp.pl", "yeah.net", "zoho.com",
    }
)  # fmt: skip

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_GRADES = (Grade.A, Grade.B, Grade.C)
_UNDATED = 0  # days; older than every date


def _unfit(contact: Contact, least_grade: Grade, *, webmail: bool, shielded: bool) -> str | None:
    public = contact.kind is ContactKind.EMAIL and is_webmail(contact.value)
    kept = f" ({contact.note})" if contact.note else ""
    worse = _GRADES.index(contact.grade) > _GRADES.index(least_grade)
    obstacles = (
        (contact.kind is ContactKind.PHONE, "Not used: no letter can go to a telephone."),
        (
            role_rank(contact.role) is RoleRank.NEVER,
            f"Never used: its role is '{contact.role}', which is for citizens in distress.",
        ),
        (not contact.valid, "Not used: it is not well formed, or not in today's numbering plan."),
        (contact.health is Health.DEAD, "Not used: letters to it came back."),
        (not contact.used, f"Not used: kept for the record only{kept}."),
        (worse, f"Not used: grade {contact.grade}, and this campaign asks for {least_grade} or better."),
        (
            public and shielded,
            "Not used: a shielded letter does not go to a mailbox at a public webmail provider.",
        ),
        (
            public and not webmail,
            "Not used: this campaign does not write to mailboxes at public webmail providers.",
        ),
    )
    return next((why for stands, why in obstacles if stands), None)


def _order(contact: Contact) -> tuple[bool, int, bool, int, int, str]:
    """Smallest first. What a person has checked comes before what a source only says."""
    day = dated(contact.as_of)
    return (
        contact.kind is ContactKind.EMAIL and is_webmail(contact.value),
        role_rank(contact.role),
        contact.health is not Health.VERIFIED,
        _GRADES.index(contact.grade),
        -(day.toordinal() if day else _UNDATED),
        contact.value,
    )


def _considered(
    contacts: Iterable[Contact], whys: Iterable[str | None], best: dict[ContactKind, Contact]
) -> Iterable[Considered]:
    for contact, why in zip(contacts, whys, strict=True):
        if why is not None:
            yield Considered(contact=contact, used=False, why=why)
        elif best[contact.kind] is contact:
            yield Considered(contact=contact, used=True, why=f"Used: {_merits(contact)}.")
        else:
            rival = _merits(best[contact.kind])
            yield Considered(
                contact=contact, used=False, why=f"In reserve ({_merits(contact)}); better is {rival}."
            )


def _merits(contact: Contact) -> str:
    place = (
        ", at a webmail provider" if contact.kind is ContactKind.EMAIL and is_webmail(contact.value) else ""
    )
    health = ", checked by a person" if contact.health is Health.VERIFIED else ""
    return f"role '{contact.role}', grade {contact.grade}, {contact.as_of or 'undated'}{place}{health}"
