"""The journal: what it says after a crash, at whatever byte the crash came."""

import os
from pathlib import Path

import pytest

from dispatcher.adapters import journal
from dispatcher.adapters.journal import JournalFolder
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.journal import JournalPage

ONE, TWO, THREE, FOUR = (DeliveryId(number) for number in range(1, 5))
TAKEN = Outcome(
    kind=OutcomeKind.ACCEPTED, code=250, enhanced_code="2.0.0", reply="queued as 4bXq2", provider_ref="4bXq2"
)
DOWN = Outcome(kind=OutcomeKind.DEFERRED, reply="There is no connection to the relay", relay=True)


def left_by(folder: Path, courier: str = "dead") -> JournalPage:
    (page,) = JournalFolder(folder, "alive").left_behind([courier])
    return page


def file_of(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_page_tells_what_went_and_what_was_answered(tmp_path: Path) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([ONE, TWO], [])
    page.write([THREE], [(ONE, TAKEN), (TWO, DOWN)])
    found = left_by(tmp_path)
    assert (found.courier, found.lease, found.complete) == ("dead", "a-lease", True)
    assert found.going == {ONE, TWO, THREE}
    assert set(found.answers) == {ONE, TWO}
    one, two = found.answers[ONE], found.answers[TWO]
    assert (one.kind, one.code, one.enhanced_code, one.provider_ref) == (TAKEN.kind, 250, "2.0.0", "4bXq2")
    assert (two.kind, two.code, two.relay) == (DOWN.kind, None, True)


def test_what_many_were_answered_alike_stands_with_each_of_them(tmp_path: Path) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([ONE, TWO, THREE, FOUR], [])
    page.write([], [(ONE, TAKEN), (TWO, TAKEN)])
    page.write([], [(THREE, DOWN), (FOUR, TAKEN)])
    kinds = {id: outcome.kind for id, outcome in left_by(tmp_path).answers.items()}
    assert kinds == {ONE: TAKEN.kind, TWO: TAKEN.kind, THREE: DOWN.kind, FOUR: TAKEN.kind}


def test_words_of_the_far_end_are_not_written_down(tmp_path: Path) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([ONE], [(ONE, Outcome(kind=OutcomeKind.REFUSED, code=550, reply="no jane@example.org here"))])
    assert b"jane" not in file_of(tmp_path).read_bytes()


def test_answers_and_departures_of_one_turn_are_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    writes: list[bytes] = []
    real = os.write

    def write(to: int, data: bytes) -> int:
        writes.append(data)
        return real(to, data)

    monkeypatch.setattr(os, "write", write)
    page.write([TWO, THREE], [(ONE, TAKEN)])
    assert writes == [b"A 1 accepted 250 2.0.0 - 4bXq2\nG 2 3\n"]


def test_a_record_that_is_torn_does_not_count_wherever_it_is_torn(tmp_path: Path) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([ONE], [])
    whole = file_of(tmp_path).read_bytes()
    page.write([TWO], [(ONE, TAKEN)])
    longer = file_of(tmp_path).read_bytes()
    answered_at = longer.index(b"\n", len(whole)) + 1
    for length in range(len(whole), len(longer)):
        file_of(tmp_path).write_bytes(longer[:length])
        found = left_by(tmp_path)
        assert found.complete
        assert found.going == {ONE}
        assert set(found.answers) == ({ONE} if length >= answered_at else set())


def test_after_a_new_start_of_the_machine_what_is_not_written_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([TWO], [(ONE, TAKEN)])
    monkeypatch.setattr(journal, "boot_id", lambda: "another")
    found = left_by(tmp_path)
    assert not found.complete
    assert (set(found.going), set(found.answers)) == ({TWO}, {ONE})


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\x00\xff\x00", b"a file of somebody else\n", b"dispatcher-jour"]
)
def test_a_file_that_cannot_be_read_knows_nothing_and_is_no_stumbling_block(
    tmp_path: Path, content: bytes
) -> None:
    JournalFolder(tmp_path, "dead").open("a-lease")
    file_of(tmp_path).write_bytes(content)
    found = left_by(tmp_path)
    assert (found.complete, found.going, found.answers) == (False, frozenset(), {})


@pytest.mark.parametrize("line", ["G one", "A 1", "A 1 perhaps 250 - - -", "X 1", "A x accepted 250 - - -"])
def test_a_line_that_makes_no_sense_makes_the_page_incomplete(tmp_path: Path, line: str) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([ONE], [])
    with file_of(tmp_path).open("a") as file:
        file.write(line + "\n")
    assert not left_by(tmp_path).complete
    assert ONE in left_by(tmp_path).going


def test_a_page_that_is_done_leaves_no_file(tmp_path: Path) -> None:
    page = JournalFolder(tmp_path, "dead").open("a-lease")
    page.write([ONE], [(ONE, TAKEN)])
    page.close()
    assert list(tmp_path.iterdir()) == []


def test_ones_own_pages_are_not_those_of_the_dead(tmp_path: Path) -> None:
    mine = JournalFolder(tmp_path, "alive")
    mine.open("a-lease")
    JournalFolder(tmp_path, "another").open("b-lease")
    assert mine.left_behind(["dead"]) == []
    assert [page.courier for page in mine.left_behind()] == ["another"]


def test_a_full_disk_is_told_and_not_taken_for_a_written_record() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no /dev/full")
    page = object.__new__(journal.JournalFile)
    with full.open("wb", buffering=0) as file:
        page._descriptor = file.fileno()
        with pytest.raises(OSError, match="No space left"):
            page.write([ONE], [])
