"""Letters in the database."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from dispatcher.adapters.database.schema import letters, moves
from dispatcher.adapters.database.store import DatabaseStore, DatabaseWork
from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.letter import LETTER_MOVES, STANDING, LetterId, LetterState
from dispatcher.domain.mission import Channel
from dispatcher.services.audit import audit
from dispatcher.services.store import StoreConflict
from tests.adapters.database.conftest import CAMPAIGN, Stock
from tests.installation import DAY, NOON, WEEK_BEFORE

S = LetterState
D = DeliveryState


def test_a_letter_comes_back_as_it_was_kept(store: DatabaseStore, stock: Stock) -> None:
    new = stock.new_letter(
        name="김민수", email="m@example.org", organisation="모임", city="서울", region="NL-ZH",
        language="ko", shielded=True, text="문장\n\n둘", findings='[{"a": "ü"}]', asked_for_person=True,
        form_key="f" * 32, state=S.SUBMITTED, person=b"p" * 32,
    )  # fmt: skip
    with store.write() as work:
        (id,) = work.letters.add([new], at=NOON, by="form")
        kept = work.letters.by_form_key("f" * 32)
        assert kept == work.letters.get([id])[id]
        assert work.letters.by_form_key("g" * 32) is None
    assert kept is not None
    for field in (
        "name",
        "email",
        "organisation",
        "city",
        "region",
        "language",
        "shielded",
        "text",
        "findings",
    ):
        assert getattr(kept, field) == getattr(new, field), field
    assert (kept.submitted_at, kept.confirmed_at, kept.approved_at) == (NOON, None, None)


@pytest.mark.parametrize("state", sorted(STANDING))
def test_one_person_has_one_standing_letter_to_a_mission_for_a_day(
    store: DatabaseStore, stock: Stock, state: LetterState
) -> None:
    with store.write() as work:
        work.letters.add([stock.new_letter(state=state)], at=NOON, by="test")
    with pytest.raises(StoreConflict), store.write() as work:
        work.letters.add([stock.new_letter()], at=NOON, by="test")
    with store.write() as work:
        others = [stock.new_letter(mission="another"), stock.new_letter(action_day=DAY + timedelta(days=365))]
        work.letters.add(others, at=NOON, by="test")
        work.letters.add([stock.new_letter(state=S.SUBMITTED)], at=NOON, by="test")


def test_who_has_written_is_told_and_who_was_only_asked_when_that_matters(
    store: DatabaseStore, stock: Stock
) -> None:
    with store.write() as work:
        ann, ben, eve = (work.letters.person(f"{name}@example.org") for name in ("ann", "ben", "eve"))
        work.letters.add(
            [stock.new_letter(person=ann), stock.new_letter(person=ben, state=S.SUBMITTED)],
            at=NOON,
            by="test",
        )
        found = work.letters.standing(CAMPAIGN, DAY, [ann, ben, eve])
        asked = work.letters.standing(CAMPAIGN, DAY, [ann, ben, eve], asked=True)
    assert {person for person, _ in found} == {ann}
    assert {person for person, _ in asked} == {ann, ben}


def test_a_letter_moves_by_the_table_with_its_row_in_the_log(store: DatabaseStore, stock: Stock) -> None:
    for old in S:
        for id, new in zip(stock.letters(len(S), state=old), S, strict=True):
            if new in LETTER_MOVES[old]:
                with store.write() as work:
                    work.letters.move(id, new, at=NOON, by="test")
            else:
                with pytest.raises(IllegalMove), store.write() as work:
                    work.letters.move(id, new, at=NOON, by="test")
            with store.read() as work:
                assert work.letters.get([id])[id].state is (new if new in LETTER_MOVES[old] else old)
    with store.read() as work:
        found = audit(work.ledger).broken
    # Letters were put in whatever state; but no state differs from what the log ends with.
    assert [each for each in found if "log ends" in each.what] == []


def test_the_moments_of_yes_and_approval_are_kept(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.letters(state=S.SUBMITTED)
    with store.write() as work:
        work.letters.move(id, S.CONFIRMED, at=NOON, by="test")
        work.letters.move(id, S.APPROVED, at=NOON + timedelta(minutes=1), by="test")
        letter = work.letters.get([id])[id]
    assert (letter.confirmed_at, letter.approved_at) == (NOON, NOON + timedelta(minutes=1))


# What becomes of a delivery that is on the wire, and whether its letter is dispatched then.
ROADS: list[tuple[Channel, tuple[D, ...], bool]] = [
    (Channel.EMAIL, (), False),
    (Channel.EMAIL, (D.QUEUED,), False),
    (Channel.EMAIL, (D.QUEUED, D.CANCELLED), False),
    (Channel.EMAIL, (D.FAILED,), False),
    (Channel.EMAIL, (D.IN_DOUBT,), False),
    (Channel.EMAIL, (D.IN_DOUBT, D.BOUNCED), False),
    (Channel.EMAIL, (D.IN_DOUBT, D.ACCEPTED), True),
    (Channel.EMAIL, (D.IN_DOUBT, D.DELIVERED, D.BOUNCED), True),
    (Channel.EMAIL, (D.ACCEPTED,), True),
    (Channel.EMAIL, (D.ACCEPTED, D.BOUNCED), True),
    (Channel.EMAIL, (D.ACCEPTED, D.DELIVERED), True),
    (Channel.EMAIL, (D.DELIVERED,), True),
    (Channel.FAX, (D.QUEUED,), False),
    (Channel.FAX, (D.IN_DOUBT, D.FAILED), False),
    (Channel.FAX, (D.ACCEPTED,), True),
    (Channel.FAX, (D.ACCEPTED, D.QUEUED), True),
    (Channel.FAX, (D.ACCEPTED, D.QUEUED, D.CANCELLED), True),
    (Channel.FAX, (D.ACCEPTED, D.QUEUED, D.HELD), True),
    (Channel.FAX, (D.ACCEPTED, D.FAILED), True),
    (Channel.FAX, (D.ACCEPTED, D.IN_DOUBT), True),
    (Channel.FAX, (D.ACCEPTED, D.IN_DOUBT, D.QUEUED), True),
    (Channel.FAX, (D.IN_DOUBT, D.ACCEPTED, D.DELIVERED), True),
]


def test_a_letter_is_dispatched_from_the_moment_that_somebody_took_a_delivery_of_it(
    store: DatabaseStore, stock: Stock
) -> None:
    expected = {}
    for channel, road, taken in ROADS:
        expected[on_its_road(store, stock, channel, road)] = S.DISPATCHED if taken else S.APPROVED
    assert_read_so(store, expected)
    with store.read() as work:
        broken = audit(work.ledger).broken
    assert not [each for each in broken if each.subject == "letter" and each.rule in {"log", "honesty"}]


def test_no_letter_that_somebody_took_is_withdrawn(store: DatabaseStore, stock: Stock) -> None:
    for channel, road, taken in ROADS:
        id = on_its_road(store, stock, channel, road)
        if taken:
            with pytest.raises(IllegalMove), store.write() as work:
                work.letters.move(id, S.WITHDRAWN, at=NOON, by="test")
        else:
            with store.write() as work:
                work.letters.move(id, S.WITHDRAWN, at=NOON, by="test")


def test_one_delivery_that_was_taken_is_enough(store: DatabaseStore, stock: Stock) -> None:
    expected = {}
    for first, second, taken in (
        ((D.ACCEPTED, D.BOUNCED), (D.QUEUED,), True),
        ((D.FAILED,), (D.ACCEPTED,), True),
        ((D.FAILED,), (D.IN_DOUBT, D.BOUNCED), False),
    ):
        letter = on_its_road(store, stock, Channel.EMAIL, first)
        with store.write() as work:
            work.outbox.add([stock.new_delivery(letter, channel=Channel.PAPER)], at=NOON, by="test")
        on_the_wire(store, stock, letter, second)
        expected[letter] = S.DISPATCHED if taken else S.APPROVED
    assert_read_so(store, expected)


def test_a_mail_to_the_writer_dispatches_no_letter(store: DatabaseStore, stock: Stock) -> None:
    (id,) = stock.notices()
    (row,) = stock.claim(notices=True)
    with store.write() as work:
        work.outbox.move([row.id], D.ACCEPTED, at=NOON, by="test")
    assert_read_so(store, {stock.get(id).letter: S.APPROVED})


def test_only_approved_letters_are_read_as_dispatched(store: DatabaseStore, stock: Stock) -> None:
    expected: dict[LetterId, S] = {}
    for state in S:
        (id,) = stock.letters(state=state)
        with store.write() as work:
            work.outbox.add([stock.new_delivery(id)], at=NOON, by="test")
        on_the_wire(store, stock, id, (D.ACCEPTED,))
        expected[id] = S.DISPATCHED if state is S.APPROVED else state
    assert_read_so(store, expected)


def test_old_rows_that_say_dispatched_themselves_are_read_as_before(
    store: DatabaseStore, stock: Stock
) -> None:
    """With a row of it in the log, as it was at first, and without one, as it was later."""
    logged, silent, new = (on_its_road(store, stock, Channel.EMAIL, (D.ACCEPTED,)) for _ in range(3))
    (waits,) = stock.letters()
    with store.write() as work:
        assert isinstance(work, DatabaseWork)
        work._connection.execute(
            insert(moves).values(
                subject="letter", subject_id=logged, old="approved", new="dispatched", by="courier", at=NOON
            )
        )
        work._connection.execute(
            update(letters).where(letters.c.id.in_([logged, silent])).values(state="dispatched")
        )
    assert_read_so(store, {logged: S.DISPATCHED, silent: S.DISPATCHED, new: S.DISPATCHED, waits: S.APPROVED})
    with store.read() as work:
        broken = audit(work.ledger).broken
    assert not [each for each in broken if each.subject == "letter" and each.rule in {"log", "honesty"}]
    for id in (logged, silent):
        with pytest.raises(IllegalMove), store.write() as work:
            work.letters.move(id, S.WITHDRAWN, at=NOON, by="test")


def test_the_audit_believes_no_old_row_of_a_letter_that_nobody_took(
    store: DatabaseStore, stock: Stock
) -> None:
    roads = [(D.QUEUED,), (D.FAILED,), (D.ACCEPTED,)]
    said, logged, taken = (on_its_road(store, stock, Channel.FAX, road) for road in roads)
    with store.write() as work:
        assert isinstance(work, DatabaseWork)
        work._connection.execute(
            update(letters).where(letters.c.id.in_([said, taken])).values(state="dispatched")
        )
        step = {"subject": "letter", "old": "approved", "new": "dispatched", "by": "courier", "at": NOON}
        work._connection.execute(insert(moves), [{**step, "subject_id": id} for id in (logged, taken)])
        broken = audit(work.ledger).broken
    assert [(each.rule, each.id) for each in broken if "dispatched" in each.what] == [
        ("honesty", said),
        ("honesty", logged),
    ]


def on_its_road(store: DatabaseStore, stock: Stock, channel: Channel, road: tuple[D, ...]) -> LetterId:
    (delivery,) = stock.queued(channel=channel, rendered=False)
    letter = stock.get(delivery).letter
    on_the_wire(store, stock, letter, road)
    return letter


def on_the_wire(store: DatabaseStore, stock: Stock, letter: LetterId, road: tuple[D, ...]) -> None:
    """The letter's latest delivery, and what becomes of it there."""
    with store.write() as work:
        row = work.outbox.of_letters([letter])[letter][-1]
        work.outbox.start([row.id], courier="c", lease=f"lease-{row.id}", until=NOON, at=NOON)
        for state in road:
            work.outbox.move([row.id], state, at=NOON, by="test", reason="for_the_test")


def assert_read_so(store: DatabaseStore, expected: dict[LetterId, S]) -> None:
    """Whichever way the letters are read."""
    with store.write() as work:
        for lock in (False, True):
            found = work.letters.get(expected, lock=lock)
            assert {id: letter.state for id, letter in found.items()} == expected
        for state in S:
            asked = {letter.id: letter.state for letter in work.letters.in_state(state)}
            assert asked == {id: each for id, each in expected.items() if each is state}
        counted = Counter(expected.values())
        assert work.letters.count() == work.letters.count(CAMPAIGN) == counted
        assert work.letters.count(CampaignId("another")) == {}
        undecided = {state: counted[state] for state in (S.SUBMITTED, S.CONFIRMED, S.IN_REVIEW)}
        assert work.letters.undecided() == {state: count for state, count in undecided.items() if count}


def test_letters_of_a_person_are_found_until_they_are_erased(store: DatabaseStore, stock: Stock) -> None:
    with store.write() as work:
        person = work.letters.person("jane@example.org")
        (id,) = work.letters.add([stock.new_letter(person=person)], at=NOON, by="test")
        assert work.letters.of_person(person) == [id]
        work.letters.erase([id], at=NOON)
        assert work.letters.of_person(person) == []


def test_erasing_leaves_no_personal_field_and_no_bytes(store: DatabaseStore, stock: Stock) -> None:
    (gone, stays) = stock.queued(2)
    letter = stock.get(gone).letter
    with store.write() as work:
        work.letters.erase([letter], at=NOON)
    with store.read() as work:
        erased = work.letters.get([letter])[letter]
        renderings = [stock.get(id).rendering for id in (gone, stays)]
        contents = work.outbox.content([each for each in renderings if each is not None])
    personal = (
        "person",
        "name",
        "email",
        "organisation",
        "city",
        "subject",
        "text",
        "findings",
        "route_reason",
    )
    assert {field: getattr(erased, field) for field in personal} == dict.fromkeys(personal)
    assert list(contents) == [renderings[1]]


def test_letters_that_wait_are_found_by_age(store: DatabaseStore, stock: Stock) -> None:
    (old,) = stock.letters(state=S.SUBMITTED)
    with store.write() as work:
        (new,) = work.letters.add(
            [stock.new_letter(state=S.SUBMITTED, person=b"n" * 32)],
            at=WEEK_BEFORE + timedelta(days=3),
            by="test",
        )
        both = work.letters.in_state(S.SUBMITTED)
        aged = work.letters.in_state(S.SUBMITTED, submitted_before=WEEK_BEFORE + timedelta(days=1))
        unreminded = work.letters.unreminded(WEEK_BEFORE + timedelta(days=9))
        work.letters.remind(old, NOON)
        rest = work.letters.unreminded(WEEK_BEFORE + timedelta(days=9))
    assert [letter.id for letter in both] == [old, new]
    assert [letter.id for letter in aged] == [old]
    assert {letter.id for letter in unreminded} == {old, new}
    assert [letter.id for letter in rest] == [new]


def test_more_letters_are_asked_for_than_a_statement_has_places_for(
    store: DatabaseStore, stock: Stock
) -> None:
    id = on_its_road(store, stock, Channel.EMAIL, (D.ACCEPTED,))
    wanted = [id, *(LetterId(number) for number in range(100_000, 166_000))]
    with store.write() as work:
        assert {each: letter.state for each, letter in work.letters.get(wanted).items()} == {id: S.DISPATCHED}
        assert work.letters.action_days(wanted) == {id: DAY}
