"""Letters in the database."""

from datetime import timedelta

import pytest

from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.errors import IllegalMove
from dispatcher.domain.letter import LETTER_MOVES, STANDING, LetterId, LetterState
from dispatcher.services.audit import audit
from dispatcher.services.store import StoreConflict
from tests.adapters.database.conftest import CAMPAIGN, Stock
from tests.installation import DAY, NOON, WEEK_BEFORE

S = LetterState


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


def test_only_approved_letters_become_dispatched(store: DatabaseStore, stock: Stock) -> None:
    approved, withdrawn = stock.letters(2)
    with store.write() as work:
        work.letters.move(withdrawn, S.WITHDRAWN, at=NOON, by="test")
        work.letters.dispatched([approved, withdrawn])
        work.letters.dispatched([approved])
        found = work.letters.get([approved, withdrawn])
        broken = audit(work.ledger).broken
    assert not [each for each in broken if each.rule == "log"]
    # Nobody took it: the audit does not believe the mark.
    assert [(each.rule, each.id) for each in broken if "dispatched" in each.what] == [("honesty", approved)]
    assert [found[id].state for id in (approved, withdrawn)] == [S.DISPATCHED, S.WITHDRAWN]


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
    (id,) = stock.letters()
    wanted = [id, *(LetterId(number) for number in range(100_000, 166_000))]
    with store.write() as work:
        work.letters.dispatched(wanted)
        assert work.letters.count() == work.letters.count(CAMPAIGN) == {S.DISPATCHED: 1}
