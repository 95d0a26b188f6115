"""What the relay is given in a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.services.relay_rate import RelayRate
from tests.installation import NOON


@dataclass
class Wild:
    at: datetime

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def _taken(rate: RelayRate, wanted: int) -> int:
    room = rate.room(wanted)
    rate.spend(room)
    return room


def test_without_a_rate_all_may_go() -> None:
    rate = RelayRate(per_minute=0, clock=SimulatedClock(NOON))
    assert [_taken(rate, 1000) for _ in range(3)] == [1000] * 3


def test_mails_leave_evenly_a_seconds_worth_at_once() -> None:
    clock = SimulatedClock(NOON)
    rate = RelayRate(per_minute=840, clock=clock)
    taken = []
    for _ in range(60):
        taken += [_taken(rate, 3), _taken(rate, 1000), _taken(rate, 1000)]
        clock.move_to(clock.now() + timedelta(seconds=1))
    assert taken == [3, 11, 0] * 60


def test_a_slow_rate_lets_one_through_after_the_other() -> None:
    clock = SimulatedClock(NOON)
    rate = RelayRate(per_minute=5, clock=clock)
    moments = []
    for second in range(61):
        if _taken(rate, 8):
            moments.append(second)
        clock.move_to(clock.now() + timedelta(seconds=1))
    assert moments == [0, 12, 24, 36, 48, 60]


def test_a_clock_that_jumps_lets_no_more_through() -> None:
    clock = Wild(NOON)
    rate = RelayRate(per_minute=60, clock=clock)
    assert _taken(rate, 8) == 1
    for days, taken in ((-1, 0), (30, 1), (-30, 0)):
        clock.at += timedelta(days=days)
        assert _taken(rate, 8) == taken
        assert _taken(rate, 8) == 0
    clock.at += timedelta(seconds=1)
    assert _taken(rate, 8) == 1
