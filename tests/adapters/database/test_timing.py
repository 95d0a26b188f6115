"""Slots and the hourly budget, under writers that come at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

from dispatcher.adapters.database.store import DatabaseStore
from tests.adapters.database.conftest import CAMPAIGN
from tests.installation import DAY, THE_HAGUE, TOKYO

WRITERS, TURNS = 4, 15


def test_slots_are_numbered_from_zero_and_go_on_where_they_ended(store: DatabaseStore) -> None:
    with store.write() as work:
        assert work.timing.take_slots(CAMPAIGN, DAY, {THE_HAGUE: 3, TOKYO: 1}) == {THE_HAGUE: 0, TOKYO: 0}
    with store.write() as work:
        assert work.timing.take_slots(CAMPAIGN, DAY, {THE_HAGUE: 2}) == {THE_HAGUE: 3}
        assert work.timing.take_slots(CAMPAIGN, DAY, {THE_HAGUE: 1, TOKYO: 1}) == {THE_HAGUE: 5, TOKYO: 1}
        assert work.timing.take_slots(CAMPAIGN, date(2028, 9, 24), {THE_HAGUE: 1}) == {THE_HAGUE: 0}


def test_writers_at_once_never_get_the_same_slot(store: DatabaseStore) -> None:
    together = Barrier(WRITERS)

    def take(writer: int) -> list[tuple[str, int]]:
        together.wait()
        taken = []
        for turn in range(TURNS):
            # In one order and in the other, so that a deadlock would show.
            wanted: dict[str, int] = dict(
                sorted({THE_HAGUE: 1 + turn % 3, TOKYO: 2}.items(), reverse=bool(writer % 2))
            )
            with store.write() as work:
                first = work.timing.take_slots(CAMPAIGN, DAY, wanted)
            taken += [(m, number) for m, start in first.items() for number in range(start, start + wanted[m])]
        return taken

    with ThreadPoolExecutor(WRITERS) as crew:
        taken = [slot for slots in crew.map(take, range(WRITERS)) for slot in slots]
    assert len(taken) == len(set(taken))
    per_turn = sum(1 + turn % 3 for turn in range(TURNS))
    assert set(taken) == {(THE_HAGUE, n) for n in range(WRITERS * per_turn)} | {
        (TOKYO, n) for n in range(WRITERS * TURNS * 2)
    }


def test_what_was_let_through_adds_up_by_minute(store: DatabaseStore) -> None:
    with store.write() as work:
        work.timing.note_let_through({THE_HAGUE: 2, TOKYO: 1}, minute=100)
        work.timing.note_let_through({THE_HAGUE: 3}, minute=100)
        work.timing.note_let_through({THE_HAGUE: 1}, minute=101)
        work.timing.note_let_through({THE_HAGUE: 9}, minute=40)
    with store.write() as work:
        found = work.timing.let_through([THE_HAGUE, TOKYO, "cn-eg-cairo"], since_minute=41)
    assert found == {THE_HAGUE: {100: 5, 101: 1}, TOKYO: {100: 1}, "cn-eg-cairo": {}}


def test_what_never_came_to_the_mission_is_given_back_to_its_minute(store: DatabaseStore) -> None:
    with store.write() as work:
        for minute in (100, 101):
            work.timing.note_let_through({THE_HAGUE: 3, TOKYO: 2}, minute=minute)
        work.timing.give_back({THE_HAGUE: 2, TOKYO: 2}, minute=100)
        work.timing.give_back({THE_HAGUE: 1}, minute=50)  # counts no more, and is no debt
        work.timing.give_back({}, minute=101)
        found = work.timing.let_through([THE_HAGUE, TOKYO], since_minute=0)
    assert found == {THE_HAGUE: {100: 1, 101: 3}, TOKYO: {100: 0, 101: 2}}


def test_minutes_that_count_no_more_are_forgotten(store: DatabaseStore) -> None:
    with store.write() as work:
        for minute in (98, 99, 100):
            work.timing.note_let_through({THE_HAGUE: 1}, minute=minute)
        work.timing.forget_before(99)
        assert work.timing.let_through([THE_HAGUE], since_minute=0) == {THE_HAGUE: {99: 1, 100: 1}}


def test_couriers_at_once_never_spend_more_than_the_budget(store: DatabaseStore) -> None:
    budget, together = 20, Barrier(WRITERS)

    def spend(_: int) -> int:
        together.wait()
        spent = 0
        for _turn in range(TURNS):
            with store.write() as work:
                seen = work.timing.let_through([THE_HAGUE, TOKYO], since_minute=0)[THE_HAGUE]
                if sum(seen.values()) < budget:
                    work.timing.note_let_through({THE_HAGUE: 1}, minute=1)
                    spent += 1
        return spent

    with ThreadPoolExecutor(WRITERS) as crew:
        assert sum(crew.map(spend, range(WRITERS))) == budget
