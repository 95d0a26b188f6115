"""The clock's ticks are harmless however often they come."""

from collections.abc import Callable
from datetime import timedelta

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.domain.timetable import minute_of
from dispatcher.services.confirmation import LINK_LIFE, REMINDER_AFTER
from dispatcher.services.pauses import PauseScope
from dispatcher.services.schedule import ticks
from tests.installation import NOON, THE_HAGUE, WEEK_BEFORE, Installation

D = DeliveryState


def tick(home: Installation, name: str) -> Callable[[], object]:
    (found,) = [each for each in ticks(home.house) if each.name == name]
    return found.work


def test_every_tick_has_a_name_of_its_own_and_runs_on_an_empty_installation_twice(home: Installation) -> None:
    all_ticks = ticks(home.house)
    assert len({each.name for each in all_ticks}) == len(all_ticks)
    for each in all_ticks * 2:
        each.work()
    assert home.audit().ok


def test_what_was_approved_is_prepared(home: Installation) -> None:
    (id,) = home.take()
    tick(home, "prepare")()
    assert home.delivery(id).rendering is not None


def test_what_came_in_during_a_pause_is_held(home: Installation) -> None:
    home.house.pausing.pause(PauseScope.ALL, by="Mina")
    home.take()
    tick(home, "pauses")()
    assert home.states() == {D.HELD: 1}


def test_a_lease_that_ran_out_is_taken_up(home: Installation) -> None:
    home.take()
    home.prepare()
    with home.house.store.write() as work:
        ids = [row.id for row in work.outbox.due(notices=False, now=NOON, limit=9)]
        until = NOON + timedelta(minutes=15)
        assert work.outbox.start(ids, courier="gone", lease="l", until=until, at=NOON)
    home.clock.move_to(NOON + timedelta(minutes=15))
    tick(home, "leases")()
    assert home.states() == {D.SENDING: 1}
    home.clock.move_to(NOON + timedelta(minutes=15, seconds=1))
    tick(home, "leases")()
    assert home.states() == {D.IN_DOUBT: 1}


def test_waiting_letters_are_reminded_of_and_then_forgotten(home: Installation) -> None:
    id = home.submit()
    home.clock.move_to(WEEK_BEFORE + REMINDER_AFTER + timedelta(seconds=1))
    for name in ("reminders", "purge"):
        tick(home, name)()
    assert home.letter(id).state is LetterState.SUBMITTED
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE + timedelta(seconds=1))
    tick(home, "purge")()
    assert home.letter(id).state is LetterState.EXPIRED


def test_minutes_are_kept_as_long_as_they_count(home: Installation) -> None:
    home.clock.move_to(NOON)
    now = minute_of(NOON)
    with home.house.store.write() as work:
        for ago in (0, 59, 60, 121):
            work.timing.note_let_through({THE_HAGUE: 1}, minute=now - ago)
    tick(home, "budget")()
    with home.house.store.write() as work:
        kept = work.timing.let_through([THE_HAGUE], since_minute=0)[THE_HAGUE]
    assert {0, 59} <= {now - minute for minute in kept} and now - 121 not in kept
