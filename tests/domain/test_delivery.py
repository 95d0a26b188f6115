"""The states of a delivery: what the table promises."""

import pytest

from dispatcher.domain.delivery import (
    DELIVERY_MOVES,
    LIVE,
    OPENS_NEXT_CHANNEL,
    PAUSES,
    WITH_MISSION,
    DeliveryState,
    HoldReason,
    check_delivery_move,
    remedy,
)
from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.mission import Channel

S = DeliveryState


def reachable(start: DeliveryState) -> set[DeliveryState]:
    found: set[DeliveryState] = set()
    open_ones = [start]
    while open_ones:
        for new in DELIVERY_MOVES[open_ones.pop()] - found:
            found.add(new)
            open_ones.append(new)
    return found


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    assert set(DELIVERY_MOVES) == set(S)
    assert reachable(S.QUEUED) | {S.QUEUED} == set(S)


def test_nothing_goes_on_the_wire_without_a_claim() -> None:
    assert {old for old in S if S.SENDING in DELIVERY_MOVES[old]} == {S.QUEUED, S.LEASED}
    assert {old for old in S if S.LEASED in DELIVERY_MOVES[old]} == {S.QUEUED}


def test_what_the_mission_has_never_goes_back_into_the_queue() -> None:
    for state in WITH_MISSION:
        assert S.QUEUED not in reachable(state)
        assert S.SENDING not in reachable(state)


def test_only_a_fax_is_given_back_by_whoever_took_it() -> None:
    for channel in (None, *Channel):
        for new in (S.QUEUED, S.FAILED, S.IN_DOUBT):
            if channel is Channel.FAX:
                check_delivery_move(S.ACCEPTED, new, channel)
            else:
                with pytest.raises(IllegalMove):
                    check_delivery_move(S.ACCEPTED, new, channel)
            with pytest.raises(IllegalMove):
                check_delivery_move(S.DELIVERED, new, channel)


def test_only_what_was_on_the_wire_can_arrive() -> None:
    for state in WITH_MISSION:
        assert {old for old in S if state in DELIVERY_MOVES[old]} <= {S.SENDING, S.IN_DOUBT, S.ACCEPTED}


def test_what_is_on_the_wire_or_in_doubt_is_not_called_off() -> None:
    assert {old for old in S if S.CANCELLED in DELIVERY_MOVES[old]} == {S.HELD, S.QUEUED, S.LEASED}


def test_a_letter_is_live_until_it_is_over() -> None:
    over = {state for state in S if not DELIVERY_MOVES[state]}
    assert over == {S.BOUNCED, S.FAILED, S.CANCELLED}
    assert set(S) - over == LIVE
    assert over - {S.CANCELLED} == OPENS_NEXT_CHANNEL


@pytest.mark.parametrize("old", list(S))
def test_the_check_is_the_table(old: DeliveryState) -> None:
    for new in S:
        if new in DELIVERY_MOVES[old]:
            check_delivery_move(old, new)
        else:
            with pytest.raises(IllegalMove, match=f"from {old.value} to {new.value}"):
                check_delivery_move(old, new)


@pytest.mark.parametrize("reason", list(HoldReason))
def test_every_hold_says_what_a_person_can_do(reason: HoldReason) -> None:
    assert remedy(reason).endswith(".") and len(remedy(reason).split()) > 6


def test_pauses_end_by_themselves_and_the_other_holds_do_not() -> None:
    assert {reason for reason in HoldReason if reason.value.endswith("_paused")} == PAUSES
