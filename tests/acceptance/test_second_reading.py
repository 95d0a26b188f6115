"""Whole processes: a service that is killed while it reads loses no letter and approves none unread, and the model
does not stay in its memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.domain.letter import LetterState
from dispatcher.services.intake import Tally
from tests.acceptance.station import Station, drafts, wait_for
from tests.lent_postgres import PostgresServer

S = LetterState
_LETTERS = 40
_COURIER_MEGABYTES = 150


@pytest.fixture
def here(station: Station, engine_name: str, request: pytest.FixtureRequest) -> Iterator[Station]:
    station = station.with_settings(TONE__SMALL="false")
    if engine_name == "sqlite":
        yield station
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create()
    yield station.with_settings(DATABASE__URL=url)
    server.drop(url)


def _bring_unread(station: Station) -> None:
    """Letters of which no two share a sentence."""
    tally = Tally()
    letters = [
        replace(
            each, letter=f"{each.letter}\n\nI ask it of you as reader {number}. Please hear plea {number}."
        )
        for number, each in enumerate(drafts(_LETTERS))
    ]
    with station.house() as house:
        house.intake.take_batch(list(enumerate(letters)), tally, confirmed=True)
    assert tally.to_read_again == _LETTERS, tally


def _states(station: Station) -> dict[LetterState, int]:
    with station.house() as house, house.store.read() as work:
        return work.letters.count()


@contextmanager
def _looking(station: Station) -> Iterator[Callable[[], int]]:
    """How many letters wait."""
    with station.house() as house:
        yield house.second_reading.waiting


def _readers(pid: int) -> list[str]:
    """Of that process, which has also one that looks after what spawned ones leave behind."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_a_courier_that_is_killed_while_it_reads_loses_no_letter_and_keeps_no_model(here: Station) -> None:
    _bring_unread(here)
    with _looking(here) as waiting:
        with here.start("courier") as first:
            wait_for(lambda: bool(_readers(first.process.pid)), "a reader to begin")
            time.sleep(0.5)
            first.kill()
        assert set(_states(here)) <= {S.CONFIRMED, S.APPROVED, S.IN_REVIEW}
        here.audited()
        with here.start("courier") as second:
            wait_for(lambda: not waiting(), "all letters to be read", seconds=60)
            wait_for(lambda: not _readers(second.process.pid), "the readers to end")
            assert _megabytes(second.process.pid) < _COURIER_MEGABYTES
            assert second.stop() < 10
    states = _states(here)
    assert states.get(S.CONFIRMED, 0) == 0
    assert sum(states.values()) == _LETTERS
    found = here.audited()
    assert found["approved"] == _LETTERS - states.get(S.IN_REVIEW, 0)


def _megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
