"""From the place where a supporter lives to the mission that gets the letter, with the reason in words.

Everything here is a pure function of its arguments, and all of them are hashable: `functools.cache` may stand
around `route`. Nothing is chosen by chance: where the directory does not decide, the letter is held.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from dispatcher.domain.channel_choice import ChannelChoice, Considered, choose_channels
from dispatcher.domain.delivery import HoldReason
from dispatcher.domain.directory import Covering, Directory, Jurisdiction, NoEmbassyReason, Territory
from dispatcher.domain.mission import Channel, Grade, Mission, MissionId, MissionKind
from dispatcher.domain.place import Place
from dispatcher.domain.route_words import (
    capital,
    in_words,
    is_or_are,
    kind_in_words,
    month,
    post_in_words,
    town,
    with_article,
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask the supporter where the region alone does not decide."""

    candidates: tuple[MissionId, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Route:
    """channels: in the order in which they are tried. considered: every contact of the mission and why it is
    used or not. reason: English sentences to the supporter; they hold no word that the supporter typed. What an
    organizer can do where the letter is held is said by `delivery.remedy`."""

    place: Place
    mission: MissionId | None
    channels: tuple[ChannelChoice, ...]
    considered: tuple[Considered, ...]
    held: HoldReason | None
    reason: str
    question: Question | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The mission for a place, or why there is none."""

    mission: Mission | None
    reason: str
    held: HoldReason | None = None
    question: Question | None = None


def route(
    place: Place,
    directory: Directory,
    *,
    least_grade: Grade,
    webmail: bool,
    on: date,
    shielded: bool = False,
    order: tuple[Channel, ...] = tuple(Channel),
) -> Route:
    """The mission for this place on this day, and the channels a letter takes under the campaign's rules."""
    finding = find_mission(place, directory, on=on)
    if finding.mission is None:
        return Route(
            place=place,
            mission=None,
            channels=(),
            considered=(),
            held=finding.held,
            reason=finding.reason,
            question=finding.question,
        )
    mission = finding.mission
    channels, considered = choose_channels(
        mission, least_grade=least_grade, webmail=webmail, shielded=shielded, order=order
    )
    held, reason = None, finding.reason
    if not channels:
        held = HoldReason.NO_CONTACT
        reason = f"{reason} But no contact of {in_words(mission)} can be used."
    return Route(
        place=place, mission=mission.id, channels=channels, considered=considered, held=held, reason=reason
    )


def route_by_hand(
    chosen: MissionId,
    place: Place,
    directory: Directory,
    *,
    least_grade: Grade,
    webmail: bool,
    shielded: bool = False,
    order: tuple[Channel, ...] = tuple(Channel),
) -> Route | None:
    """The channels of a mission that an organizer chose for one letter; None where it is not in the directory."""
    mission = directory.mission(chosen)
    if mission is None:
        return None
    channels, considered = choose_channels(
        mission, least_grade=least_grade, webmail=webmail, shielded=shielded, order=order
    )
    return Route(
        place=place,
        mission=mission.id,
        channels=channels,
        considered=considered,
        held=None if channels else HoldReason.NO_CONTACT,
        reason=f"An organizer of the campaign chose {in_words(mission)} for your letter.",
    )


def find_mission(place: Place, directory: Directory, *, on: date) -> Finding:
    """Which mission a letter from this place goes to; contacts do not matter here."""
    by_hand = directory.covering(place.country)
    if by_hand and by_hand.reason is NoEmbassyReason.CHOSEN_BY_HAND:
        return _without_embassy(by_hand, directory)
    if place.region and not place.region.startswith(f"{place.country}-"):
        place = replace(place, region=None)  # a region of another country says nothing
    territory = directory.territory(place.region or place.country)
    country = territory.country if territory else place.country
    if directory.missions_in(country):
        region = place.region if country == place.country else None
        return _in_host_country(replace(place, country=country, region=region), directory, on)
    if territory:
        return _in_territory(territory, directory, on)
    if covering := directory.covering(country):
        return _without_embassy(covering, directory)
    return _no_mission(f"The directory has no country or territory with the code {country}.")


def _in_host_country(place: Place, directory: Directory, on: date) -> Finding:
    missions = directory.missions_in(place.country)
    rows = directory.serving(place.region, on) if place.region else ()
    return (
        _by_listed_city(place, directory)
        or _by_district(place, rows, directory, on)
        or _by_seat(place, missions, directory)
        or _by_country(place, missions)
    )


def _by_listed_city(place: Place, directory: Directory) -> Finding | None:
    row = directory.city(place.country, place.region, place.city) if place.city else None
    mission = directory.mission(row.mission) if row else None
    if row is None or mission is None:
        return None
    region = directory.region_name(row.region)
    where = f"You live in {row.city}{f', {region}' if region else ''} ({row.region})"
    return Finding(mission=mission, reason=f"{where}. It belongs to the district of {in_words(mission)}.")


def _by_district(
    place: Place, rows: tuple[Jurisdiction, ...], directory: Directory, on: date
) -> Finding | None:
    if not rows:
        return None
    where = f"You live in {rows[0].region_name} ({rows[0].region})"
    missions = [mission for row in rows if (mission := directory.mission(row.mission))]
    if len(missions) == 1:
        return Finding(mission=missions[0], reason=f"{where}. {_serves(missions[0], rows[0], directory, on)}")
    posts = " and ".join(in_words(mission) for mission in missions)
    return Finding(
        mission=None,
        held=HoldReason.CHOOSE_MISSION,
        reason=f"{where}, which {posts} share, and the city does not tell which of them serves you. "
        "An organizer can ask for the city or county, or choose the mission.",
        question=Question(
            candidates=tuple(mission.id for mission in missions),
            text=f"{capital(posts)} share {rows[0].region_name}. In which city or county do you live?",
        ),
    )


def _by_seat(place: Place, missions: tuple[Mission, ...], directory: Directory) -> Finding | None:
    """A consulate serves the place where it stands, also where no source tells the rest of its district
    (the seat lies in the district: Vienna Convention on Consular Relations, articles 1 and 4)."""
    seat = directory.seated_in(place.country, place.city) if place.city else None
    if seat and (place.region is None or seat.region in {None, place.region}):
        return Finding(
            mission=seat, reason=f"You live in {town(seat.city)}, where {kind_in_words(seat.kind)} stands."
        )
    here = [mission for mission in missions if place.region and mission.region == place.region]
    if len(here) == 1 and here[0].kind in {MissionKind.CONSULATE_GENERAL, MissionKind.CONSULATE}:
        return Finding(
            mission=here[0],
            reason=f"You live in the region {place.region}, in which {in_words(here[0])} stands.",
        )
    return None


def _by_country(place: Place, missions: tuple[Mission, ...]) -> Finding:
    country = with_article(missions[0].country_name)
    where = f"You live in {country} ({place.region or place.country})"
    embassies = [mission for mission in missions if mission.kind is MissionKind.EMBASSY]
    for chosen in (embassies, missions):
        if len(chosen) == 1:
            reason = f"{where}. {capital(in_words(chosen[0]))} serves {_rest(place, country, missions)}."
            return Finding(mission=chosen[0], reason=reason)
    posts = " and ".join(in_words(mission) for mission in missions)
    return Finding(
        mission=None,
        held=HoldReason.CHOOSE_MISSION,
        reason=f"{where}, where {posts} stand, and nothing tells which of them serves you.",
        question=Question(
            candidates=tuple(mission.id for mission in missions),
            text=f"{capital(posts)} stand in {country}. Which of them is yours?",
        ),
    )


def _rest(place: Place, country: str, missions: tuple[Mission, ...]) -> str:
    if len(missions) == 1:
        return f"all of {country}"
    if place.region is None:
        return f"all of {country}, and no region or city tells of a nearer mission"
    return "every region that no source gives to a consulate"


def _in_territory(territory: Territory, directory: Directory, on: date) -> Finding:
    where = f"You live in {with_article(territory.country_name)} ({territory.country})"
    hosts = directory.missions_in(territory.responsible) if territory.responsible else ()
    if territory.held_because or not hosts or not territory.responsible:
        because = territory.held_because or "no mission stands in the state that answers for it"
        return _no_mission(f"{where}, for which no mission can be chosen: {because}.")
    state = with_article(hosts[0].country_name)
    where = f"{where}, for whose foreign relations {state} {is_or_are(state)} responsible."
    for region in territory.regions:
        rows = directory.serving(region, on)
        if len(rows) == 1 and (mission := directory.mission(rows[0].mission)):
            return Finding(mission=mission, reason=f"{where} {_serves(mission, rows[0], directory, on)}")
    finding = _by_country(Place(country=territory.responsible), hosts)
    if finding.mission is None:
        return finding
    return Finding(
        mission=finding.mission, reason=f"{where} {capital(in_words(finding.mission))} gets the letter."
    )


def _without_embassy(covering: Covering, directory: Directory) -> Finding:
    country = with_article(covering.country_name)
    where = f"You live in {country} ({covering.country})"
    mission = directory.mission(covering.mission) if covering.mission else None
    if mission and covering.reason is NoEmbassyReason.CHOSEN_BY_HAND:
        chosen = f"An organizer of the campaign chose {in_words(mission)} for letters from there."
        return Finding(mission=mission, reason=f"{where}. {chosen}")
    if mission:
        return Finding(
            mission=mission,
            reason=f"{where}, which has no Chinese embassy. {capital(in_words(mission))} covers it.",
        )
    return _no_mission(f"{where}. {_why_none(covering, directory)}")


def _why_none(covering: Covering, directory: Directory) -> str:
    source = directory.source(covering.source.split("+")[0])
    as_of = f" (as of {source.date})" if source else ""
    match covering.reason:
        case NoEmbassyReason.RECOGNISES_TAIWAN | NoEmbassyReason.RECOGNISES_TAIWAN_OFFICE_ONLY:
            return f"It has relations with Taiwan and none with the People's Republic of China{as_of}."
        case NoEmbassyReason.NO_RELATIONS:
            return f"It has no diplomatic relations with the People's Republic of China{as_of}."
        case NoEmbassyReason.CLAIMED_BY_PRC:
            return (
                "The People's Republic of China claims it as its own and keeps no embassy or consulate there."
            )
        case NoEmbassyReason.PART_OF_PRC:
            return "It is under the People's Republic of China, which sends embassies only abroad."
        case (
            NoEmbassyReason.ACCREDITED_ELSEWHERE
            | NoEmbassyReason.TERRITORY_COVERED_ELSEWHERE
            | NoEmbassyReason.OFFICE_OF_CHARGE_DAFFAIRES
            | NoEmbassyReason.OFFICE_ONLY
            | NoEmbassyReason.CHOSEN_BY_HAND
        ):
            return "The directory does not have the mission that covers it."
        case never:
            assert_never(never)


def _no_mission(reason: str) -> Finding:
    held = HoldReason.NO_MISSION
    return Finding(mission=None, held=held, reason=reason)


def _serves(mission: Mission, row: Jurisdiction, directory: Directory, on: date) -> str:
    closure = directory.closure_of(row.region, mission.id, on)
    if closure:
        closed = f"{post_in_words(closure.kind, closure.city)} closed in {month(closure.closed_on)}"
        return f"Since {closed}, {in_words(mission)} serves {row.region_name}."
    if row.valid_from:
        return f"Since {month(row.valid_from)} {in_words(mission)} serves {row.region_name}."
    return f"{capital(in_words(mission))} serves {row.region_name}."
