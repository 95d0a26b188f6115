"""When a number is called again, and what a carrier's word is worth."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dispatcher.domain.fax_result import CallEnd
from dispatcher.domain.fax_schedule import GIVE_UP_AFTER, MOST_CALLS, WAITS, Call, judge, next_call

START = datetime(2027, 9, 24, 9, tzinfo=UTC)
E = CallEnd


def waits(*ends: CallEnd) -> list[float]:
    """Minutes from the first call to each later one, as the schedule has it; calls take no time."""
    calls: list[Call] = []
    now = START
    minutes: list[float] = []
    for end in ends:
        calls.append(Call(at=now, end=end))
        again = next_call(calls, now)
        if again is None:
            return minutes
        now = again
        minutes.append((now - START).total_seconds() / 60)
    return minutes


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([E.BUSY] * 9, [3, 9, 19, 39, 59]),
        ([E.NO_ANSWER] * 9, [5, 20]),
        ([E.LINE_ERROR] * 9, [1, 6]),
        ([E.PARTIAL] * 9, [5]),
        ([E.NO_FAX] * 9, [15]),
        ([E.BAD_NUMBER], []),
        ([E.REJECTED], []),
        ([E.UNKNOWN], []),
        ([E.BUSY, E.NO_ANSWER, E.BUSY, E.LINE_ERROR], [3, 8, 14, 15]),
    ],
)
def test_each_end_has_its_own_waits(ends: list[CallEnd], expected: list[float]) -> None:
    assert waits(*ends) == expected


def test_faults_on_our_side_use_up_none_of_the_calls() -> None:
    ends = [E.OUR_SIDE] * 20
    assert len(waits(*ends)) == 20
    calls = [Call(at=START + timedelta(hours=k), end=E.OUR_SIDE) for k in range(20)]
    now = calls[-1].at
    again = next_call([*calls, Call(at=now, end=E.BUSY)], now)
    assert again == now + timedelta(minutes=3)


def test_the_night_does_not_use_up_the_hours() -> None:
    evening = Call(at=START, end=E.BUSY)
    morning = START + timedelta(hours=16)
    assert next_call([evening, Call(at=morning, end=E.BUSY)], morning) == morning + timedelta(minutes=6)
    late = START + GIVE_UP_AFTER
    assert next_call([evening, Call(at=late, end=E.BUSY)], late) is None


@given(some.lists(some.sampled_from(list(CallEnd)), min_size=1, max_size=60))
def test_no_letter_is_called_about_for_ever(ends: list[CallEnd]) -> None:
    made = waits(*ends)
    own = sum(end is not E.OUR_SIDE for end in ends[: len(made)])
    assert own < MOST_CALLS
    assert len(made) <= sum(len(each) for each in WAITS.values())


@pytest.mark.parametrize(
    ("said", "sent", "confirmed", "end", "words"),
    [
        (E.DELIVERED, 3, 3, E.DELIVERED, "3 of 3 pages confirmed. Ok."),
        (E.DELIVERED, 3, 1, E.PARTIAL, "1 of 3 pages confirmed. Ok."),
        (E.DELIVERED, 3, 0, E.LINE_ERROR, "0 of 3 pages confirmed. Ok."),
        (E.DELIVERED, 1, None, E.DELIVERED, "1 page, not counted by the carrier. Ok."),
        (E.DELIVERED, 2, 3, E.DELIVERED, "3 of 2 pages confirmed. Ok."),
        (E.LINE_ERROR, 3, 1, E.PARTIAL, "1 of 3 pages confirmed. Ok."),
        (E.LINE_ERROR, 3, None, E.LINE_ERROR, "Ok."),
        (E.UNKNOWN, 3, 2, E.UNKNOWN, "2 of 3 pages confirmed. Ok."),
        (E.UNKNOWN, 3, 1, E.PARTIAL, "1 of 3 pages confirmed. Ok."),
        (E.BUSY, 3, None, E.BUSY, "Ok."),
    ],
)
def test_delivered_is_a_fax_of_which_every_page_arrived(
    said: CallEnd, sent: int, confirmed: int | None, end: CallEnd, words: str
) -> None:
    result = judge(said, sent=sent, confirmed=confirmed, words="ok")
    assert (result.end, result.words) == (end, words)
    assert (result.end is E.DELIVERED) == (result.pages_confirmed >= sent)
