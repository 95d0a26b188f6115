"""Clocks."""

import asyncio
from datetime import UTC, datetime, timedelta

from dispatcher.adapters.clocks import SimulatedClock, SystemClock

START = datetime(2027, 9, 17, 8, tzinfo=UTC)


def test_the_machines_clock_is_in_utc_and_goes_on() -> None:
    clock = SystemClock()
    before = clock.now()
    asyncio.run(clock.sleep(0.01))
    assert before.tzinfo is UTC and clock.now() - before >= timedelta(seconds=0.009)


def test_a_simulated_clock_stands_still_until_it_is_moved_and_never_goes_back() -> None:
    clock = SimulatedClock(START)
    assert clock.now() == clock.now() == START
    clock.move_to(START + timedelta(hours=1))
    clock.move_to(START)
    assert clock.now() == START + timedelta(hours=1)


def test_sleeping_moves_a_simulated_clock_and_takes_no_time() -> None:
    clock = SimulatedClock(START)
    asyncio.run(asyncio.wait_for(clock.sleep(86_400), 1))
    assert clock.now() == START + timedelta(days=1)
