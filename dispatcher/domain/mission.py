"""Diplomatic missions and the ways to reach them."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NewType

MissionId = NewType("MissionId", str)
ContactId = NewType("ContactId", int)


class MissionKind(StrEnum):
    EMBASSY = "embassy"
    CONSULATE_GENERAL = "consulate_general"
    CONSULATE = "consulate"
    PERMANENT_MISSION = "permanent_mission"
    OFFICE = "office"


class Channel(StrEnum):
    """Ways a letter can go, in the order in which they are tried."""

    EMAIL = "email"
    FAX = "fax"
    PAPER = "paper"


class ContactKind(StrEnum):
    EMAIL = "email"
    FAX = "fax"
    PHONE = "phone"
    ADDRESS = "address"


CONTACT_OF_CHANNEL = {
    Channel.EMAIL: ContactKind.EMAIL,
    Channel.FAX: ContactKind.FAX,
    Channel.PAPER: ContactKind.ADDRESS,
}


class Grade(StrEnum):
    """How good the source of a contact is: A official, B edited, C copied. A is the best."""

    A = "A"
    B = "B"
    C = "C"


class Health(StrEnum):
    """What is known of a contact from use: nothing yet, checked by a person, or refused by its own server."""

    UNTRIED = "untried"
    VERIFIED = "verified"
    DEAD = "dead"


class RoleRank(IntEnum):
    """How fit a contact's role is for a letter; a lower rank is tried first, NEVER is not tried at all."""

    FRONT_OFFICE = 0
    CONSULAR = 1
    OTHER = 2
    NEVER = 9


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One published way to reach a mission, with the evidence for it.

    value: lower-case mailbox, E.164 number or street address. as_of: the source's own date as it gives it
    ("2024", "2021-07", "undated, before 2020"). used: False where the compiler of the directory kept it for
    the record only.
    """

    id: ContactId | None = None
    mission: MissionId
    kind: ContactKind
    value: str
    role: str
    grade: Grade
    source: str
    as_of: str
    used: bool = True
    valid: bool = True
    note: str = ""
    health: Health = Health.UNTRIED


@dataclass(frozen=True, kw_only=True)
class Mission:
    """One embassy, consulate or office. country: ISO 3166-1 alpha-2 of the host; region: ISO 3166-2 or None;
    weekend: ISO weekdays (1 = Monday) on which its office is closed."""

    id: MissionId
    kind: MissionKind
    country: str
    country_name: str
    region: str | None
    city: str
    time_zone: str
    name: str
    website: str = ""
    latitude: float | None = None
    longitude: float | None = None
    source: str = ""
    source_date: str = ""
    confidence: str = ""
    weekend: frozenset[int] = frozenset({6, 7})
    contacts: tuple[Contact, ...] = field(default=())
