"""The directory from a folder of CSV files (`config/missions/`; its README tells the columns).

Everything is checked before anything is used, and all faults come out in one error.
"""

import csv
import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, assert_never

from dispatcher.adapters import directory_rows
from dispatcher.adapters.csv_rows import Problems, Row, read_rows
from dispatcher.adapters.mailboxes import mailbox_problem, normal_mailbox
from dispatcher.adapters.places import parts_of, region_name
from dispatcher.adapters.telephone_numbers import normal_number, number_problem
from dispatcher.domain.directory import Closure, Covering, Directory, Jurisdiction, SplitCity, Territory
from dispatcher.domain.errors import DispatcherError, FileProblems
from dispatcher.domain.mission import Contact, ContactKind, Mission, MissionId
from dispatcher.domain.spelling import plain


class ContactUnusable(DispatcherError):
    """This contact cannot be used. {problem}"""


MISSIONS = "missions.csv"
CONTACTS = "contacts.csv"
JURISDICTIONS = "jurisdictions.csv"
NO_EMBASSY = "no_embassy.csv"
TERRITORIES = "territories.csv"
SPLIT_REGIONS = "split_regions.csv"
CLOSURES = "closures.csv"
SOURCES = "sources.csv"


def read_directory(folder: Path, base: Path | None = None) -> Directory:
    """The checked directory. missions.csv and contacts.csv must be there; of the other files, one that is
    absent counts as empty. Raises FileProblems with every fault of every file.

    With `base`, `folder` may hold only some of the files, or be one of them (known by its columns, whatever its
    name); the others are taken from `base`."""
    problems = Problems()
    files = _Files(folder, base)
    missions = _read(files, MISSIONS, directory_rows.mission_from, problems)
    own = {
        mission.id: list(directory_rows.contacts_of_mission_row(row, mission)) for mission, row in missions
    }
    contacts = _read(files, CONTACTS, directory_rows.contact_from, problems)
    jurisdictions = _read(files, JURISDICTIONS, directory_rows.jurisdiction_from, problems)
    coverings = _read(files, NO_EMBASSY, directory_rows.covering_from, problems)
    territories = _read(files, TERRITORIES, directory_rows.territory_from, problems)
    cities = _read(files, SPLIT_REGIONS, directory_rows.split_city_from, problems)
    closures = [
        (closure, row)
        for closure, row in _read(files, CLOSURES, directory_rows.closure_from, problems)
        if closure
    ]
    sources = _read(files, SOURCES, directory_rows.source_from, problems)

    standing = {mission.id for mission, _ in missions}
    closed = {closure.mission for closure, _ in closures}
    _check_ids(((contact.mission, row) for contact, row in contacts), standing)
    _check_ids(((part.mission, row) for part, row in jurisdictions), standing | closed)
    _check_ids(((part.mission, row) for part, row in coverings if part.mission), standing)
    _check_ids(((part.mission, row) for part, row in cities), standing)
    _check_ids(((part.successor, row) for part, row in closures), standing)
    for closure, row in closures:
        if closure.mission in standing:
            row.wrong(f"'{closure.mission}' is closed here, but stands in {MISSIONS}")
    if files.path(SOURCES).is_file():
        known = {source.code for source, _ in sources}
        for group in (contacts, jurisdictions, coverings, territories, cities, closures):
            _check_sources(group, known)
    _check_unique((mission.id, row) for mission, row in missions)
    _check_unique(((one.mission, one.kind, one.value), row) for one, row in contacts)
    _check_unique(((part.mission, part.region, part.valid_from), row) for part, row in jurisdictions)
    _check_unique((part.country, row) for part, row in coverings)
    _check_unique((part.country, row) for part, row in territories)
    _check_unique(((part.region, plain(part.city)), row) for part, row in cities)
    _check_unique((part.mission, row) for part, row in closures)
    _check_unique((source.code, row) for source, row in sources)
    if problems.lines:
        raise FileProblems(file=f"The directory in {folder}", problems=problems.lines)

    found: dict[MissionId, list[Contact]] = {}
    for contact, _ in contacts:
        found.setdefault(contact.mission, []).append(contact)
    return Directory(
        missions=tuple(
            _with_contacts(mission, found.get(mission.id, []), own[mission.id]) for mission, _ in missions
        ),
        jurisdictions=_with_parts(part for part, _ in jurisdictions),
        coverings=tuple(part for part, _ in coverings),
        territories=tuple(part for part, _ in territories),
        split_cities=tuple(part for part, _ in cities),
        closures=tuple(part for part, _ in closures),
        sources=tuple(source for source, _ in sources),
    )


def folder_digest(folder: Path) -> str:
    """SHA-256 over the directory's files, hex: tells whether they are still those that were imported."""
    digest = hashlib.sha256()
    for file in _COLUMNS:
        path = folder / file
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{file} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def contact_value(kind: ContactKind, typed: str) -> str:
    """The normal form of a mailbox, number or address. Raises ContactUnusable."""
    match kind:
        case ContactKind.EMAIL:
            problem = mailbox_problem(typed)
        case ContactKind.FAX | ContactKind.PHONE:
            problem = number_problem(typed)
        case ContactKind.ADDRESS:
            problem = None if typed.strip() else "It is empty."
        case _:
            assert_never(kind)
    if problem:
        raise ContactUnusable(problem=problem)
    if kind is ContactKind.EMAIL:
        return normal_mailbox(typed)
    return " ".join(typed.split()) if kind is ContactKind.ADDRESS else normal_number(typed)


_Part = TypeVar("_Part")
_Sourced = Contact | Jurisdiction | Covering | Territory | SplitCity | Closure

# file: (columns that must be there, columns that may be)
_COLUMNS: dict[str, tuple[str, str]] = {
    MISSIONS: (
        "id kind host_country_iso2 host_country_name region_iso3166_2 city time_zone_iana name_en",
        "address phone fax email website latitude longitude source source_date confidence",
    ),
    CONTACTS: (
        "mission_id channel value role grade source source_date",
        "normalised valid used_in_missions_csv note",
    ),
    JURISDICTIONS: (
        "mission_id host_country_iso2 region_iso3166_2 source",
        "region_name valid_from valid_until",
    ),
    NO_EMBASSY: ("country_iso2 reason source covering_mission_id", "country_name note"),
    TERRITORIES: ("country_iso2 responsible_iso2", "country_name regions held_because source note"),
    SPLIT_REGIONS: ("country region city mission_id source", "county alone"),
    CLOSURES: ("mission_id kind country_iso2 city closed_on successor_mission_id", "source note"),
    SOURCES: ("source what date", "licence"),
}
_REQUIRED = frozenset({MISSIONS, CONTACTS})


class _Files:
    """Which file is read for each part."""

    def __init__(self, folder: Path, base: Path | None) -> None:
        if base is not None and not folder.exists():
            raise FileProblems(file=str(folder), problems=["there is no such file or folder"])
        if base is not None and folder.is_dir() and not any((folder / name).is_file() for name in _COLUMNS):
            raise FileProblems(file=str(folder), problems=[f"none of {', '.join(_COLUMNS)} is in it"])
        self._folder, self._base = folder, base
        self._single = _kind_of(folder) if base is not None and folder.is_file() else None

    def path(self, file: str) -> Path:
        if self._single is not None:
            return self._folder if file == self._single else (self._base or self._folder) / file
        own = self._folder / file
        return own if own.is_file() or self._base is None else self._base / file


def _kind_of(path: Path) -> str:
    """Which of the directory's files this is, by its columns. Raises FileProblems."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = {name.strip().casefold() for name in next(csv.reader(file), [])}
    for name, (needed, _) in _COLUMNS.items():
        if header.issuperset(needed.split()):
            return name
    raise FileProblems(
        file=str(path),
        problems=[f"its columns are not those of {', '.join(list(_COLUMNS)[:-1])} or {SOURCES}"],
    )


def _read(
    files: _Files, file: str, part_from: Callable[[Row], _Part], problems: Problems
) -> list[tuple[_Part, Row]]:
    path = files.path(file)
    if not path.is_file():
        if file in _REQUIRED:
            problems.add(file, 1, "is not there")
        return []
    needed, allowed = (columns.split() for columns in _COLUMNS[file])
    return [(part_from(row), row) for row in read_rows(path, problems, needed=needed, allowed=allowed)]


def _check_ids(used: Iterable[tuple[MissionId, Row]], known: set[MissionId]) -> None:
    for mission, row in used:
        if mission and mission not in known:
            row.wrong(f"'{mission}' is not a mission of {MISSIONS}")


def _check_sources(parts: Iterable[tuple[_Sourced, Row]], known: set[str]) -> None:
    for part, row in parts:
        for code in filter(None, part.source.split("+")):
            if code not in known:
                row.wrong(f"source '{code}' does not stand in {SOURCES}")


def _check_unique(keys: Iterable[tuple[Hashable, Row]]) -> None:
    first: dict[Hashable, int] = {}
    for key, row in keys:
        if key in first:
            row.wrong(f"says again what line {first[key]} says")
        first.setdefault(key, row.line)


def _with_contacts(mission: Mission, found: list[Contact], own: list[Contact]) -> Mission:
    """The contacts of the contacts file, and those of the mission's own row that it lacks."""
    known = {(contact.kind, plain(contact.value)) for contact in found}
    added = [contact for contact in own if (contact.kind, plain(contact.value)) not in known]
    return replace(mission, contacts=(*found, *added))


def _with_parts(rows: Iterable[Jurisdiction]) -> tuple[Jurisdiction, ...]:
    """Whoever serves a region serves the regions inside it, unless they have rows of their own: a supporter
    may name the province of Florence where the file names Tuscany."""
    given = list(rows)
    named = {row.region for row in given}
    return tuple(_parts(given, named))


def _parts(given: list[Jurisdiction], named: set[str]) -> Iterator[Jurisdiction]:
    for row in given:
        yield row
        for part in parts_of(row.region):
            if part not in named:
                yield replace(row, region=part, region_name=region_name(part, "en"))
