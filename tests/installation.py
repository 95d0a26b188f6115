"""An installation for tests: a small made-up directory and campaign, a clock that is set by hand, and a transport
that answers by script. Nothing of the shipped directory or campaign is relied on."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from dispatcher.adapters.campaign_files import CampaignFolder
from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState
from dispatcher.domain.directory import (
    Covering,
    Directory,
    Jurisdiction,
    NoEmbassyReason,
    Source,
    SplitCity,
)
from dispatcher.domain.letter import Letter, LetterId, LetterState
from dispatcher.domain.mission import (
    Contact,
    ContactKind,
    Grade,
    Mission,
    MissionId,
    MissionKind,
)
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.audit import Audit, audit
from dispatcher.services.courier import Courier, PageCarrier
from dispatcher.services.house import House
from dispatcher.services.intake import Draft, Tally
from dispatcher.services.mailroom import Sheets
from dispatcher.services.store import LogFilter, LogRow
from dispatcher.services.transport import Parcel, Transport, Witness
from dispatcher.settings import Settings, load_settings
from dispatcher.wiring import make_courier, open_house

# The action day of 2027 is a Friday.
DAY = date(2027, 9, 24)
WEEK_BEFORE = datetime(2027, 9, 17, 8, 0, tzinfo=UTC)
# Opening of the embassy in The Hague (09:00 CEST), and a moment at which the offices of Europe are open.
OPENING = datetime(2027, 9, 24, 7, 0, tzinfo=UTC)
NOON = datetime(2027, 9, 24, 10, 0, tzinfo=UTC)
# When the day is over everywhere.
DAY_OVER = datetime(2027, 9, 25, 12, 0, tzinfo=UTC)

LETTER = "Your Excellency,\n\nplease let the people who have fled travel on in safety.\n\nWith respect,"
RUDE = "Your Excellency,\n\nyour staff are pathetic idiots. Please let the people go.\n\nWith respect,"
THREAT = "Your Excellency,\n\nif you send them back, I will kill you.\n\nWith respect,"

THE_HAGUE, TOKYO, REYKJAVIK = (
    MissionId("cn-nl-the-hague"),
    MissionId("cn-jp-tokyo"),
    MissionId("cn-is-reykjavik"),
)
CAIRO, WELLINGTON, KABUL = MissionId("cn-eg-cairo"), MissionId("cn-nz-wellington"), MissionId("cn-af-kabul")
WASHINGTON, NEW_YORK = MissionId("cn-us-washington"), MissionId("cn-us-new-york")
LOS_ANGELES, SAN_FRANCISCO = MissionId("cn-us-los-angeles"), MissionId("cn-us-san-francisco")


def contact(mission: MissionId, kind: ContactKind, value: str, **changes: Any) -> Contact:
    fields: dict[str, Any] = {"role": "main", "grade": Grade.B, "source": "S1", "as_of": "2026-01-05"}
    return Contact(mission=mission, kind=kind, value=value, **(fields | changes))


def mission(id: MissionId, country: str, name: str, city: str, zone: str, **values: Any) -> Mission:
    """values: email, fax, address of the mission's contacts; and other fields of it."""
    kinds = {kind: values.pop(kind.value) for kind in ContactKind if kind.value in values}
    return Mission(
        id=id,
        kind=values.pop("kind", MissionKind.EMBASSY),
        country=country,
        country_name=name,
        region=values.pop("region", None),
        city=city,
        time_zone=zone,
        name=f"Chinese Mission in {city}",
        contacts=tuple(contact(id, kind, value) for kind, value in kinds.items()),
        **values,
    )


_US = ("US", "the United States")
_CONSULATE = MissionKind.CONSULATE_GENERAL
DIRECTORY = Directory(
    missions=(
        mission(
            THE_HAGUE, "NL", "the Netherlands", "The Hague", "Europe/Amsterdam",
            email="embassy@nl.mission.example", fax="+31205550101", address="Street 1, The Hague",
        ),
        mission(TOKYO, "JP", "Japan", "Tokyo", "Asia/Tokyo", email="embassy@jp.mission.example"),
        mission(REYKJAVIK, "IS", "Iceland", "Reykjavik", "Atlantic/Reykjavik", address="Street 2, Reykjavik"),
        mission(
            CAIRO, "EG", "Egypt", "Cairo", "Africa/Cairo", weekend=frozenset({5, 6}),
            email="embassy@eg.mission.example",
        ),
        mission(WELLINGTON, "NZ", "New Zealand", "Wellington", "Pacific/Auckland", email="embassy@nz.mission.example"),
        mission(KABUL, "AF", "Afghanistan", "Kabul", "Asia/Kabul"),
        mission(
            WASHINGTON, *_US, "Washington", "America/New_York", region="US-DC",
            email="embassy@us.mission.example", fax="+12025550102",
        ),
        mission(NEW_YORK, *_US, "New York", "America/New_York", kind=_CONSULATE, region="US-NY", fax="+12125550103"),
        mission(
            LOS_ANGELES, *_US, "Los Angeles", "America/Los_Angeles", kind=_CONSULATE, region="US-CA",
            email="la@us.mission.example",
        ),
        mission(
            SAN_FRANCISCO, *_US, "San Francisco", "America/Los_Angeles", kind=_CONSULATE, region="US-CA",
            email="sf@us.mission.example",
        ),
    ),
    jurisdictions=tuple(
        Jurisdiction(mission=id, country="US", region=region, region_name=name, source="S1")
        for id, region, name in (
            (WASHINGTON, "US-TX", "Texas"),
            (NEW_YORK, "US-NY", "New York"),
            (LOS_ANGELES, "US-CA", "California"),
            (SAN_FRANCISCO, "US-CA", "California"),
        )
    ),
    split_cities=(
        SplitCity(
            country="US", region="US-CA", city="Berkeley", county="Alameda", mission=SAN_FRANCISCO, source="S1"
        ),
    ),
    coverings=(
        Covering(
            country="SZ", country_name="Eswatini", reason=NoEmbassyReason.RECOGNISES_TAIWAN, mission=None, source="S1"
        ),
    ),
    sources=(Source(code="S1", what="Made up for tests", date="2026-01-05", licence="none"),),
)  # fmt: skip

_CAMPAIGN = """
id = "test-day"
name = "Refugees Day"
summary = "Letters."
addressee = ["The President", "in care of the Head of Mission"]
enclosures = [{enclosures}]

[action_day]
month = {month}
day = {day}

[sender]
name = "Refugees Day"
address = "letters@campaign.example.org"

[letterhead]
name = "Refugees Day"
email = "contact@campaign.example.org"
telephone = "+12025550124"

[office_hours]
opens = 09:00:00
closes = 17:00:00

[pacing]
letters_per_hour = {pace}

[retries.email]
first_minutes = 5
factor = 2.0
ceiling_minutes = 240
jitter = 0.2
tries = {tries}
give_up_after_hours = 120

[letters.en]
title = "Sample"
addressee = "To the President"
subject = "A request"
text = '''Your Excellency,

please let the people who have fled travel on in safety.

With respect,'''
"""


def write_campaign(
    folder: Path,
    *,
    pace: int = 30,
    day: date = DAY,
    tries: int = 12,
    enclosures: Sequence[tuple[str, bytes]] = (),
    logo: bytes | None = None,
) -> Path:
    """A folder with the one campaign `test-day`. pace: letters an hour."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in enclosures:
        (folder / name).write_bytes(content)
    listed = ", ".join(f'{{ file = "{name}" }}' for name, _ in enclosures)
    text = _CAMPAIGN.format(pace=pace, month=day.month, day=day.day, tries=tries, enclosures=listed)
    if logo is not None:
        (folder / "logo").write_bytes(logo)
        text = text.replace("[letterhead]", '[letterhead]\nlogo = "logo"')
    (folder / "test-day.toml").write_text(text, encoding="utf-8")
    return folder


def draft(number: int = 1, **changes: Any) -> Draft:
    """A letter to The Hague; each number is another person."""
    fields: dict[str, Any] = {
        "name": f"Jane Doe {_letters(number)}",
        "email": f"jane.doe.{number}@supporters.example.org",
        "country": "NL",
        "language": "en",
        "letter": LETTER,
    }
    return Draft(**(fields | changes))


def _letters(number: int) -> str:
    """A name's numbers are letters: 27 -> "CB"."""
    return "".join(chr(ord("A") + int(figure)) for figure in str(number))


ACCEPTED = Outcome(
    kind=OutcomeKind.ACCEPTED, code=250, enhanced_code="2.0.0", reply="queued as Q1", provider_ref="Q1"
)
GREYLISTED = Outcome(kind=OutcomeKind.DEFERRED, code=451, enhanced_code="4.7.1", reply="come back later")
REFUSED = Outcome(kind=OutcomeKind.REFUSED, code=550, enhanced_code="5.7.1", reply="by policy")
NO_SUCH_MAILBOX = Outcome(kind=OutcomeKind.REFUSED, code=550, enhanced_code="5.1.1", reply="no such user")
NO_ANSWER = Outcome(kind=OutcomeKind.UNKNOWN, reply="The line was lost after the final dot.")
RELAY_DOWN = Outcome(kind=OutcomeKind.DEFERRED, reply="The relay could not be reached.", relay=True)


@dataclass
class ScriptedTransport:
    """Keeps the contract of Transport: one answer for each parcel. answer: by parcel; ACCEPTED where it has
    nothing to say (None). before: called when a batch comes, before anything of it goes."""

    answer: Callable[[Parcel], Outcome | None] = lambda _: None
    before: Callable[[], None] = lambda: None
    sent: list[Parcel] = field(default_factory=list)
    closed: bool = False

    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        self.before()
        for parcel in parcels:
            witness.going(parcel.delivery)
            self.sent.append(parcel)
            witness.answered(parcel.delivery, self.answer(parcel) or ACCEPTED)

    async def close(self) -> None:
        self.closed = True

    @property
    def deliveries(self) -> list[DeliveryId]:
        return [parcel.delivery for parcel in self.sent]


def in_turn(*outcomes: Outcome | None) -> Callable[[Parcel], Outcome | None]:
    """One answer after the other; after the last one everything is accepted."""
    rest = iter(outcomes)
    return lambda _: next(rest, None)


@dataclass
class ScriptedPages:
    answer: Callable[[Sheets], Outcome | None] = lambda _: None
    carried: list[Sheets] = field(default_factory=list)

    async def carry(self, sheets: Sheets) -> Outcome:
        self.carried.append(sheets)
        return self.answer(sheets) or ACCEPTED


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A house with its settings and clock."""

    house: House
    settings: Settings
    clock: SimulatedClock

    @property
    def database(self) -> Database:
        return database_of(self.house)

    def take(
        self, count: int = 1, *, first: int = 1, confirmed: bool = True, read: bool = True, **changes: Any
    ) -> list[LetterId]:
        """Letters from a file; each must be taken. read: and read a second time."""
        before = self._newest_letter()
        tally = Tally()
        rows = [(number, draft(number, **changes)) for number in range(first, first + count)]
        self.house.intake.take_batch(rows, tally, confirmed=confirmed)
        assert (tally.taken, tally.refusals) == (count, []), tally
        if read:
            self.house.second_reading.finish()
        return [LetterId(before + each) for each in range(1, count + 1)]

    def submit(self, number: int = 1, **changes: Any) -> LetterId:
        """A letter from the form; it must be kept."""
        id, reading = self.house.intake.submit(draft(number, **changes))
        assert id is not None, reading
        return id

    def prepare(self) -> int:
        return self.house.preparation.prepare_all()

    def courier(
        self,
        transport: Transport | None = None,
        pages: PageCarrier | None = None,
        **changes: Any,
    ) -> Courier:
        """Sends by the transport of the test; retries wait without jitter."""
        # Not the transport of the settings: that one reads all the certificates of the machine.
        own: Transport = transport or ScriptedTransport()
        courier = make_courier(self.house, self.settings, transport=own)
        courier.transport = own
        courier.pages = pages or ScriptedPages()
        courier.settling = replace(courier.settling, draw=lambda: 0.5)
        for name, value in changes.items():
            setattr(courier, name, value)
        return courier

    def work(self, courier: Courier, at: datetime | None = None, *, rounds: int = 1) -> int:
        """Lets the courier look at the queue; answers how much was settled."""
        if at is not None:
            self.clock.move_to(at)

        async def rounds_of() -> int:
            return sum([await courier.round() for _ in range(rounds)])

        return asyncio.run(rounds_of())

    def live_through(
        self,
        couriers: Courier | Sequence[Courier],
        until: datetime,
        *,
        step: timedelta = timedelta(minutes=1),
    ) -> None:
        """Moves the clock from one due letter to the next, at least by `step` when nothing could be done."""
        crew = [couriers] if isinstance(couriers, Courier) else list(couriers)

        async def live() -> None:
            while True:
                self.house.preparation.prepare_all()
                with self.house.store.read() as work:
                    due = work.outbox.next_due()
                if due is None or max(due, self.clock.now()) > until:
                    return
                self.clock.move_to(due)
                if not sum([await courier.round() for courier in crew]):
                    self.clock.move_to(self.clock.now() + step)

        asyncio.run(live())

    def letter(self, id: LetterId) -> Letter:
        with self.house.store.read() as work:
            return work.letters.get([id])[id]

    def letters(self, state: LetterState) -> list[Letter]:
        with self.house.store.read() as work:
            return work.letters.in_state(state)

    def log(self, **which: Any) -> list[LogRow]:
        with self.house.store.read() as work:
            return work.outbox.log(LogFilter(**which))

    def deliveries(self, letter: LetterId) -> list[Delivery]:
        """Oldest first."""
        with self.house.store.read() as work:
            return work.outbox.of_letters([letter]).get(letter, [])

    def delivery(self, letter: LetterId) -> Delivery:
        """The newest of this letter."""
        return self.deliveries(letter)[-1]

    def queue(self) -> list[Delivery]:
        """The first 500 deliveries; also the mails to writers."""
        with self.house.store.read() as work:
            return list(work.outbox.get(map(DeliveryId, range(1, 501))).values())

    def states(self) -> dict[DeliveryState, int]:
        with self.house.store.read() as work:
            return work.outbox.totals()

    def story(self, delivery: DeliveryId) -> list[tuple[str | None, str]]:
        """The delivery's moves."""
        with self.house.store.read() as work:
            return [(move.old, move.new) for move in work.outbox.moves(delivery)]

    def audit(self) -> Audit:
        with self.house.store.read() as work:
            return audit(work.ledger)

    def use_directory(self, directory: Directory) -> None:
        """As an import would."""
        with self.house.store.write() as work:
            work.directory.replace(directory, digest="d" * 64, summary="test", at=self.clock.now())
            self.house.dispatch.reroute(work, at=self.clock.now())

    def _newest_letter(self) -> int:
        with self.house.store.read() as work:
            return sum(work.letters.count().values())


def settings_for(folder: Path, url: str, **environment: str) -> Settings:
    return load_settings(
        {
            "DISPATCHER_DATA": str(folder),
            "DISPATCHER_DATABASE__URL": url,
            "DISPATCHER_CAMPAIGNS__ACTIVE": "test-day",
            "DISPATCHER_CAMPAIGNS__PATH": str(folder / "campaigns"),
            # The large model takes seconds to load and a tenth to read a letter; tests that are about it ask for it.
            "DISPATCHER_TONE__SMALL": "true",
            **environment,
        }
    )


@contextmanager
def installation(folder: Path, url: str, **environment: str) -> Iterator[Installation]:
    """Opens the house over a database that holds the directory already."""
    settings = settings_for(folder, url, **environment)
    if not (folder / "campaigns").exists():
        write_campaign(folder / "campaigns")
    clock = SimulatedClock(WEEK_BEFORE)
    house = open_house(settings, clock=clock)
    try:
        yield Installation(house=house, settings=settings, clock=clock)
    finally:
        shut(house)


def shut(house: House) -> None:
    """Closes its database, as the end of a process does."""
    database_of(house).close()


def database_of(house: House) -> Database:
    assert isinstance(house.store, DatabaseStore)
    return house.store.database


def change_campaign(house: House, **changes: Any) -> None:
    """As if its file said so, until the house is opened again."""
    assert isinstance(house.campaigns, CampaignFolder)
    active = house.campaigns.active
    house.campaigns._all[active.id] = replace(active, **changes)


def without(directory: Directory, gone: Iterable[MissionId]) -> Directory:
    """The directory without these missions."""
    names = set(gone)
    return Directory(
        missions=tuple(each for each in directory.missions if each.id not in names),
        jurisdictions=tuple(row for row in directory.jurisdictions if row.mission not in names),
        split_cities=tuple(row for row in directory.split_cities if row.mission not in names),
        coverings=directory.coverings,
        sources=directory.sources,
    )
