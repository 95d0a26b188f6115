"""The whole day on a simulated clock, in a folder of its own."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.audit import audit
from dispatcher.services.rehearsal import Rehearsal
from dispatcher.settings import Settings
from dispatcher.wiring import DataFolderUnusable, make_rehearsal
from tests.installation import RUDE, THREAT, Installation, draft, settings_for, shut, write_campaign

D = DeliveryState
DAY = date(2027, 9, 24)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings with the shipped directory, for a rehearsal makes a database of its own."""
    folder = tmp_path / "own"
    write_campaign(folder / "campaigns", pace=2)
    return settings_for(folder, "")


@pytest.fixture
def rehearsal(own: Settings) -> Iterator[Rehearsal]:
    made = make_rehearsal(own, DAY)
    yield made
    shut(made.house)


def test_letters_go_out_in_office_hours_and_late_missions_are_told_with_their_finish(
    rehearsal: Rehearsal,
) -> None:
    phases: list[tuple[str, int, int]] = []
    drafts = [
        *(draft(number, country="DE") for number in range(1, 19)),  # two days' worth at 2 an hour
        draft(30, country="GB"),
        draft(31, country="GB", letter=THREAT),
        draft(32, country="GB", letter=RUDE),
        draft(33, country="nowhere"),
    ]
    result = rehearsal.play(drafts, lambda *phase: phases.append(phase))
    assert (result.day, result.taken, result.in_review, len(result.refusals)) == (DAY, 20, 1, 2)
    (late,) = result.late
    assert (late.mission, late.letters, late.on_the_day) == ("cn-de-berlin", 18, 16)
    assert late.finishes == datetime(2027, 9, 27, 7, 30, tzinfo=UTC)
    states = sum((Counter(states) for states in result.by_region.values()), Counter[DeliveryState]())
    assert states[D.ACCEPTED] == 17 and states[D.QUEUED] == 2
    assert phases[0] == ("Reading letters", 22, 22)
    assert all(0 <= done <= of for _, done, of in phases)
    assert rehearsal.house.mailroom is not None
    pieces = rehearsal.house.mailroom.pieces()
    assert len(pieces) == 17
    mail = rehearsal.house.mailroom.read(
        next(piece for piece in pieces if piece.files[0].endswith(".eml")).files[0]
    )
    assert mail is not None and b"travel on in safety" in mail
    with rehearsal.house.store.read() as work:
        found = audit(work.ledger)
    assert found.ok and (found.chain.blocks, found.chain.unsealed) == (1, 0)


def test_a_rehearsal_begins_afresh_each_time(own: Settings, rehearsal: Rehearsal) -> None:
    rehearsal.play([draft(1, country="GB")], lambda *_: None)
    shut(rehearsal.house)
    again = make_rehearsal(own, DAY)
    assert again.play([draft(1, country="GB")], lambda *_: None).taken == 1
    shut(again.house)


def test_a_rehearsal_touches_nothing_of_the_installations_own(home: Installation, tmp_path: Path) -> None:
    (id,) = home.take()
    before = (home.letter(id), home.deliveries(id))
    key = (tmp_path / "data" / "secret.key").read_bytes()
    made = make_rehearsal(home.settings, DAY)
    made.play([draft(1, country="GB")], lambda *_: None)
    shut(made.house)
    assert (home.letter(id), home.deliveries(id)) == before
    assert (tmp_path / "data" / "secret.key").read_bytes() == key
    assert (tmp_path / "data" / "rehearsal" / "dispatcher.sqlite3").exists()


def test_a_folder_that_is_not_a_rehearsals_own_is_not_emptied(own: Settings) -> None:
    precious = own.data / "rehearsal" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    with pytest.raises(DataFolderUnusable, match="not emptied"):
        make_rehearsal(own, DAY)
    assert precious.read_text() == "mine"


def test_a_rehearsal_never_uses_the_configured_relay_or_live_mode(own: Settings) -> None:
    live = own.model_copy(update={"mode": own.mode.__class__("live")})
    made = make_rehearsal(live, DAY)
    assert not made.house.live
    assert type(made.courier.transport).__name__ == "MailroomTransport"
    shut(made.house)
