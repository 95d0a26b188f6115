"""A live installation with a fax carrier on this machine, and what tests do to both."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import httpx
from fastapi import FastAPI

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterId
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.faces.web.site import site
from dispatcher.services.fax_desk import FaxDesk
from dispatcher.services.report import as_document
from tests.installation import Installation, ScriptedTransport
from tests.servers.fax_http import Answer, Callback, serving
from tests.servers.hylafax_server import HylaFaxServer, hylafax_serving
from tests.servers.telnyx_server import CONNECTION, KEY, TelnyxServer
from tests.servers.twilio_gateway import PROJECT, SIGNING_KEY, TOKEN, TwilioGateway

FROM = "+12025550124"
# The office in New York is open; the consulate there has a fax only.
AT_WORK = datetime(2027, 9, 24, 14, 0, tzinfo=UTC)
NEW_YORKER = {"country": "US", "region": "US-NY", "city": "New York"}
PUBLIC = "https://letters.real-campaign.de"
LIVE = {
    "DISPATCHER_MODE": "live",
    "DISPATCHER_CAMPAIGNS__FROM_ADDRESS": "letters@real-campaign.de",
    "DISPATCHER_WEB__PUBLIC_URL": PUBLIC,
    "DISPATCHER_FAX__FROM_NUMBER": FROM,
}


class FaxServer(Protocol):
    """A carrier's server. script: what becomes of the next orders."""

    script: list[str | Answer]
    now: datetime

    @property
    def taken(self) -> list[str]:
        """Its ids of the faxes that it has, oldest first."""

    def ends(self, ref: str, how: str, *, pages: int | None = None) -> None:
        """how: delivered, busy, no_answer, line_error, no_fax, bad_number."""

    def callback(self, ref: str) -> Callback | None:
        """None for a carrier that calls nobody back."""


@dataclass
class Bench:
    home: Installation
    server: FaxServer
    transport: ScriptedTransport = field(default_factory=ScriptedTransport)

    @cached_property
    def site(self) -> FastAPI:
        return site(self.home.house)

    @property
    def desk(self) -> FaxDesk:
        desk = self.home.house.fax
        assert desk is not None
        return desk

    def letter(self, number: int = 1, **changes: Any) -> LetterId:
        (id,) = self.home.take(first=number, **(NEW_YORKER | changes))
        self.home.prepare()
        return id

    def work(self, at: datetime | None = None, *, rounds: int = 1) -> int:
        """A courier looks at the queue; the carrier's clock goes with ours."""
        if at is not None:
            self.home.clock.move_to(at)
        self.server.now = self.home.clock.now()
        courier = self.home.courier(self.transport, pages=self.desk)
        return self.home.work(courier, rounds=rounds)

    def wait(self, **time: float) -> None:
        self.home.clock.move_to(self.home.clock.now() + timedelta(**time))
        self.server.now = self.home.clock.now()

    def ask(self) -> int:
        """The clock's tick, some time later."""
        self.wait(minutes=2)
        return self.desk.look()

    def tell(self, ref: str) -> int | None:
        """The carrier calls us back, if it does that; answers our HTTP status."""
        told = self.server.callback(ref)
        return None if told is None else self.post(told)

    def learn(self, ref: str) -> None:
        """By callback, or by asking where there is none."""
        if self.tell(ref) is None:
            self.ask()

    def post(self, told: Callback) -> int:
        return self.http("POST", told.url, headers=dict(told.headers), content=told.body).status_code

    def http(self, method: str, url: str, **request: Any) -> httpx.Response:
        """A request to our site as it reaches us."""
        assert url.startswith(PUBLIC)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.site)
            async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as client:
                return await client.request(method, url, **request)

        return asyncio.run(ask())

    def state(self, letter: LetterId) -> DeliveryState:
        return self.home.delivery(letter).state

    def answers(self, letter: LetterId) -> list[Outcome]:
        return [each.outcome for row in self.home.log(letter=letter) for each in row.attempts]

    def kinds(self, letter: LetterId) -> list[OutcomeKind]:
        return [each.kind for each in self.answers(letter)]

    def documents(self, letter: LetterId) -> list[dict[str, Any]]:
        """The rows of `dispatcher log --json`."""
        return [as_document(row) for row in self.home.log(letter=letter)]


_TWILIO_WORDS = {
    "delivered": ("delivered", None),
    "busy": ("busy", None),
    "no_answer": ("no-answer", None),
    "line_error": ("failed", "Disconnected after permitted retries"),
    "no_fax": ("failed", "Timed out waiting for initial communication"),
    "bad_number": ("failed", "Unallocated (unassigned) number"),
}


class TwilioServer(TwilioGateway):
    def ends(self, ref: str, how: str, *, pages: int | None = None) -> None:
        status, message = _TWILIO_WORDS[how]
        self.end(ref, status, pages=pages, message=message)


@contextmanager
def twilio_bench(install: Callable[..., Installation], **environment: str) -> Iterator[Bench]:
    with serving(TwilioServer()) as (server, port):
        home = install(
            environment=LIVE
            | {
                "DISPATCHER_FAX__CARRIER": "twilio",
                "DISPATCHER_FAX__BASE_URL": f"http://127.0.0.1:{port}/api/laml",
                "DISPATCHER_FAX__ACCOUNT": PROJECT,
                "DISPATCHER_FAX__TOKEN": TOKEN,
                "DISPATCHER_FAX__SIGNING_KEY": SIGNING_KEY,
            }
            | environment
        )
        yield Bench(home=home, server=server)


@contextmanager
def hylafax_bench(install: Callable[..., Installation], **environment: str) -> Iterator[Bench]:
    server = HylaFaxServer()
    with hylafax_serving(server) as port:
        address = f"hylafax://127.0.0.1:{port}"
        own = {"DISPATCHER_FAX__CARRIER": "hylafax", "DISPATCHER_FAX__BASE_URL": address}
        yield Bench(home=install(environment=LIVE | own | environment), server=server)


@contextmanager
def telnyx_bench(install: Callable[..., Installation], **environment: str) -> Iterator[Bench]:
    with serving(TelnyxServer()) as (server, port):
        home = install(
            environment=LIVE
            | {
                "DISPATCHER_FAX__CARRIER": "telnyx",
                "DISPATCHER_FAX__BASE_URL": f"http://127.0.0.1:{port}",
                "DISPATCHER_FAX__ACCOUNT": CONNECTION,
                "DISPATCHER_FAX__TOKEN": KEY,
                "DISPATCHER_FAX__SIGNING_KEY": server.public_key,
            }
            | environment
        )
        yield Bench(home=home, server=server)


BENCHES = {"twilio": twilio_bench, "telnyx": telnyx_bench, "hylafax": hylafax_bench}
