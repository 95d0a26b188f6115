"""The states of a letter."""

import pytest

from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.letter import LETTER_MOVES, STANDING, LetterState, check_letter_move

S = LetterState


def test_every_state_is_in_the_table() -> None:
    assert set(LETTER_MOVES) == set(S)


def test_only_a_confirmed_letter_can_be_approved_and_only_an_approved_one_leaves() -> None:
    assert {old for old in S if S.APPROVED in LETTER_MOVES[old]} == {S.CONFIRMED, S.IN_REVIEW}
    assert {old for old in S if S.CONFIRMED in LETTER_MOVES[old]} == {S.SUBMITTED}
    assert {old for old in S if S.DISPATCHED in LETTER_MOVES[old]} == {S.APPROVED}


def test_a_letter_can_be_taken_back_until_it_has_left() -> None:
    ends = {state for state in S if not LETTER_MOVES[state]}
    assert ends == {S.DISPATCHED, S.WITHDRAWN, S.REJECTED, S.EXPIRED}
    assert {old for old in S if S.WITHDRAWN in LETTER_MOVES[old]} == set(S) - ends


def test_only_a_letter_that_nobody_confirmed_expires() -> None:
    assert {old for old in S if S.EXPIRED in LETTER_MOVES[old]} == {S.SUBMITTED}


def test_a_letter_stands_from_its_writers_yes_on() -> None:
    assert set(S) - {S.SUBMITTED, S.WITHDRAWN, S.REJECTED, S.EXPIRED} == STANDING


@pytest.mark.parametrize("old", list(S))
def test_the_check_is_the_table(old: LetterState) -> None:
    for new in S:
        if new in LETTER_MOVES[old]:
            check_letter_move(old, new)
        else:
            with pytest.raises(IllegalMove, match=f"from {old.value} to {new.value}"):
                check_letter_move(old, new)
