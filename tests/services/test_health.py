"""Readiness and figures, on both engines."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from dispatcher.adapters.database import seals as seals_module
from dispatcher.services import health as health_module
from dispatcher.services.health import COURIER_SILENT, Figures, Health
from dispatcher.services.pauses import PauseScope
from tests.installation import (
    GREYLISTED,
    NO_ANSWER,
    NOON,
    OPENING,
    THE_HAGUE,
    Installation,
    ScriptedTransport,
    in_turn,
)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals_module, "_MARGIN_SECONDS", 0.0)
    monkeypatch.setattr(health_module, "_CACHED_SECONDS", -1.0)


@pytest.fixture
def health(home: Installation) -> Health:
    return Health(store=home.house.store, clock=home.clock)


def looked_twice(health: Health) -> Figures:
    """On PostgreSQL what is new is counted by the look after the one that saw it."""
    health.figures()
    return health.figures()


def test_the_figures_tell_what_waits_and_what_was_answered(home: Installation, health: Health) -> None:
    home.take(5)
    home.prepare()
    before = health.figures()
    assert before.waiting[("letter", "queued")] == 5
    assert before.overdue.get("letter", 0.0) == 0.0
    assert before.outcomes == {}
    assert before.unsealed > 0 and before.blocks == 0
    transport = ScriptedTransport(answer=in_turn(None, GREYLISTED, NO_ANSWER))
    home.live_through(home.courier(transport), NOON)
    after = looked_twice(health)
    letters = {outcome: count for (kind, outcome), count in after.outcomes.items() if kind == "letter"}
    assert letters == {"accepted": 4, "deferred": 1, "unknown": 1}
    assert after.waiting.get(("letter", "in_doubt")) == 1
    assert sum(after.settled["letter"].counts) == 5  # without the one that was only put off
    assert after.settled["letter"].seconds >= 0
    assert health.figures().outcomes == after.outcomes  # each attempt is counted once


def test_a_letter_that_is_late_is_told_in_seconds(home: Installation, health: Health) -> None:
    home.take(1)
    home.prepare()
    home.clock.move_to(OPENING + timedelta(minutes=10))
    assert health.figures().overdue["letter"] == pytest.approx(600, abs=1)
    home.work(home.courier(ScriptedTransport()))
    settled = looked_twice(health).settled["letter"]
    assert settled.seconds == pytest.approx(600, abs=2)
    assert sum(settled.counts[:5]) <= sum(settled.counts) == 1


def test_pauses_and_couriers_are_told(home: Installation, health: Health) -> None:
    home.house.pausing.pause(PauseScope.MISSION, THE_HAGUE, by="Mina", reason="")
    with home.house.store.write() as work:
        work.couriers.seen("one", "host", home.clock.now())
        work.couriers.seen("two", "host", home.clock.now() - 2 * COURIER_SILENT)
    figures = health.figures()
    assert figures.pauses == (("mission", THE_HAGUE),)
    assert (figures.couriers_alive, figures.couriers_silent) == (1, 1)


def test_counters_begin_with_the_process(home: Installation) -> None:
    home.take(2)
    home.prepare()
    home.live_through(home.courier(ScriptedTransport()), NOON)
    assert looked_twice(Health(store=home.house.store, clock=home.clock)).outcomes == {}


def test_an_installation_is_ready_and_says_what_is_missing(home: Installation, health: Health) -> None:
    assert health.readiness().ready  # no courier was ever here: pages alone are fine
    with home.house.store.write() as work:
        work.couriers.seen("one", "host", home.clock.now())
    assert health.readiness().ready
    home.clock.move_to(home.clock.now() + COURIER_SILENT)
    assert set(health.readiness().problems) == {"courier"}
    with home.house.store.write() as work:
        work.couriers.seen("two", "host", home.clock.now())
    assert health.readiness().ready  # one that works is enough
    database = home.database
    with database.write() as connection:
        connection.execute(text("DELETE FROM directory_changes"))
    assert set(health.readiness().problems) == {"directory"}
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert set(health.readiness().problems) == {"migrations"}
