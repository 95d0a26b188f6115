"""The machine's clock jumps while a courier works, forward and back: nothing leaves twice or at the wrong hour."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.adapters.clocks import SystemClock
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.outcome import Outcome
from dispatcher.services.courier import Courier
from dispatcher.services.schedule import ticks
from tests.installation import (
    ACCEPTED,
    GREYLISTED,
    NO_ANSWER,
    NOON,
    OPENING,
    Installation,
    ScriptedTransport,
)

D = DeliveryState
HOURS = timedelta(hours=3)


class MachineClock:
    """Its wall clock can be set, its seconds since boot only pass."""

    def __init__(self, start: datetime) -> None:
        self.wall = start.timestamp()
        self.boot = 1000.0
        self.clock = SystemClock(wall=lambda: self.wall, steady=lambda: self.boot)

    def jump(self, by: timedelta) -> None:
        self.wall += by.total_seconds()

    def live_through(self, span: timedelta, each_second: Callable[[], object] = lambda: None) -> None:
        for _ in range(int(span.total_seconds())):
            self.wall += 1
            self.boot += 1
            self.clock.now()
            each_second()

    @property
    def told(self) -> datetime:
        return self.clock.now()

    @property
    def shown(self) -> datetime:
        return datetime.fromtimestamp(self.wall, UTC)


def _courier(home: Installation, machine: MachineClock, transport: ScriptedTransport) -> Courier:
    """One that looks at the machine's clock."""
    courier = home.courier(transport, clock=machine.clock)
    courier.claiming = replace(courier.claiming, clock=machine.clock)
    return courier


@pytest.mark.parametrize("by", [HOURS, -HOURS])
def test_a_jump_that_is_taken_back_within_a_minute_has_never_been(by: timedelta) -> None:
    machine = MachineClock(NOON)
    machine.jump(by)
    machine.live_through(timedelta(seconds=50))
    assert machine.told == NOON + timedelta(seconds=50)
    machine.jump(-by)
    machine.live_through(timedelta(minutes=10))
    assert machine.told == NOON + timedelta(minutes=10, seconds=50) == machine.shown


def test_a_jump_forward_that_stands_is_made_good_by_and_by() -> None:
    machine = MachineClock(NOON)
    machine.jump(HOURS)
    machine.live_through(timedelta(seconds=60))
    assert machine.told < NOON + timedelta(seconds=75)
    before = machine.told
    machine.live_through(timedelta(seconds=30))
    assert machine.told - before == timedelta(seconds=300)
    machine.live_through(timedelta(minutes=25))
    assert machine.told == machine.shown


def test_a_jump_back_that_stands_is_believed_after_a_minute() -> None:
    machine = MachineClock(NOON)
    machine.jump(-HOURS)
    machine.live_through(timedelta(seconds=61))
    assert machine.told == machine.shown == NOON - HOURS + timedelta(seconds=61)


def test_a_clock_that_is_put_right_little_by_little_is_followed() -> None:
    machine = MachineClock(NOON)
    for _ in range(20):
        machine.jump(timedelta(seconds=0.5))
        machine.live_through(timedelta(seconds=1))
        assert machine.told == machine.shown


def test_nothing_leaves_outside_hours_by_a_jump_forward_that_is_taken_back(home: Installation) -> None:
    home.take(3)
    home.prepare()
    machine, transport = MachineClock(OPENING - HOURS), ScriptedTransport()
    courier = _courier(home, machine, transport)
    machine.jump(2 * HOURS)
    for _ in range(5):
        machine.live_through(timedelta(seconds=10))
        home.work(courier)
    machine.jump(-2 * HOURS)
    home.work(courier)
    assert transport.sent == []
    assert home.states() == {D.QUEUED: 3}
    machine.live_through(2 * HOURS)
    home.work(courier)
    assert transport.sent != []


def test_a_living_courier_keeps_its_leases_through_a_jump_forward_that_stands(home: Installation) -> None:
    """Its mail server thinks for half an hour; it gives its sign of life, and the other process its ticks."""
    home.take(1)
    home.prepare()
    machine = MachineClock(NOON)
    courier = _courier(home, machine, ScriptedTransport())
    assert courier.claiming.claim(10, notices=False) is not None
    machine.jump(HOURS)
    seconds = 0

    def beat_and_tick() -> None:
        nonlocal seconds
        seconds += 1
        if seconds % 30 == 0:
            with home.house.store.write() as work:
                work.outbox.recover(now=machine.told, dead=(), by="clock")
            courier._sign_of_life(machine.told, ())

    machine.live_through(timedelta(minutes=30), beat_and_tick)
    assert machine.told == machine.shown
    assert home.states() == {D.SENDING: 1}


@pytest.mark.parametrize(
    ("answer", "state"), [(ACCEPTED, D.ACCEPTED), (GREYLISTED, D.QUEUED), (NO_ANSWER, D.IN_DOUBT)]
)
def test_an_answer_that_comes_after_the_lease_still_settles_its_letter(
    home: Installation, answer: Outcome, state: DeliveryState
) -> None:
    """A machine whose clock is hours ahead has ended the lease while the letter was on the wire."""
    (id,) = home.take()
    home.prepare()
    others = ScriptedTransport()
    second = home.courier(others)
    ahead = MachineClock(NOON + HOURS)

    def lease_ends() -> None:
        with home.house.store.write() as work:
            work.outbox.recover(now=ahead.told, dead=(), by="clock")
        assert home.states() == {D.IN_DOUBT: 1}
        assert second.claiming.claim(10, notices=False) is None

    transport = ScriptedTransport(answer=lambda _: answer, before=lease_ends)
    home.work(home.courier(transport), NOON)
    assert len(transport.sent) == 1
    assert others.sent == []
    assert home.delivery(id).state is state
    assert home.audit().ok


def test_a_clock_that_goes_back_stops_nothing_and_doubles_nothing(home: Installation) -> None:
    home.take(4)
    home.prepare()
    machine, transport = MachineClock(NOON), ScriptedTransport()
    courier = _courier(home, machine, transport)
    home.work(courier)
    sent = len(transport.sent)
    assert sent
    machine.jump(-timedelta(days=2))
    for _ in range(12):
        machine.live_through(timedelta(seconds=10))
        home.work(courier)
        (leases,) = (each.work for each in ticks(home.house) if each.name == "leases")
        leases()
    assert machine.told == machine.shown
    machine.live_through(timedelta(hours=1))
    machine.jump(timedelta(days=2))
    machine.live_through(timedelta(hours=6))
    home.work(courier)
    assert len(set(transport.deliveries)) == len(transport.sent)
    assert home.audit().ok
