"""One line of a directory file, checked and turned into one part of the directory.

Each function notes the faults of its row and gives a row that is only used if no file has a fault.
"""

import re
from collections.abc import Iterator
from functools import cache
from zoneinfo import ZoneInfo

from dispatcher.adapters.csv_rows import Row
from dispatcher.adapters.mailboxes import mailbox_problem, normal_mailbox
from dispatcher.adapters.places import country_name, is_country, is_region, region_name, weekend
from dispatcher.adapters.telephone_numbers import normal_number, number_problem
from dispatcher.domain.directory import (
    Closure,
    Covering,
    Jurisdiction,
    NoEmbassyReason,
    Source,
    SplitCity,
    Territory,
)
from dispatcher.domain.mission import Contact, ContactKind, Grade, Mission, MissionId, MissionKind


def mission_from(row: Row) -> Mission:
    """The mission without its contacts."""
    country = _country(row, "host_country_iso2")
    mission = MissionId(row.needed("id"))
    if mission and not _ID.fullmatch(mission):
        row.wrong(f"id '{mission}' must look like cn-fr-paris: sender, host country, city, in small letters")
    elif mission.split("-")[1:2] != [country.lower()]:
        row.wrong(f"id '{mission}' does not name the host country {country}")
    zone = row.needed("time_zone_iana")
    if zone and not _is_zone(zone):
        row.wrong(f"time_zone_iana is '{zone}', which is not a zone of the tz database")
    return Mission(
        id=mission,
        kind=row.choice("kind", MissionKind, MissionKind.OFFICE),
        country=country,
        country_name=row.needed("host_country_name"),
        region=_region(row, "region_iso3166_2", country),
        city=row.needed("city"),
        time_zone=zone,
        name=row.needed("name_en"),
        website=row.text("website"),
        latitude=row.number("latitude", 90),
        longitude=row.number("longitude", 180),
        source=row.text("source"),
        source_date=row.text("source_date"),
        confidence=row.text("confidence"),
        weekend=weekend(country),
    )


def contact_from(row: Row) -> Contact:
    kind = row.choice("channel", ContactKind, ContactKind.ADDRESS)
    valid = row.text("valid")
    if valid not in _VALID:
        row.wrong(f"valid is '{valid}', but must be yes, possible, no or blank")
    return Contact(
        mission=MissionId(row.needed("mission_id")),
        kind=kind,
        value=_contact_value(row, kind, row.text("normalised") or row.needed("value"), valid),
        role=row.needed("role"),
        grade=row.choice("grade", Grade, Grade.C),
        source=row.needed("source"),
        as_of=row.text("source_date"),
        used=row.yes("used_in_missions_csv", otherwise=True),
        valid=valid != "no",
        note=row.text("note"),
    )


def contacts_of_mission_row(row: Row, mission: Mission) -> Iterator[Contact]:
    """The contacts that the mission's own row gives, with the lowest grade: their evidence stands elsewhere.
    The role is the word in brackets in the source column ("phone=S22(consular)")."""
    for kind in ContactKind:
        value = row.text(kind.value)
        if not value:
            continue
        source, role = _source_and_role(row.text("source"), kind)
        yield Contact(
            mission=mission.id,
            kind=kind,
            value=_contact_value(row, kind, value, "yes"),
            role=role,
            grade=Grade.C,
            source=source,
            as_of=mission.source_date,
        )


def jurisdiction_from(row: Row) -> Jurisdiction:
    country = _country(row, "host_country_iso2")
    region = _region(row, "region_iso3166_2", country)
    if region is None:
        row.wrong("region_iso3166_2 is empty")
    since, until = row.day("valid_from"), row.day("valid_until")
    if since and until and since > until:
        row.wrong("valid_until is before valid_from")
    return Jurisdiction(
        mission=MissionId(row.needed("mission_id")),
        country=country,
        region=region or "",
        region_name=row.text("region_name") or region_name(region or "", "en"),
        source=row.needed("source"),
        valid_from=since,
        valid_until=until,
    )


def covering_from(row: Row) -> Covering:
    country = _country(row, "country_iso2")
    return Covering(
        country=country,
        country_name=row.text("country_name") or country_name(country, "en"),
        reason=row.choice("reason", NoEmbassyReason, NoEmbassyReason.NO_RELATIONS),
        mission=MissionId(row.text("covering_mission_id")) or None,
        source=row.text("source"),
        note=row.text("note"),
    )


def territory_from(row: Row) -> Territory:
    country = _country(row, "country_iso2")
    responsible = _country(row, "responsible_iso2") if row.text("responsible_iso2") else None
    held = row.text("held_because")
    if responsible is None and not held:
        row.wrong("either responsible_iso2 or held_because must be given")
    regions = tuple(row.text("regions").split())
    for region in regions:
        if not is_region(region) or not region.startswith(f"{responsible}-"):
            row.wrong(f"regions has '{region}', which is not an ISO 3166-2 code of {responsible}")
    return Territory(
        country=country,
        country_name=row.text("country_name") or country_name(country, "en"),
        responsible=responsible,
        regions=regions,
        held_because=held,
        source=row.text("source"),
        note=row.text("note"),
    )


def split_city_from(row: Row) -> SplitCity:
    country = _country(row, "country")
    region = _region(row, "region", country)
    if region is None:
        row.wrong("region is empty")
    return SplitCity(
        country=country,
        region=region or "",
        city=row.needed("city"),
        county=row.text("county"),
        mission=MissionId(row.needed("mission_id")),
        source=row.text("source"),
        alone=row.yes("alone", otherwise=False),
    )


def closure_from(row: Row) -> Closure | None:
    """None where the day is missing or wrong; that is noted then."""
    closed_on = row.day("closed_on")
    if closed_on is None:
        if not row.text("closed_on"):
            row.wrong("closed_on is empty")
        return None
    return Closure(
        mission=MissionId(row.needed("mission_id")),
        kind=row.choice("kind", MissionKind, MissionKind.CONSULATE),
        country=_country(row, "country_iso2"),
        city=row.needed("city"),
        closed_on=closed_on,
        successor=MissionId(row.needed("successor_mission_id")),
        source=row.text("source"),
        note=row.text("note"),
    )


def source_from(row: Row) -> Source:
    return Source(
        code=row.needed("source"), what=row.needed("what"), date=row.text("date"), licence=row.text("licence")
    )


_ID = re.compile(r"[a-z]{2}-[a-z]{2}(-[a-z0-9]+)+")
_VALID = frozenset({"", "yes", "possible", "no"})
_E164 = re.compile(r"\+[1-9]\d{4,14}")  # ITU-T E.164: at most 15 digits


def _country(row: Row, column: str) -> str:
    code = row.needed(column)
    if code and not is_country(code):
        row.wrong(f"{column} is '{code}', which is not an ISO 3166-1 code of two capital letters")
    return code


def _region(row: Row, column: str, country: str) -> str | None:
    code = row.text(column)
    if not code:
        return None
    if not is_region(code):
        row.wrong(f"{column} is '{code}', which is not an ISO 3166-2 code")
    elif not code.startswith(f"{country}-"):
        row.wrong(f"{column} is '{code}', which is not in {country}")
    return code


@cache
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # no such zone; a folder of zones; a path out of the database
        return False
    return True


def _contact_value(row: Row, kind: ContactKind, value: str, valid: str) -> str:
    if not value or valid == "no":
        return value
    match kind:
        case ContactKind.EMAIL:
            if problem := mailbox_problem(value):
                row.wrong(f"the mailbox is not well formed: {problem}")
                return value
            return normal_mailbox(value)
        case ContactKind.FAX | ContactKind.PHONE:
            if problem := number_problem(value, strict=valid != "possible"):
                row.wrong(f"the {kind} number is not usable: {problem}")
                return value
            return value if _E164.fullmatch(value) else normal_number(value)
        case ContactKind.ADDRESS:
            return value


def _source_and_role(sources: str, kind: ContactKind) -> tuple[str, str]:
    found = re.search(rf"\b{kind}=([^;()]+)(?:\(([^)]*)\))?", sources)
    return (found[1].strip(), found[2] or "main") if found else ("", "main")
