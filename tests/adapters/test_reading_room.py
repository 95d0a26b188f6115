"""Letters are read by other processes, whatever becomes of these."""

import os
import signal
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from dispatcher.adapters import reading_room
from dispatcher.adapters.reading_room import WORTH_A_ROOM, ReadingRoom
from dispatcher.domain.tone import Assessment, Verdict, assessed
from dispatcher.services.second_reading import Words
from tests.processes import all_end, lives, orphans

PATIENCE = 60.0


class Told:
    """Does what a letter's words say. A file that is named there makes it happen only once."""

    def assess(self, text: str, *, language: str) -> Assessment:
        order, _, file = text.partition(" ")
        if order in {"die", "sleep"} and not (file and Path(file).exists()):
            if file:
                Path(file).touch()
            if order == "sleep":
                time.sleep(600)
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "break":
            raise ZeroDivisionError
        return assessed((), language=f"{text}/{language}/{os.getpid()}")


def told() -> Told:
    return Told()


def cannot_start() -> Told:
    raise MemoryError


@pytest.fixture
def room() -> Iterator[ReadingRoom]:
    made = ReadingRoom(told, cores=2, patience=PATIENCE)
    yield made
    made.rest()


def words(count: int) -> list[Words]:
    return [(f"letter-{number}", "en") for number in range(count)]


def readers(room: ReadingRoom) -> list[int]:
    return [reader.process.pid or 0 for reader in room._readers]


def test_many_letters_are_shared_out_and_each_is_answered_once(room: ReadingRoom) -> None:
    wanted = words(WORTH_A_ROOM + 5)
    answers = list(room.read(wanted))
    assert sorted(place for place, _ in answers) == list(range(len(wanted)))
    assert all(found and found.language.startswith(f"letter-{place}/en/") for place, found in answers)
    by = {int(found.language.rpartition("/")[2]) for _, found in answers if found}
    assert os.getpid() not in by
    assert by <= set(readers(room)) and len(readers(room)) == 2
    room.rest()
    assert readers(room) == []
    assert not any(lives(pid) for pid in by)


def test_few_letters_are_read_by_one_process_or_at_hand_where_that_may_be(room: ReadingRoom) -> None:
    assert len(list(room.read(words(3)))) == 3
    assert len(readers(room)) == 1
    here = ReadingRoom(told, at_hand=Told(), cores=2)
    answers = list(here.read(words(WORTH_A_ROOM - 1)))
    assert {found.language.rpartition("/")[2] for _, found in answers if found} == {str(os.getpid())}
    assert readers(here) == []


def test_what_a_killed_reader_had_is_read_again(room: ReadingRoom, tmp_path: Path) -> None:
    wanted = [*words(20), (f"die {tmp_path / 'once'}", "en")]
    assert sum(found is not None for _, found in room.read(wanted)) == 21


@pytest.mark.parametrize("order", ["die", "break"])
def test_a_letter_at_which_readers_end_costs_the_few_that_lay_with_it_and_is_not_told_of(
    room: ReadingRoom, order: str, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = [*words(40), (order, "en")]
    answers = dict(room.read(wanted))
    assert len(answers) == 41
    assert {place for place, found in answers.items() if found is None} == set(range(32, 41))
    assert "Traceback" not in capfd.readouterr().err


def test_a_reader_that_does_not_come_back_is_ended(tmp_path: Path) -> None:
    room = ReadingRoom(told, cores=1, patience=1.5)
    answers = list(room.read([(f"sleep {tmp_path / 'once'}", "en"), *words(2)]))
    assert [found is not None for _, found in answers] == [True] * 3
    room.rest()


def test_where_no_reader_can_begin_every_letter_comes_back_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    room = ReadingRoom(cannot_start, cores=1)
    assert list(room.read(words(2))) == [(0, None), (1, None)]

    def no_memory(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(reading_room._Reader, "start", no_memory)
    assert list(room.read(words(2))) == [(0, None), (1, None)]
    room.rest()


def test_a_reader_that_was_killed_while_it_had_nothing_to_do_is_replaced(room: ReadingRoom) -> None:
    list(room.read(words(1)))
    (idle,) = readers(room)
    os.kill(idle, signal.SIGKILL)
    assert all_end([idle])
    assert [found is not None for _, found in room.read(words(2))] == [True, True]
    assert idle not in readers(room)


def test_who_stops_in_the_middle_leaves_no_reader_at_work(room: ReadingRoom) -> None:
    answers = room.read([*words(16), *[("sleep", "en")] * 2])
    assert [place for place, _ in islice(answers, 16)] == list(range(16))
    answers.close()
    assert room._at_work() == []


PARENT = """
import sys
from tests.adapters.test_reading_room import WORTH_A_ROOM, ReadingRoom, readers, told, words
if __name__ == "__main__":
    room = ReadingRoom(told, cores=2)
    list(room.read(words(WORTH_A_ROOM)))
    print(*readers(room), flush=True)
    sys.stdin.read()
"""


def test_no_reader_outlives_a_parent_that_is_killed() -> None:
    left = orphans(PARENT)
    assert len(left) == 2
    assert all_end(left)


def test_a_verdict_comes_back_as_it_was_found(room: ReadingRoom) -> None:
    ((_, found),) = room.read([("letter", "de")])
    assert found is not None and found.verdict is Verdict.PASS
