"""Letters of a file wait until the whole tone check has read them; until then nothing of them goes on."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.domain.tone import Assessment, Category, Finding, Verdict, assessed
from dispatcher.services import second_reading
from dispatcher.services.confirmation import Answer
from dispatcher.services.intake import Draft, Tally
from dispatcher.services.second_reading import SecondReading, Words
from tests.installation import RUDE, Installation, draft

S = LetterState
_FINE = assessed((), language="en")
_DOUBTFUL = Finding(
    rule="sentence-judge", category=Category.DOUBTFUL, severity=Verdict.REVIEW, start=0, end=5, sentence="Your",
    reason="It may be mockery.", advice="Say it plainly.",
)  # fmt: skip


class PowerCut(BaseException):
    """Not to be caught by anything."""


@dataclass
class ScriptedReader:
    """answer: for the words of one letter; None where the reading fails."""

    answer: Callable[[str], Assessment | None] = lambda _: _FINE
    rested: int = 0

    def read(self, letters: Sequence[Words]) -> Generator[tuple[int, Assessment | None]]:
        # The last one first: readers that work side by side keep no order.
        for place, (text, _) in reversed(list(enumerate(letters))):
            yield place, self.answer(text)

    def rest(self) -> None:
        self.rested += 1


def reading(
    home: Installation, answer: Callable[[str], Assessment | None] = lambda _: _FINE
) -> SecondReading:
    return replace(home.house.second_reading, reader=ScriptedReader(answer))


def file_of(home: Installation, count: int = 1, **changes: Any) -> list[LetterId]:
    return home.take(count, read=False, **changes)


def numbered(home: Installation, count: int) -> list[LetterId]:
    """Each with its number in its words."""
    return [
        id
        for number in range(count)
        for id in home.take(1, first=number, read=False, letter=f"Your Excellency, this is plea {number}.")
    ]


def taken_in(home: Installation, *drafts: Draft) -> tuple[int, int]:
    tally = Tally()
    home.house.intake.take_batch(list(enumerate(drafts)), tally, confirmed=True)
    return tally.to_read_again, len(tally.refusals)


def states(home: Installation, ids: Sequence[LetterId]) -> list[LetterState]:
    return [home.letter(id).state for id in ids]


def test_nothing_of_a_waiting_letter_goes_on(home: Installation) -> None:
    ids = file_of(home, 2)
    assert states(home, ids) == [S.CONFIRMED] * 2
    assert home.house.second_reading.waiting() == 2
    assert home.prepare() == 0
    assert home.states() == {}
    with home.house.store.write() as work:
        home.house.dispatch.release(work, home.house.campaigns.active, at=home.clock.now(), now=True)
    assert home.states() == {}
    assert home.audit().ok and home.audit().approved == 0


def test_what_passes_is_approved_with_its_delivery_and_the_log_tells_of_it(home: Installation) -> None:
    ids = file_of(home, 3)
    told: list[tuple[str, int, int]] = []
    outcome = reading(home).read(lambda *words: told.append(words))
    assert (outcome.approved, outcome.in_review, outcome.of_others) == (3, 0, False)
    assert told == [("Reading a second time", done, 3) for done in (1, 2, 3)]
    assert states(home, ids) == [S.APPROVED] * 3
    assert home.states() == {DeliveryState.QUEUED: 3}
    assert all(home.letter(id).approved_at == home.clock.now() for id in ids)
    home.house.sealing.seal_all()
    assert home.audit().ok and home.audit().approved == 3


def test_what_the_second_reading_doubts_waits_for_a_person_who_sees_why(home: Installation) -> None:
    first, second = numbered(home, 2)
    outcome = reading(
        home, lambda text: assessed((_DOUBTFUL,), language="en") if "plea 1" in text else _FINE
    ).read()
    assert (outcome.approved, outcome.in_review) == (1, 1)
    assert states(home, [first, second]) == [S.APPROVED, S.IN_REVIEW]
    letter = home.letter(second)
    assert letter.verdict == "review" and "It may be mockery." in (letter.findings or "")
    assert home.deliveries(second) == []
    assert home.house.moderation.approve(second, by="Mina")
    assert home.delivery(second).state is DeliveryState.QUEUED
    assert home.audit().ok


@pytest.mark.parametrize(
    "found", [None, assessed((replace(_DOUBTFUL, severity=Verdict.REVISE),), language="en")]
)
def test_a_reading_that_fails_or_would_hand_back_gives_the_letter_to_a_person(
    home: Installation, found: Assessment | None
) -> None:
    """The writer is not at hand any more: it neither passes nor is refused."""
    (id,) = file_of(home)
    reading(home, lambda _: found).read()
    assert home.letter(id).state is S.IN_REVIEW
    assert (home.letter(id).verdict, home.states()) == ("review", {})
    if found is None:
        assert "did not answer" in (home.letter(id).findings or "")


def test_the_real_tone_check_reads_where_rules_were_not_enough(home: Installation) -> None:
    """And what the rules hand back was never kept."""
    tally = taken_in(home, draft(1), draft(2, letter=RUDE))
    assert tally == (1, 1)
    assert home.house.second_reading.finish().approved == 1


def test_a_letter_taken_back_while_it_is_read_stays_taken_back(home: Installation) -> None:
    first, second = numbered(home, 2)

    def meanwhile(text: str) -> Assessment:
        if "plea 0" in text:
            assert home.house.confirmation.withdraw(first) is Answer.DONE
        return _FINE

    assert reading(home, meanwhile).read().approved == 1
    assert states(home, [first, second]) == [S.WITHDRAWN, S.APPROVED]
    assert len(home.deliveries(second)) == 1
    assert DeliveryState.CANCELLED not in home.states()
    assert home.audit().ok


def test_after_a_crash_each_letter_is_read_again_or_has_gone_on(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_reading, "BATCH", 2)
    ids = numbered(home, 5)

    def cut(text: str) -> Assessment:
        if "plea 2" in text:
            raise PowerCut
        return _FINE

    with pytest.raises(PowerCut):
        reading(home, cut).read()
    assert states(home, ids) == [S.APPROVED] * 2 + [S.CONFIRMED] * 3
    assert home.audit().ok
    seen: list[str] = []

    def noting(text: str) -> Assessment:
        seen.append(text)
        return _FINE

    reading(home, noting).read()
    assert sorted(text[-7:] for text in seen) == ["plea 2.", "plea 3.", "plea 4."]
    assert states(home, ids) == [S.APPROVED] * 5
    assert home.states() == {DeliveryState.QUEUED: 5}
    assert home.audit().ok


def test_a_crash_while_it_is_written_leaves_all_of_the_batch_waiting(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = numbered(home, 2)

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    monkeypatch.setattr(type(home.house.dispatch), "open_first", cut)
    with pytest.raises(PowerCut):
        reading(home).read()
    monkeypatch.undo()
    assert states(home, ids) == [S.CONFIRMED] * 2
    assert reading(home).read().approved == 2
    assert home.audit().ok


def test_one_process_reads_at_a_time_and_a_command_waits_for_it(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_reading, "_LOOK_SECONDS", 0.02)
    ids = file_of(home, 2)
    here = home.house.second_reading
    told: list[str] = []
    with ThreadPoolExecutor(1) as other:
        with here.turn.taken() as ours:
            assert ours
            assert reading(home).read().of_others
            assert states(home, ids) == [S.CONFIRMED] * 2
            waits = other.submit(reading(home).finish, lambda words, *_: told.append(words))
            while not told:
                assert not waits.done()
        assert waits.result(30).approved == 2
    assert told[0] == "Another process reads a second time"
    with here.turn.taken() as ours:
        assert ours


def test_it_stops_when_it_is_told_to_and_keeps_what_was_read(home: Installation) -> None:
    numbered(home, 3)
    made = reading(home)

    def stop_after_the_first(_words: str, _done: int, _of: int) -> None:
        made.stop()

    assert made.read(stop_after_the_first).approved == 1
    assert home.house.second_reading.waiting() == 2
    assert isinstance(made.reader, ScriptedReader) and made.reader.rested == 1
    assert made.read().approved == 0  # it was told once and for all


def test_letters_whose_writers_say_yes_by_mail_wait_too_and_those_of_the_form_do_not(
    home: Installation,
) -> None:
    (from_file,) = home.take(1, confirmed=False, read=False)
    from_form = home.submit(2)
    assert home.house.second_reading.waiting() == 0
    for id in (from_file, from_form):
        assert home.house.confirmation.confirm(id) is Answer.DONE
    assert states(home, [from_file, from_form]) == [S.CONFIRMED, S.APPROVED]
    assert home.house.confirmation.confirm(from_file) is Answer.ALREADY
    assert reading(home).read().approved == 1
    assert home.audit().ok


def test_a_second_letter_to_the_same_mission_is_a_double_of_one_that_waits(home: Installation) -> None:
    file_of(home)
    again = home.submit(1)
    assert home.house.confirmation.confirm(again) is Answer.DOUBLE
    assert taken_in(home, draft(1)) == (0, 1)


def test_a_waiting_letter_can_be_erased(home: Installation) -> None:
    (id,) = file_of(home)
    assert home.house.confirmation.erase("jane.doe.1@supporters.example.org") == 1
    assert (home.letter(id).state, home.letter(id).text) == (S.WITHDRAWN, None)
    assert reading(home).read().approved == 0
    assert home.audit().ok
