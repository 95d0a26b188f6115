"""Organizers are told of trouble: seldom, in plain words, once for all processes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.domain.outcome import Outcome
from dispatcher.services.alerts import Alerts
from dispatcher.services.pauses import PauseScope
from dispatcher.services.schedule import ticks
from tests.installation import NOON, REFUSED, THE_HAGUE, Installation, ScriptedTransport
from tests.servers.fax_http import Answer, serving
from tests.servers.twilio_gateway import PROJECT, TOKEN, TwilioGateway

Install = Callable[..., Installation]


@dataclass
class Texts:
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, number: str, text: str) -> bool:
        self.sent.append((number, text))
        return True


@pytest.fixture
def home(install: Install) -> Installation:
    return install(pace=3600)


def alerts(home: Installation, texts: Texts, **changes: Any) -> Alerts:
    fields: dict[str, Any] = {
        "to": ("+12025550130",),
        "failure_percent": 20,
        "stuck_after": timedelta(minutes=30),
        "rest": timedelta(hours=2),
    }
    return Alerts(store=home.house.store, clock=home.clock, texts=texts, **(fields | changes))


def send(home: Installation, count: int, refused: int) -> None:
    home.take(count)
    home.prepare()
    answers: list[Outcome | None] = [REFUSED] * refused + [None] * (count - refused)
    home.work(home.courier(ScriptedTransport(answer=lambda _: answers.pop())), NOON)


def test_a_share_of_failures_is_told_once_and_again_after_the_rest(home: Installation) -> None:
    send(home, 12, 3)
    texts = Texts()
    watch = alerts(home, texts)
    assert watch.look() == 1
    assert texts.sent == [
        (
            "+12025550130",
            "Dispatcher: 3 of 12 letters failed in the last hour. Please look at the console.",
        )
    ]
    assert watch.look() == 0
    assert alerts(home, texts, rest=timedelta()).look() == 1


def test_few_failures_and_old_ones_are_no_alarm(home: Installation) -> None:
    texts = Texts()
    send(home, 12, 2)
    assert alerts(home, texts).look() == 0
    assert alerts(home, texts, failure_percent=10).look() == 1
    home.clock.move_to(NOON + timedelta(hours=2))
    assert (
        alerts(home, texts, failure_percent=10, rest=timedelta(), stuck_after=timedelta(days=1)).look() == 0
    )


def test_a_queue_that_stands_still_is_told(home: Installation) -> None:
    home.take()
    home.prepare()
    texts = Texts()
    home.clock.move_to(home.log()[0].delivery.due_at + timedelta(minutes=31))
    assert alerts(home, texts).look() == 1
    assert "due for 31 minutes" in texts.sent[0][1]


def test_a_pause_is_told(home: Installation) -> None:
    home.house.pausing.pause(PauseScope.MISSION, THE_HAGUE, by="feedback", reason="letters came back")
    texts = Texts()
    assert alerts(home, texts).look() == 1
    assert "1 mission was paused" in texts.sent[0][1]


def test_a_text_says_nothing_of_anybody(home: Installation) -> None:
    send(home, 12, 12)
    home.house.pausing.pause(PauseScope.ALL, by="operator jane", reason="Jane Doe wrote")
    texts = Texts()
    alerts(home, texts).look()
    said = " ".join(text for _, text in texts.sent).lower()
    assert len(texts.sent) == 2 and all(len(text) <= 160 for _, text in texts.sent)
    assert "jane" not in said and "@" not in said and "hague" not in said


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_they_go_by_a_gateway_and_only_in_live_mode(install: Install) -> None:
    with serving(TwilioGateway()) as (gateway, port):
        settings = {
            "DISPATCHER_ALERTS__TO": "+12025550130, +12025550131",
            "DISPATCHER_ALERTS__BASE_URL": f"http://127.0.0.1:{port}/api/laml",
            "DISPATCHER_ALERTS__ACCOUNT": PROJECT,
            "DISPATCHER_ALERTS__TOKEN": TOKEN,
            "DISPATCHER_ALERTS__FROM_NUMBER": "+12025550124",
        }
        assert install(environment=settings).house.alerts is None
        home = install(environment=settings | {"DISPATCHER_MODE": "live"})
        watch = home.house.alerts
        assert watch is not None and "alerts" in {tick.name for tick in ticks(home.house)}
        home.house.pausing.pause(PauseScope.ALL, by="operator")
        assert watch.look() == 1
        assert [each["To"] for each in gateway.messages] == ["+12025550130", "+12025550131"]
        gateway.always = Answer(401, "{}")
        assert not watch.texts.send("+12025550130", "x")
        assert TOKEN not in repr(home.settings)
