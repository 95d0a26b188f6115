"""Letters find their mission: the directory as it stands now, with its timetables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.channel_choice import ChannelChoice
from dispatcher.domain.delivery import HoldReason
from dispatcher.domain.directory import Directory
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import Letter
from dispatcher.domain.mission import Channel, Mission, MissionId
from dispatcher.domain.place import Place
from dispatcher.domain.routing import Route, route, route_by_hand
from dispatcher.domain.timetable import Timetable
from dispatcher.services.store import Work


class NoDirectory(DispatcherError):
    """There is no directory of missions yet. Run 'dispatcher missions import'."""


class NoSuchMission(DispatcherError):
    """There is no mission '{mission}' in the directory. 'dispatcher missions list' shows all."""


@dataclass
class Wayfinder:
    """One version of the directory, and what was worked out from it; many letters share a place and a mission."""

    directory: Directory
    version: int
    _routes: dict[tuple[Place, str, date, bool], Route] = field(default_factory=dict)
    _timetables: dict[tuple[str, str, date], Timetable] = field(default_factory=dict)

    def route(self, place: Place, campaign: Campaign, *, on: date, shielded: bool) -> Route:
        """Cities are as many as supporters, so the cache is emptied when it has grown too large."""
        key = (place, campaign.id, on, shielded)
        known = self._routes.get(key)
        if known is None:
            if len(self._routes) > _ROUTES_KEPT:
                self._routes.clear()
            known = self._routes[key] = route(
                place,
                self.directory,
                least_grade=campaign.least_grade,
                webmail=campaign.webmail,
                on=on,
                shielded=shielded,
                order=campaign.channels,
            )
        return known

    def route_letter(self, letter: Letter, campaign: Campaign) -> Route:
        """Of a letter that is kept: an organizer's choice goes first."""
        if letter.chosen_mission is not None:
            found = route_by_hand(
                letter.chosen_mission,
                letter.place,
                self.directory,
                least_grade=campaign.least_grade,
                webmail=campaign.webmail,
                shielded=letter.shielded,
                order=campaign.channels,
            )
            if found is not None:
                return found
        return self.route(letter.place, campaign, on=letter.action_day, shielded=letter.shielded)

    def mission(self, id: MissionId | str) -> Mission:
        """Raises NoSuchMission."""
        mission = self.directory.mission(MissionId(id))
        if mission is None:
            raise NoSuchMission(mission=id)
        return mission

    def timetable(self, mission: Mission, campaign: Campaign, action_day: date) -> Timetable:
        key = (mission.id, campaign.id, action_day)
        known = self._timetables.get(key)
        if known is None:
            known = self._timetables[key] = Timetable(
                zone=mission.time_zone,
                action_day=action_day,
                hours=campaign.office_hours,
                weekend=mission.weekend,
            )
        return known


_ROUTES_KEPT = 50_000


class Routing:
    """Keeps the Wayfinder of the directory's present version."""

    def __init__(self) -> None:
        self._present: Wayfinder | None = None

    def present(self, work: Work) -> Wayfinder:
        """Reads the directory again when it has changed. Raises NoDirectory."""
        version = work.directory.version()
        present = self._present
        if present is None or present.version != version:
            directory = work.directory.load()
            if directory is None:
                raise NoDirectory
            present = self._present = Wayfinder(directory=directory, version=version)
        return present


def mission_key(found: Route) -> str:
    """What a letter is for: its mission, or why there is none."""
    if found.mission is not None:
        return found.mission
    held = found.held or HoldReason.NO_MISSION
    return f"none:{held.value}:{found.place.country}"[:60]


def channel_after(
    found: Route,
    channel: Channel | None,
    *,
    order: Sequence[Channel] = tuple(Channel),
    tried: Collection[Channel] = (),
) -> ChannelChoice | None:
    """The first channel of the route, or the one that follows `channel` in the campaign's order and was not
    `tried` for this letter, by another order that stood before."""
    start = order.index(channel) + 1 if channel in order else 0
    left = [each for each in order[start:] if each not in tried]
    return next((choice for choice in found.channels if choice.channel in left), None)
