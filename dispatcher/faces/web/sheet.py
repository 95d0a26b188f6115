"""A letter as its mission will see it, and when it leaves."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.delivery import HoldReason
from dispatcher.domain.letter import Letter, LetterId, LetterState
from dispatcher.domain.mission import Channel, Mission, MissionId, MissionKind
from dispatcher.faces.web.pages import PAGE_LANGUAGE, clock_time
from dispatcher.services.house import House
from dispatcher.services.intake import Entry
from dispatcher.services.preparation import place_line
from dispatcher.services.stationery import LetterContent, signature
from dispatcher.services.store import Work


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """sender, reply_to: as in the mail's header. channel: the one that opens first. opening: the line above the
    salutation of a mail; a page has letterhead, addressee and day instead."""

    letter: Letter
    channel: Channel | None
    opening: str
    addressee: tuple[str, ...]
    day: str
    sender: str
    reply_to: str
    signed: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Departure:
    """mission: None where none serves the place. held: why the letter would wait. day and time: at the mission, of the first moment at which
    the letter can leave. reason: why this mission."""

    mission: Mission | None
    channel: Channel | None
    held: HoldReason | None
    day: str
    time: str
    reason: str


def unsent(entry: Entry, campaign: Campaign, *, action_day: date, at: datetime) -> Letter:
    """The letter that this entry would become; it is kept nowhere."""
    return Letter(
        id=LetterId(0),
        campaign=campaign.id,
        action_day=action_day,
        state=LetterState.SUBMITTED,
        source="form",
        person=None,
        name=entry.name,
        email=entry.email,
        organisation=entry.organisation,
        city=entry.place.city,
        country=entry.place.country,
        region=entry.place.region,
        language=entry.language,
        shielded=entry.shielded,
        subject=campaign.sample(entry.language).subject,
        text=entry.text,
        verdict="",
        asked_for_person=False,
        findings=None,
        mission="",
        route_reason=None,
        submitted_at=at,
    )


def sheet_of(
    letter: Letter,
    campaign: Campaign,
    mission: Mission | None,
    house: House,
    *,
    channel: Channel | None = None,
) -> Sheet:
    reply_to = campaign.from_address if letter.shielded else letter.email or campaign.from_address
    signed = signature(
        LetterContent(
            campaign=campaign,
            action_day=letter.action_day,
            mission=mission or _UNKNOWN,
            language=letter.language,
            subject=letter.subject or "",
            text=letter.text or "",
            writer_name=letter.name or "",
            organisation=letter.organisation or "",
            place_line=place_line(letter, house.places),
            shielded=letter.shielded,
            reply_to=reply_to,
            message_id="",
            reference="",
        )
    )
    return Sheet(
        letter=letter,
        channel=channel,
        opening=campaign.sample(letter.language).addressee,
        addressee=(
            *campaign.addressee,
            *((mission.name, f"{mission.city}, {mission.country_name}") if mission else ()),
        ),
        day=house.places.long_date(letter.action_day, letter.language),
        sender=f"{signed.name} via {campaign.from_name} <{campaign.from_address}>",
        reply_to=reply_to if letter.shielded else f"{signed.name} <{reply_to}>",
        signed=signed.lines,
    )


def departure_of(letter: Letter, house: House, work: Work) -> Departure:
    """When a letter that is not queued yet can leave: the office's next opening from the action day on."""
    way, campaign = house.routing.present(work), house.campaigns.get(letter.campaign)
    route = way.route(letter.place, campaign, on=letter.action_day, shielded=letter.shielded)
    # What was told to the writer stands, until an organizer has sent the letter elsewhere.
    mission = way.directory.mission(MissionId(letter.mission)) if letter.mission else None
    if mission is None and route.mission is not None:
        mission = way.mission(route.mission)
    day, time = house.places.long_date(letter.action_day, PAGE_LANGUAGE), ""
    if mission is not None:
        leaves = way.timetable(mission, campaign, letter.action_day).next_open(house.clock.now())
        day, time = long_day(leaves, mission.time_zone, house), clock_time(leaves, mission.time_zone)
    return Departure(
        mission=mission,
        channel=route.channels[0].channel if route.channels else None,
        held=route.held,
        day=day,
        time=time,
        reason=letter.route_reason or route.reason,
    )


def long_day(at: datetime, zone: str, house: House) -> str:
    """Friday, 24 September 2027, as it is in that zone."""
    return house.places.long_date(at.astimezone(ZoneInfo(zone)).date(), PAGE_LANGUAGE)


# A signature does not name the mission; this stands in where there is none yet.
_UNKNOWN = Mission(
    id=MissionId(""),
    kind=MissionKind.EMBASSY,
    country="",
    country_name="",
    region=None,
    city="",
    time_zone="UTC",
    name="",
)
