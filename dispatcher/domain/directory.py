"""The directory: every mission with its contacts, its district, and who answers where there is no mission.

The parts are flat rows, in the shape of the files in `config/missions/`; `Directory` adds the look-ups.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from dispatcher.domain.mission import Mission, MissionId, MissionKind
from dispatcher.domain.spelling import city_spellings, plain

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


@dataclass(frozen=True, kw_only=True)
class Jurisdiction:
    """One region in the consular district of one mission. country: ISO 3166-1 alpha-2; region: ISO 3166-2.
    valid_from, valid_until: first and last day, or None where no source gives one."""

    mission: MissionId
    country: str
    region: str
    region_name: str
    source: str
    valid_from: date | None = None
    valid_until: date | None = None

    def holds_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


class NoEmbassyReason(StrEnum):
    """Why a country has no embassy of its own."""

    RECOGNISES_TAIWAN = "recognises_taiwan"
    RECOGNISES_TAIWAN_OFFICE_ONLY = "recognises_taiwan_prc_office_only"
    NO_RELATIONS = "no_relations_with_prc"
    ACCREDITED_ELSEWHERE = "accredited_elsewhere"
    TERRITORY_COVERED_ELSEWHERE = "territory_covered_elsewhere"
    OFFICE_OF_CHARGE_DAFFAIRES = "office_of_charge_daffaires_only"
    OFFICE_ONLY = "office_only"
    CLAIMED_BY_PRC = "claimed_by_prc"
    PART_OF_PRC = "part_of_prc"
    CHOSEN_BY_HAND = "chosen_by_hand"


@dataclass(frozen=True, kw_only=True)
class Covering:
    """A country without an embassy, why, and the mission that covers it; None where no source names one."""

    country: str
    country_name: str
    reason: NoEmbassyReason
    mission: MissionId | None
    source: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Territory:
    """A code of ISO 3166-1 that is not a state. responsible: the state that answers for its foreign
    relations. regions: its ISO 3166-2 codes inside that state. held_because: what follows "no mission can be
    chosen:"; empty where the responsible state's route is taken."""

    country: str
    country_name: str
    responsible: str | None
    regions: tuple[str, ...] = ()
    held_because: str = ""
    source: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class SplitCity:
    """A city or county of a region that two missions share, or one that goes to another mission than the rest
    of its region. alone: its name is enough where the region is not given, because no other place of that
    name is likely in the country."""

    country: str
    region: str
    city: str
    county: str
    mission: MissionId
    source: str
    alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Closure:
    """A mission that was closed. Its former district stands in the jurisdictions under its id."""

    mission: MissionId
    kind: MissionKind
    country: str
    city: str
    closed_on: date
    successor: MissionId
    source: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a source code such as "S24" stands for. date: in the source's own words."""

    code: str
    what: str
    date: str
    licence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Directory:
    """Immutable and compared by identity, so that it can be part of a cache key;
    `directory_difference.compare` tells what differs. Look-ups are built once, on first use."""

    missions: tuple[Mission, ...]
    jurisdictions: tuple[Jurisdiction, ...] = ()
    coverings: tuple[Covering, ...] = ()
    territories: tuple[Territory, ...] = ()
    split_cities: tuple[SplitCity, ...] = ()
    closures: tuple[Closure, ...] = ()
    sources: tuple[Source, ...] = ()

    def mission(self, mission: MissionId) -> Mission | None:
        return self._by_id.get(mission)

    def missions_in(self, country: str) -> tuple[Mission, ...]:
        """The missions to a country; not those to organisations (United Nations, European Union), which
        answer for no place."""
        return self._by_country.get(country, ())

    def serving(self, region: str, day: date) -> tuple[Jurisdiction, ...]:
        """The districts of standing missions that hold this region on that day; two where it is split."""
        return tuple(
            row for row in self._by_region.get(region, ()) if row.holds_on(day) and row.mission in self._by_id
        )

    def region_name(self, region: str) -> str | None:
        rows = self._by_region.get(region)
        return rows[0].region_name if rows else None

    def closure_of(self, region: str, successor: MissionId, day: date) -> Closure | None:
        """The closed mission whose district this region was, if `successor` took over from it by that day."""
        for row in self._by_region.get(region, ()):
            closure = self._closed.get(row.mission)
            if closure and closure.successor == successor and closure.closed_on <= day:
                return closure
        return None

    def city(self, country: str, region: str | None, typed: str) -> SplitCity | None:
        """A city of a split region; without a region only one whose name alone is enough."""
        where = region or country
        for spelling in city_spellings(typed):
            if found := self._cities.get((where, spelling)):
                return found
        return None

    def seated_in(self, country: str, typed_city: str) -> Mission | None:
        """The one embassy or consulate of a country that stands in this city, or None."""
        for spelling in city_spellings(typed_city):
            found = self._seats.get((country, spelling), ())
            if len(found) == 1:
                return found[0]
        return None

    def source(self, code: str) -> Source | None:
        return self._sources.get(code)

    def covering(self, country: str) -> Covering | None:
        return self._coverings.get(country)

    def territory(self, code: str) -> Territory | None:
        """By its ISO 3166-1 code, or by an ISO 3166-2 code inside the responsible state."""
        return self._territories.get(code)

    @cached_property
    def _by_id(self) -> dict[MissionId, Mission]:
        return {mission.id: mission for mission in self.missions}

    @cached_property
    def _by_country(self) -> dict[str, tuple[Mission, ...]]:
        return _grouped(
            (mission.country, mission)
            for mission in self.missions
            if mission.kind is not MissionKind.PERMANENT_MISSION
        )

    @cached_property
    def _by_region(self) -> dict[str, tuple[Jurisdiction, ...]]:
        return _grouped((row.region, row) for row in self.jurisdictions)

    @cached_property
    def _closed(self) -> dict[MissionId, Closure]:
        return {closure.mission: closure for closure in self.closures}

    @cached_property
    def _cities(self) -> dict[tuple[str, str], SplitCity]:
        found = {(row.region, plain(row.city)): row for row in self.split_cities}
        found.update({(row.country, plain(row.city)): row for row in self.split_cities if row.alone})
        return found

    @cached_property
    def _seats(self) -> dict[tuple[str, str], tuple[Mission, ...]]:
        return _grouped(
            ((country, spelling), mission)
            for country, missions in self._by_country.items()
            for mission in missions
            if mission.kind is not MissionKind.OFFICE
            for spelling in city_spellings(mission.city)
        )

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {source.code: source for source in self.sources}

    @cached_property
    def _coverings(self) -> dict[str, Covering]:
        return {row.country: row for row in self.coverings}

    @cached_property
    def _territories(self) -> dict[str, Territory]:
        found = {row.country: row for row in self.territories}
        found.update({region: row for row in self.territories for region in row.regions})
        return found


def _grouped(pairs: Iterable[tuple[_Key, _Row]]) -> dict[_Key, tuple[_Row, ...]]:
    rows: dict[_Key, list[_Row]] = {}
    for key, row in pairs:
        rows.setdefault(key, []).append(row)
    return {key: tuple(group) for key, group in rows.items()}
