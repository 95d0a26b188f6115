"""A house in a temporary folder with a clock that the test sets, behind the real site."""

import asyncio
import re
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.faces.web.site import site
from dispatcher.services.house import House
from dispatcher.services.intake import Draft, Tally
from dispatcher.services.organizers import Role
from dispatcher.services.store import LogFilter
from dispatcher.settings import Settings, load_settings
from dispatcher.wiring import make_courier, open_house

# A week before the action day of 2027, in the morning.
WEEK_BEFORE = datetime(2027, 9, 17, 8, 0, tzinfo=UTC)
# Between opening and closing in Ottawa on the action day.
ACTION_DAY = datetime(2027, 9, 24, 15, 0, tzinfo=UTC)

LETTER = "Your Excellency,\n\nplease let the people who have fled travel on in safety.\n\nWith respect,"
RUDE = "Your Excellency,\n\nyour staff are pathetic idiots. Please let the people go.\n\nWith respect,"
FIELDS = {
    "name": "Jane Doe",
    "email": "jane.doe@example.org",
    "country": "CA",
    "region": "",
    "city": "Ottawa",
    "organisation": "",
    "language": "en",
    "letter": LETTER,
    "form_key": "k" * 32,
}


class SetClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Household:
    house: House
    settings: Settings
    clock: SetClock
    url: str
    clients: ExitStack

    @property
    def visitor(self) -> httpx.Client:
        """A browser without cookies yet."""
        return self.clients.enter_context(httpx.Client(base_url=self.url, trust_env=False))

    def organizer(self, name: str = "Mina", role: Role = Role.MODERATOR) -> httpx.Client:
        """Signed in by a link, as a person would be."""
        if name not in {each.name for each in self.house.sign_in.all()}:
            self.house.sign_in.add(name, role)
        client = self.visitor
        answer = client.post(f"/console/enter/{self.house.sign_in.link(name)}")
        assert answer.status_code == 303
        return client

    def letters(self, state: LetterState) -> list[LetterId]:
        with self.house.store.read() as work:
            return [letter.id for letter in work.letters.in_state(state)]

    def link(self, purpose: str, letter: LetterId) -> str:
        return self.house.store.links.token(purpose, letter)

    def submit(self, **changes: str) -> LetterId:
        """Through the form."""
        before = set(self.letters(LetterState.SUBMITTED))
        answer = self.visitor.post("/letters", data=FIELDS | changes)
        assert answer.status_code == 303, answer.text
        (new,) = set(self.letters(LetterState.SUBMITTED)) - before
        return new

    def take(self, **changes: str) -> LetterId:
        """From a file, confirmed on paper."""
        fields: dict[str, Any] = {
            name: value for name, value in FIELDS.items() if name != "form_key"
        } | changes
        tally = Tally()
        self.house.intake.take_batch([(0, Draft(**fields))], tally, confirmed=True)
        assert tally.taken == 1, tally
        self.house.second_reading.finish()
        with self.house.store.read() as work:
            states = (LetterState.APPROVED, LetterState.IN_REVIEW)
            return max(letter.id for state in states for letter in work.letters.in_state(state))

    def delivery(self, letter: LetterId) -> DeliveryId:
        with self.house.store.read() as work:
            return work.outbox.log(LogFilter(letter=letter))[-1].delivery.id

    def work_on(self, at: datetime, *, rounds: int = 3) -> None:
        """Lets a courier work at that moment, until nothing is left to do."""
        self.clock.at = at
        self.house.preparation.prepare_all()
        courier = make_courier(self.house, self.settings)

        async def work() -> None:
            for _ in range(rounds):
                await courier.round()

        # In a thread of its own: a browser test has a loop running in this one.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(lambda: asyncio.run(work())).result()


@contextmanager
def open_household(folder: Path, **environment: str) -> Iterator[Household]:
    """Behind a real server, on a free port of this machine."""
    # As in tests.installation.settings_for.
    small = {"DISPATCHER_TONE__SMALL": "true"}
    settings = load_settings({"DISPATCHER_DATA": str(folder), **small, **environment})
    clock = SetClock(WEEK_BEFORE)
    house = open_house(settings, clock=clock)
    server = uvicorn.Server(
        uvicorn.Config(site(house), port=0, access_log=False, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with ExitStack() as clients:
            url = f"http://127.0.0.1:{port}"
            yield Household(house=house, settings=settings, clock=clock, url=url, clients=clients)
    finally:
        server.should_exit = True
        thread.join(10)


def mark_of(page: str) -> str:
    """The mark that the forms of a console page carry."""
    found = re.search(r'name="mark" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


@pytest.fixture(scope="session")
def fresh_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with database and directory: copying it is quicker than making each test its own."""
    folder = tmp_path_factory.mktemp("household") / "data"
    with open_household(folder):
        return folder


@pytest.fixture
def household(tmp_path: Path, fresh_folder: Path) -> Iterator[Household]:
    with open_household(shutil.copytree(fresh_folder, tmp_path / "data")) as found:
        yield found
