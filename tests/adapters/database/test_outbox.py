"""The queue's contract, on both engines: what the couriers rely on."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from dispatcher.adapters.database.ledger import LedgerTables
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.delivery import (
    DELIVERY_MOVES,
    OPENS_NEXT_CHANNEL,
    UNLOGGED,
    DeliveryId,
    DeliveryState,
    HoldReason,
    Notice,
    as_logged,
)
from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Attempt, Outcome
from dispatcher.services.audit import audit
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import Claimed, LogFilter, Settlement, StoreConflict
from tests.adapters.database.conftest import CAMPAIGN, Stock, page
from tests.installation import ACCEPTED, NO_ANSWER, NOON, THE_HAGUE, TOKYO

S = DeliveryState
LATER = NOON + timedelta(hours=1)


def settlement(
    id: DeliveryId, new: DeliveryState = S.ACCEPTED, *, lease: str = "lease-1", outcome: Outcome = ACCEPTED
) -> Settlement:
    return Settlement(
        delivery=id,
        lease=lease,
        attempt=Attempt(at=NOON, ended_at=NOON + timedelta(seconds=2), outcome=outcome),
        new=new,
        due_at=LATER if new is S.QUEUED else None,
    )


def settle(store: DatabaseStore, *results: Settlement) -> set[DeliveryId]:
    with store.write() as work:
        return work.outbox.settle(results, at=NOON, by="test")


def attempts(store: DatabaseStore) -> int:
    with store.read() as work:
        return sum(len(row.attempts) for row in work.outbox.log(LogFilter()))


def log_is_sound(store: DatabaseStore) -> bool:
    with store.read() as work:
        return not any(broken.rule == "log" for broken in audit(work.ledger).broken)


# Claiming.


def test_a_claim_takes_the_longest_due_first_and_no_more_than_it_may(stock: Stock) -> None:
    ids = stock.queued(9, due_at=NOON, apart=-timedelta(minutes=1))
    assert [row.id for row in stock.claim(limit=4)] == ids[::-1][:4]
    assert [row.id for row in stock.claim(limit=100, lease="lease-2")] == ids[::-1][4:]
    assert stock.claim(lease="lease-3") == []


def test_a_claimed_row_carries_its_lease_and_its_letter_of_the_log(stock: Stock) -> None:
    (id,) = stock.queued()
    (row,) = stock.claim()
    kept = stock.get(row.id)
    assert (kept.state, kept.lease, kept.tries, kept.first_try_at) == (S.SENDING, "lease-1", 1, NOON)
    assert stock.story(id) == [(None, "queued")]  # the attempt will say when it was on the wire


def test_what_is_not_due_not_rendered_or_held_is_not_claimed(stock: Stock) -> None:
    stock.queued(due_at=NOON + timedelta(microseconds=1))
    stock.queued(rendered=False)
    stock.queued(held=HoldReason.NO_CARRIER)
    (due,) = stock.queued(due_at=NOON)
    assert [row.id for row in stock.claim()] == [due]


def test_notices_and_letters_are_claimed_apart(stock: Stock) -> None:
    letters, notices = stock.queued(2), stock.notices(3)
    assert sorted(row.id for row in stock.claim(notices=True)) == notices
    assert sorted(row.id for row in stock.claim(notices=False)) == letters


@pytest.mark.parametrize(
    ("scope", "key"),
    [(PauseScope.ALL, "*"), (PauseScope.CAMPAIGN, CAMPAIGN), (PauseScope.MISSION, THE_HAGUE)],
)
def test_a_letter_that_comes_in_during_a_pause_is_not_claimed(
    stock: Stock, scope: PauseScope, key: str
) -> None:
    stock.pause(scope, key)
    (late,) = stock.queued()
    assert stock.claim() == []
    stock.lift(scope, key)
    assert [row.id for row in stock.claim()] == [late]


def test_a_pause_of_another_mission_holds_nothing_here(stock: Stock) -> None:
    stock.pause(PauseScope.MISSION, TOKYO)
    assert [row.id for row in stock.claim()] == [] == stock.queued(0)
    stock.queued()
    assert len(stock.claim()) == 1


def test_mails_to_supporters_are_held_back_by_a_pause_of_everything_only(stock: Stock) -> None:
    stock.notices()
    stock.pause(PauseScope.ALL)
    assert stock.claim(notices=True) == []
    stock.lift(PauseScope.ALL)
    stock.pause(PauseScope.CAMPAIGN, CAMPAIGN)
    assert len(stock.claim(notices=True)) == 1


def test_couriers_that_claim_at_once_never_get_the_same_row_and_never_too_many(
    store: DatabaseStore, stock: Stock
) -> None:
    ids = stock.queued(200, apart=-timedelta(seconds=1))
    together = Barrier(4)

    def claim_all(courier: int) -> list[list[Claimed]]:
        together.wait()
        batches: list[list[Claimed]] = []
        for turn in range(100):
            batch = stock.claim(limit=7, lease=f"lease-{courier}-{turn}", courier=f"courier-{courier}")
            if not batch:
                return batches
            assert {stock.get(row.id).lease for row in batch} == {f"lease-{courier}-{turn}"}
            batches.append(batch)
        raise AssertionError("the queue never ran empty")

    with ThreadPoolExecutor(4) as crew:
        batches = [batch for work in crew.map(claim_all, range(4)) for batch in work]
    assert max(len(batch) for batch in batches) <= 7
    got = [row.id for batch in batches for row in batch]
    assert len(got) == len(set(got))
    # On PostgreSQL a courier may go home while another still holds the last rows; nobody takes them twice.
    assert set(got) == set(ids)


# The line of what waits.


class _Undone(Exception):
    pass


def out_of_line(store: DatabaseStore, *statements: str) -> list[int]:
    """What the audit would find after these, which are undone again."""
    with suppress(_Undone), store.database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
        found = list(LedgerTables(connection).deliveries_out_of_line())
        raise _Undone
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM queue",
        "UPDATE queue SET due_at = due_at + 1",
        "UPDATE queue SET recipient = 'somebody@else.example'",
        "UPDATE queue SET rendering = NULL",
        "UPDATE queue SET mission = NULL",
    ],
)
def test_who_waits_without_a_place_or_at_a_wrong_one_is_found(
    store: DatabaseStore, stock: Stock, statement: str
) -> None:
    (id,) = stock.queued()
    assert out_of_line(store) == []
    assert out_of_line(store, statement) == [id]


def test_what_is_on_the_wire_is_found_once_no_lease_names_it(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    assert out_of_line(store) == []
    assert out_of_line(store, "DELETE FROM leases") == [id]
    assert out_of_line(store, "UPDATE leases SET deliveries = '[]'") == [id]


def test_what_goes_back_to_the_queue_is_no_leases_any_more(store: DatabaseStore, stock: Stock) -> None:
    """Else the end of the old lease would put into doubt what another courier has by then."""
    again, handed_back, going = stock.on_the_wire(3, lease="lease-1")
    settle(store, settlement(again, S.QUEUED))
    with store.write() as work:
        work.outbox.hand_back([handed_back], lease="lease-1", at=NOON, by="test", reason="not_begun")
    assert {row.id for row in stock.claim(now=LATER, lease="lease-2", courier="courier-2")} == {
        again,
        handed_back,
    }
    with store.write() as work:
        assert work.outbox.recover(now=NOON, dead=["courier-1"], by="clock") == 1
    assert [stock.get(id).state for id in (again, handed_back, going)] == [S.SENDING, S.SENDING, S.IN_DOUBT]


# Starting.


def start(store: DatabaseStore, ids: list[DeliveryId], lease: str) -> set[DeliveryId]:
    with store.write() as work:
        return work.outbox.start(ids, courier="c", lease=lease, until=NOON + timedelta(minutes=15), at=NOON)


def test_only_what_is_queued_is_started_and_only_that_is_logged(store: DatabaseStore, stock: Stock) -> None:
    (going,) = stock.on_the_wire()
    (waiting,) = stock.queued()
    (held,) = stock.queued(held=HoldReason.NO_CARRIER)
    assert start(store, [going, waiting, held], "lease-2") == {waiting}
    assert (stock.get(going).lease, stock.get(going).tries) == ("lease-1", 1)
    assert stock.get(held).tries == 0
    assert log_is_sound(store)


def test_a_row_is_not_started_once_its_mission_is_paused(store: DatabaseStore, stock: Stock) -> None:
    here, there = stock.queued(1), stock.queued(1, mission=TOKYO)
    stock.pause(PauseScope.MISSION, THE_HAGUE)
    assert start(store, here + there, "lease-2") == set(there)
    assert stock.get(here[0]).tries == 0
    assert log_is_sound(store)


def test_what_its_missions_pace_does_not_let_through_stays_queued_with_a_later_hour(
    store: DatabaseStore, stock: Stock
) -> None:
    (id,) = stock.queued()
    with store.write() as work:
        work.outbox.postpone({id: LATER})
    assert (stock.get(id).state, stock.get(id).due_at) == (S.QUEUED, LATER)
    assert stock.story(id) == [(None, "queued")]


def test_the_first_try_is_remembered_through_the_later_ones(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    settle(store, settlement(id, S.QUEUED))
    stock.claim(now=LATER, lease="lease-2")
    row = stock.get(id)
    assert (row.first_try_at, row.tries) == (NOON, 2)


# Settling.


def test_a_settled_row_has_its_state_its_attempt_and_its_step_in_the_log(
    store: DatabaseStore, stock: Stock
) -> None:
    (id,) = stock.on_the_wire()
    assert settle(store, settlement(id)) == {id}
    row = stock.get(id)
    assert (row.state, row.lease) == (S.ACCEPTED, None)
    with store.read() as work:
        ((attempt,),) = [each.attempts for each in work.outbox.log(LogFilter())]
    assert attempt == Attempt(at=NOON, ended_at=NOON + timedelta(seconds=2), outcome=ACCEPTED)
    assert stock.story(id)[-1] == ("queued", "accepted")


def test_a_row_is_settled_by_its_own_lease_only(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    assert settle(store, settlement(id, lease="another")) == set()
    assert (stock.get(id).state, attempts(store)) == (S.SENDING, 0)


def test_a_second_answer_for_a_settled_row_changes_nothing(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    settle(store, settlement(id))
    assert settle(store, settlement(id, S.FAILED)) == set()
    assert (stock.get(id).state, attempts(store)) == (S.ACCEPTED, 1)


def test_a_row_in_doubt_is_settled_by_the_late_answer_of_its_own_try(
    store: DatabaseStore, stock: Stock
) -> None:
    (id,) = stock.on_the_wire(lease="mine")
    with store.write() as work:
        assert work.outbox.recover(now=NOON + timedelta(hours=1), dead=(), by="clock") == 1
    assert settle(store, settlement(id, lease="another")) == set()
    assert settle(store, settlement(id, lease="mine")) == {id}
    assert stock.get(id).state is S.ACCEPTED
    assert stock.story(id)[-2:] == [("queued", "in_doubt"), ("in_doubt", "accepted")]


def test_an_answer_that_comes_after_a_person_has_decided_changes_nothing(
    store: DatabaseStore, stock: Stock
) -> None:
    (id,) = stock.on_the_wire(lease="mine")
    settle(store, settlement(id, S.IN_DOUBT, lease="mine", outcome=NO_ANSWER))
    with store.write() as work:
        work.outbox.move([id], S.QUEUED, at=NOON, by="Mina", due_at=LATER)
    assert settle(store, settlement(id, lease="mine")) == set()
    assert stock.get(id).state is S.QUEUED


def test_an_illegal_settlement_raises_and_nothing_of_the_batch_is_kept(
    store: DatabaseStore, stock: Stock
) -> None:
    good, bad = stock.on_the_wire(2)
    with pytest.raises(IllegalMove):
        settle(store, settlement(good), settlement(bad, S.BOUNCED))
    assert stock.states() == {"sending": 2}
    assert attempts(store) == 0


def test_a_deferred_row_waits_in_the_queue_with_its_new_hour(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    settle(store, settlement(id, S.QUEUED))
    assert (stock.get(id).due_at, stock.get(id).lease) == (LATER, None)
    assert stock.claim(now=LATER - timedelta(seconds=1)) == []
    assert len(stock.claim(now=LATER)) == 1


# Moves and the log.


def test_a_move_follows_the_table_and_nothing_else(stock: Stock, store: DatabaseStore) -> None:
    for old in S:
        for id, new in zip(stock.queued(len(S)), S, strict=True):
            _lead_to(store, id, old)
            told = len(stock.story(id))
            if new in DELIVERY_MOVES[old]:
                with store.write() as work:
                    work.outbox.move([id], new, at=NOON, by="test")
                assert stock.get(id).state is new
                logged = [] if new in UNLOGGED else [(as_logged(old).value, new.value)]
                assert stock.story(id)[told:] == logged
            else:
                with pytest.raises(IllegalMove), store.write() as work:
                    work.outbox.move([id], new, at=NOON, by="test")
                assert stock.get(id).state is old
                assert len(stock.story(id)) == told


_WAYS: dict[DeliveryState, list[DeliveryState]] = {
    S.QUEUED: [],
    S.HELD: [S.HELD],
    S.LEASED: [S.LEASED],
    S.SENDING: [S.LEASED, S.SENDING],
    S.ACCEPTED: [S.LEASED, S.SENDING, S.ACCEPTED],
    S.DELIVERED: [S.LEASED, S.SENDING, S.DELIVERED],
    S.BOUNCED: [S.LEASED, S.SENDING, S.ACCEPTED, S.BOUNCED],
    S.FAILED: [S.LEASED, S.SENDING, S.FAILED],
    S.IN_DOUBT: [S.LEASED, S.SENDING, S.IN_DOUBT],
    S.CANCELLED: [S.CANCELLED],
}


def _lead_to(store: DatabaseStore, id: DeliveryId, state: DeliveryState) -> None:
    for step in _WAYS[state]:
        with store.write() as work:
            work.outbox.move([id], step, at=NOON, by="test")


def test_one_illegal_move_among_many_stops_them_all(store: DatabaseStore, stock: Stock) -> None:
    ids = stock.queued(3)
    _lead_to(store, ids[1], S.FAILED)
    with pytest.raises(IllegalMove), store.write() as work:
        work.outbox.move(ids, S.CANCELLED, at=NOON, by="test")
    assert stock.states() == {"queued": 2, "failed": 1}


def test_more_rows_are_moved_at_once_than_a_statement_has_places_for(
    store: DatabaseStore, stock: Stock
) -> None:
    (id,) = stock.queued()
    others = [DeliveryId(number) for number in range(10_000, 76_000)]
    with store.write() as work:
        work.outbox.move([id, *others], S.CANCELLED, at=NOON, by="test")
    assert stock.get(id).state is S.CANCELLED


@pytest.mark.parametrize("seed", range(4))
def test_the_log_replayed_is_the_state_after_any_history(
    store: DatabaseStore, stock: Stock, seed: int
) -> None:
    """Couriers, crashes, pauses, recalls and answers in any order."""
    chance = random.Random(seed)
    ids = stock.queued(12, apart=timedelta(minutes=1))
    now = NOON
    leases: dict[DeliveryId, str] = {}
    for step in range(60):
        now += timedelta(minutes=chance.randrange(20))
        lease = f"lease-{step}"
        match chance.randrange(9):
            case 0 | 1 | 2:
                rows = stock.claim(
                    now=now, limit=3, lease=lease, courier=f"c{step % 3}", until=now + timedelta(minutes=15)
                )
                leases |= {row.id: lease for row in rows}
            case 3 | 4 | 5:
                results = [
                    settlement(id, chance.choice([S.ACCEPTED, S.QUEUED, S.FAILED, S.IN_DOUBT]), lease=mine)
                    for id, mine in leases.items()
                    if stock.get(id).state is S.SENDING
                ]
                settle(store, *results)
            case 6:
                with store.write() as work:
                    work.outbox.recover(now=now, dead=[f"c{step % 3}"], by="recovery")
            case 7:
                stock.pause(PauseScope.MISSION, THE_HAGUE)
                if chance.random() < 0.8:
                    stock.lift(PauseScope.MISSION, THE_HAGUE)
            case _:
                with store.write() as work:
                    work.outbox.postpone(dict.fromkeys(chance.sample(ids, 3), now))
                    mine = leases.get(ids[0], "none")
                    work.outbox.hand_back(ids[:3], lease=mine, at=now, by="test", reason="not_begun")
    for id in ids:
        state: str | None = None
        for old, new in stock.story(id):
            assert old == state
            state = new
        assert state == stock.get(id).state.value
    assert log_is_sound(store)


# One channel at a time.


def test_a_letter_is_never_on_two_channels_at_once(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.queued()
    letter = stock.get(id).letter
    with pytest.raises(StoreConflict), store.write() as work:
        work.outbox.add([stock.new_delivery(letter, channel=Channel.FAX)], at=NOON, by="test")
    assert stock.states() == {"queued": 1}


def test_the_next_channel_opens_when_a_delivery_is_over_and_not_before(
    store: DatabaseStore, stock: Stock
) -> None:
    over = {*OPENS_NEXT_CHANNEL, S.CANCELLED}
    for id, state in zip(stock.queued(len(S)), S, strict=True):
        _lead_to(store, id, state)
        letter = stock.get(id).letter
        if state in over:
            with store.write() as work:
                work.outbox.add([stock.new_delivery(letter, channel=Channel.FAX)], at=NOON, by="test")
        for channel in (Channel.FAX, Channel.PAPER):
            with pytest.raises(StoreConflict), store.write() as work:
                work.outbox.add([stock.new_delivery(letter, channel=channel)], at=NOON, by="test")


def test_a_writer_gets_one_mail_of_a_kind_for_a_letter(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.notices(kind=Notice.RECEIPT)
    letter = stock.get(id).letter
    with store.write() as work:
        work.outbox.add([stock.new_delivery(letter, notice=Notice.WITHDRAWN)], at=NOON, by="test")
    with pytest.raises(StoreConflict), store.write() as work:
        work.outbox.add([stock.new_delivery(letter, notice=Notice.RECEIPT)], at=NOON, by="test")


def test_a_message_id_is_used_once(store: DatabaseStore, stock: Stock) -> None:
    one, two = stock.letters(2)
    with pytest.raises(StoreConflict), store.write() as work:
        work.outbox.add(
            [stock.new_delivery(letter, message_id="<same@campaign.example>") for letter in (one, two)],
            at=NOON,
            by="test",
        )


# What a dead courier leaves.


def test_what_a_dead_courier_had_on_the_wire_is_in_doubt(store: DatabaseStore, stock: Stock) -> None:
    (going,) = stock.on_the_wire(courier="dead")
    (others,) = stock.queued()
    stock.claim(lease="lease-3", courier="alive")
    with store.write() as work:
        assert work.outbox.recover(now=NOON, dead=["dead"], by="recovery") == 1
    assert [stock.get(id).state for id in (going, others)] == [S.IN_DOUBT, S.SENDING]
    with store.write() as work:
        assert work.outbox.recover(now=NOON, dead=["dead"], by="recovery") == 0


def test_a_lease_that_ran_out_is_taken_up_and_a_renewed_one_is_not(
    store: DatabaseStore, stock: Stock
) -> None:
    silent, busy = stock.queued(2)
    for id, courier in ((silent, "silent"), (busy, "busy")):
        stock.claim(limit=1, courier=courier, lease=courier)
        assert stock.get(id).state is S.SENDING
    at_the_end = NOON + timedelta(minutes=15)
    with store.write() as work:
        assert work.outbox.recover(now=at_the_end, dead=(), by="clock") == 0
        work.outbox.renew("busy", at_the_end + timedelta(minutes=15))
        assert work.outbox.recover(now=at_the_end + timedelta(seconds=1), dead=(), by="clock") == 1
    assert (stock.get(silent).state, stock.get(busy).state) == (S.IN_DOUBT, S.SENDING)


def test_what_was_never_begun_is_handed_back(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    with store.write() as work:
        work.outbox.hand_back([id], lease="lease-1", at=NOON, by="test", reason="not_begun")
    assert (stock.get(id).state, stock.get(id).due_at, stock.get(id).lease) == (S.QUEUED, NOON, None)
    assert stock.story(id)[-1] == ("queued", "queued")


def test_what_is_not_ours_any_more_is_not_handed_back_and_the_log_says_nothing_of_it(
    store: DatabaseStore, stock: Stock
) -> None:
    settled, others, mine = stock.queued(3)
    stock.claim(lease="mine")
    with store.write() as work:
        work.outbox.move([settled], S.FAILED, at=NOON, by="test")
        work.outbox.move([others], S.QUEUED, at=NOON, by="clock")
    stock.claim(lease="theirs")
    with store.write() as work:
        ids = [settled, others, mine]
        work.outbox.hand_back(ids, lease="mine", at=NOON, by="test", reason="not_begun")
    assert [stock.get(id).state for id in (settled, others, mine)] == [S.FAILED, S.SENDING, S.QUEUED]
    assert stock.story(settled)[-1] == ("queued", "failed")
    assert log_is_sound(store)


# Pauses.


def test_a_pause_holds_what_is_queued_and_its_end_lets_it_go_on(stock: Stock) -> None:
    here, there = stock.queued(2), stock.queued(1, mission=TOKYO)
    assert stock.pause(PauseScope.MISSION, THE_HAGUE) == (2, 0)
    assert {stock.get(id).reason for id in here} == {"mission_paused"}
    assert stock.get(there[0]).state is S.QUEUED
    assert stock.lift(PauseScope.MISSION, THE_HAGUE) == (0, 2)
    assert {(stock.get(id).state, stock.get(id).reason) for id in here} == {(S.QUEUED, None)}


def test_a_letter_goes_on_only_when_the_last_of_its_pauses_is_lifted(stock: Stock) -> None:
    (id,) = stock.queued()
    stock.pause(PauseScope.MISSION, THE_HAGUE)
    stock.pause(PauseScope.CAMPAIGN, CAMPAIGN)
    stock.pause(PauseScope.ALL)
    for scope, key in ((PauseScope.MISSION, THE_HAGUE), (PauseScope.ALL, "*")):
        assert stock.lift(scope, key) == (0, 0)
        assert stock.get(id).state is S.HELD
    assert stock.lift(PauseScope.CAMPAIGN, CAMPAIGN) == (0, 1)


def test_a_held_letter_names_a_pause_that_still_stands(stock: Stock) -> None:
    (id,) = stock.queued()
    stock.pause(PauseScope.MISSION, THE_HAGUE)
    stock.pause(PauseScope.ALL)
    stock.lift(PauseScope.MISSION, THE_HAGUE)
    assert stock.get(id).reason == "all_paused"


def test_the_end_of_a_pause_does_not_free_what_is_held_for_another_reason(stock: Stock) -> None:
    (id,) = stock.queued(held=HoldReason.NO_CARRIER)
    stock.pause(PauseScope.ALL)
    assert stock.lift(PauseScope.ALL) == (0, 0)
    assert (stock.get(id).state, stock.get(id).reason) == (S.HELD, "no_carrier")


def test_what_is_on_the_wire_is_let_finish_in_a_pause(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.on_the_wire()
    assert stock.pause(PauseScope.ALL) == (0, 0)
    assert settle(store, settlement(id)) == {id}


# The rest of the queue.


def test_bytes_are_stored_as_they_were_approved_and_only_once(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.queued()
    approved = stock.get(id).rendering
    assert approved is not None
    with store.write() as work:
        work.outbox.rendered([(id, page("something else"))], at=NOON)
    assert stock.get(id).rendering == approved
    with store.read() as work:
        assert work.outbox.content([approved])[approved] == page(f"letter {id}")


def test_only_queued_rows_without_bytes_wait_for_the_stationery_the_soonest_first(
    store: DatabaseStore, stock: Stock
) -> None:
    stock.queued(2)
    stock.queued(held=HoldReason.NO_CONTACT, rendered=False)
    waiting = stock.queued(3, rendered=False, apart=-timedelta(minutes=1))
    with store.read() as work:
        assert [row.id for row in work.outbox.unrendered(2)] == waiting[::-1][:2]


def test_a_new_hour_reaches_what_waits_and_not_what_is_on_the_wire(
    store: DatabaseStore, stock: Stock
) -> None:
    (going,) = stock.on_the_wire()
    (queued,) = stock.queued()
    (held,) = stock.queued(held=HoldReason.NO_CARRIER)
    with store.write() as work:
        work.outbox.reschedule(dict.fromkeys((going, queued, held), LATER), any_hour=True)
    assert [stock.get(id).due_at for id in (going, queued, held)] == [NOON, LATER, LATER]
    assert [stock.get(id).any_hour for id in (going, queued, held)] == [False, True, True]


def test_the_next_due_row_is_the_soonest_of_the_queue(store: DatabaseStore, stock: Stock) -> None:
    with store.read() as work:
        assert work.outbox.next_due() is None
    stock.queued(3, apart=-timedelta(hours=1))
    stock.queued(held=HoldReason.NO_CONTACT, due_at=NOON - timedelta(days=1))
    with store.read() as work:
        assert work.outbox.next_due() == NOON - timedelta(hours=2)


def test_a_missions_queue_is_counted_from_an_hour_on(store: DatabaseStore, stock: Stock) -> None:
    stock.queued(5, apart=timedelta(minutes=10))
    stock.queued(3, mission=TOKYO)
    with store.read() as work:
        assert work.outbox.queued_from(THE_HAGUE, NOON + timedelta(minutes=20)) == 3


def test_the_log_is_searched_by_every_filter(store: DatabaseStore, stock: Stock) -> None:
    mails = stock.queued(2)
    (fax,) = stock.queued(1, channel=Channel.FAX, recipient="+31205550101", mission=TOKYO)
    (held,) = stock.queued(1, held=HoldReason.NO_CONTACT, recipient="100%_sure@nl.mission.example")
    stock.notices()

    def found(**which: Any) -> list[DeliveryId]:
        with store.read() as work:
            asked = LogFilter(**which)
            rows = [row.delivery.id for row in work.outbox.log(asked)]
            assert work.outbox.count(asked) == len(rows)
            return rows

    assert found() == [*mails, fax, held]
    assert found(state=S.HELD) == [held]
    assert found(mission=TOKYO) == [fax]
    assert found(channel=Channel.FAX) == [fax]
    assert found(letter=stock.get(mails[1]).letter) == [mails[1]]
    assert found(campaign="another") == []
    assert found(text="  EMBASSY@NL ") == mails
    assert found(text="%_s") == [held]
    assert found(text="x%y") == []
    assert found(text=stock.get(fax).message_id) == [fax]
    with store.read() as work:
        pages = [work.outbox.log(LogFilter(), limit=2, offset=start) for start in (0, 2, 4)]
    assert [row.delivery.id for page in pages for row in page] == [*mails, fax, held]


def test_totals_count_letters_and_not_the_mails_to_their_writers(store: DatabaseStore, stock: Stock) -> None:
    stock.queued(2)
    stock.notices(3)
    assert Counter(stock.states()) == {"queued": 2}
    with store.read() as work:
        assert work.outbox.totals(CAMPAIGN) == {S.QUEUED: 2}
