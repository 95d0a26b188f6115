"""The writer says yes, or no, or nothing; and may have everything erased."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from time import sleep

import pytest

from dispatcher.domain.delivery import DeliveryState, Notice
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.domain.outcome import Attempt, Outcome
from dispatcher.services.confirmation import CONFIRM, LINK_LIFE, REMINDER_AFTER, STATUS, Answer
from dispatcher.services.store import Settlement
from tests.installation import (
    ACCEPTED,
    NOON,
    REFUSED,
    RUDE,
    THREAT,
    WEEK_BEFORE,
    Installation,
    ScriptedPages,
    ScriptedTransport,
)

S, D = LetterState, DeliveryState
PERSONAL = ("person", "name", "email", "organisation", "city", "subject", "text", "findings", "route_reason")


def mails(home: Installation, letter: LetterId) -> dict[Notice, DeliveryState]:
    """The mails to the letter's writer."""
    return {row.notice: row.state for row in home.queue() if row.letter == letter and row.notice}


def say_yes(home: Installation, id: LetterId) -> Answer:
    return home.house.confirmation.confirm(id)


# Yes.


def test_looking_at_the_link_changes_nothing(home: Installation) -> None:
    """Link scanners confirm nothing."""
    id = home.submit()
    token = home.house.store.links.token(CONFIRM, id)
    before = (home.letter(id), mails(home, id))
    for _ in range(3):
        found = home.house.confirmation.find(CONFIRM, token)
        assert found is not None and found.letter.id == id
    assert (home.letter(id), mails(home, id)) == before


def test_a_link_of_another_purpose_or_made_up_finds_nothing(home: Installation) -> None:
    id = home.submit()
    assert home.house.confirmation.find(STATUS, home.house.store.links.token(CONFIRM, id)) is None
    assert home.house.confirmation.find(CONFIRM, f"{id:x}-" + "a" * 32) is None
    assert home.house.confirmation.find(CONFIRM, home.house.store.links.token(CONFIRM, LetterId(999))) is None


def test_a_confirmed_letter_is_approved_queued_and_acknowledged(home: Installation) -> None:
    id = home.submit()
    assert say_yes(home, id) is Answer.DONE
    letter = home.letter(id)
    assert (letter.state, letter.confirmed_at) == (S.APPROVED, WEEK_BEFORE)
    assert home.delivery(id).state is D.QUEUED
    assert set(mails(home, id)) == {Notice.CONFIRMATION, Notice.RECEIPT}
    assert home.audit().ok


def test_a_repeat_finds_the_letter_confirmed_and_changes_nothing(home: Installation) -> None:
    id = home.submit()
    say_yes(home, id)
    before = (home.letter(id), home.deliveries(id), mails(home, id))
    assert [say_yes(home, id) for _ in range(3)] == [Answer.ALREADY] * 3
    assert (home.letter(id), home.deliveries(id), mails(home, id)) == before


def test_a_double_click_confirms_once(home: Installation) -> None:
    id = home.submit()
    together = Barrier(4)

    def click(_: int) -> Answer:
        together.wait()
        return say_yes(home, id)

    with ThreadPoolExecutor(4) as crew:
        answers = sorted(crew.map(click, range(4)))
    assert answers == sorted([Answer.DONE, *[Answer.ALREADY] * 3])
    assert len(home.deliveries(id)) == 1


@pytest.mark.parametrize(("words", "wants"), [(THREAT, False), (RUDE, True)])
def test_a_doubtful_letter_waits_for_a_person_once_it_is_confirmed(
    home: Installation, words: str, wants: bool
) -> None:
    id = home.submit(letter=words, wants_person=wants)
    assert say_yes(home, id) is Answer.DONE
    assert home.letter(id).state is S.IN_REVIEW
    assert home.deliveries(id) == []
    assert [letter.id for letter in home.house.moderation.waiting()] == [id]


def test_the_second_letter_of_a_person_to_the_same_mission_is_a_double(home: Installation) -> None:
    first, second, third = home.submit(1), home.submit(1), home.submit(1, country="JP")
    assert say_yes(home, first) is Answer.DONE
    assert say_yes(home, second) is Answer.DOUBLE
    assert home.letter(second).state is S.SUBMITTED
    assert say_yes(home, third) is Answer.DONE
    home.house.confirmation.withdraw(first)
    assert say_yes(home, second) is Answer.DONE


def test_a_link_is_good_for_a_week(home: Installation) -> None:
    in_time, too_late = home.submit(1), home.submit(2)
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE)
    assert say_yes(home, in_time) is Answer.DONE
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE + timedelta(microseconds=1))
    assert say_yes(home, too_late) is Answer.EXPIRED
    assert home.letter(too_late).state is S.SUBMITTED
    assert say_yes(home, in_time) is Answer.ALREADY


# No answer.


def test_one_reminder_is_sent_after_two_days(home: Installation) -> None:
    silent, answered = home.submit(1), home.submit(2)
    say_yes(home, answered)
    home.clock.move_to(WEEK_BEFORE + REMINDER_AFTER)
    assert home.house.confirmation.remind() == 0
    home.clock.move_to(WEEK_BEFORE + REMINDER_AFTER + timedelta(seconds=1))
    assert home.house.confirmation.remind() == 1
    assert home.house.confirmation.remind() == 0
    home.clock.move_to(WEEK_BEFORE + timedelta(days=6))
    assert home.house.confirmation.remind() == 0
    assert Notice.REMINDER in mails(home, silent)
    assert Notice.REMINDER not in mails(home, answered)


def test_a_letter_that_nobody_confirmed_expires_and_is_forgotten(home: Installation) -> None:
    silent = home.submit(1, city="Delft", organisation="Choir")
    home.prepare()
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE)
    assert home.house.confirmation.purge() == 0
    home.clock.move_to(WEEK_BEFORE + LINK_LIFE + timedelta(seconds=1))
    fresh = home.submit(2)
    assert home.house.confirmation.purge() == 1
    gone = home.letter(silent)
    assert gone.state is S.EXPIRED
    assert {field: getattr(gone, field) for field in PERSONAL} == dict.fromkeys(PERSONAL)
    assert mails(home, silent) == {Notice.CONFIRMATION: D.CANCELLED}
    assert home.letter(fresh).name is not None
    assert home.house.confirmation.find(CONFIRM, home.house.store.links.token(CONFIRM, silent)) is None
    assert home.audit().ok


# No.


def test_a_letter_can_be_taken_back_before_it_leaves(home: Installation) -> None:
    id = home.submit()
    say_yes(home, id)
    home.prepare()
    assert home.house.confirmation.withdraw(id) is Answer.DONE
    assert (home.letter(id).state, home.delivery(id).state) == (S.WITHDRAWN, D.CANCELLED)
    assert Notice.WITHDRAWN in mails(home, id)
    assert home.house.confirmation.withdraw(id) is Answer.ALREADY
    transport = ScriptedTransport()
    home.work(home.courier(transport), NOON, rounds=3)
    assert [parcel for parcel in transport.sent if parcel.recipient == "embassy@nl.mission.example"] == []
    assert home.audit().ok


@pytest.mark.parametrize("place", ["NL", "AF", "SZ"])
def test_a_letter_that_is_held_can_be_taken_back(home: Installation, place: str) -> None:
    (id,) = home.take(country=place)
    assert home.house.confirmation.withdraw(id) is Answer.DONE
    assert home.delivery(id).state is D.CANCELLED


def test_a_letter_that_has_left_cannot_be_taken_back(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    answers: list[Answer] = []

    def on_the_wire(_: object) -> Outcome:
        answers.append(home.house.confirmation.withdraw(id))
        return ACCEPTED

    home.work(home.courier(ScriptedTransport(answer=on_the_wire)), NOON)
    answers.append(home.house.confirmation.withdraw(id))
    assert answers == [Answer.TOO_LATE, Answer.TOO_LATE]
    assert home.letter(id).state is S.DISPATCHED


def test_a_letter_whose_first_channel_was_refused_can_still_be_taken_back(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: REFUSED)), NOON)
    assert [row.state for row in home.deliveries(id)] == [D.FAILED, D.QUEUED]
    assert home.house.confirmation.withdraw(id) is Answer.DONE
    assert [row.state for row in home.deliveries(id)] == [D.FAILED, D.CANCELLED]


def test_a_letter_taken_back_while_a_courier_claims_it_is_on_its_way(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    row = home.delivery(id)
    with ThreadPoolExecutor(1) as writer:
        with home.house.store.write() as work:
            assert work.outbox.start([row.id], courier="c", lease="l", until=NOON, at=NOON) == {row.id}
            answer = writer.submit(home.house.confirmation.withdraw, id)
            sleep(0.5)  # until the writer waits for the claim
        assert answer.result() is Answer.TOO_LATE
    assert home.delivery(id).state is D.SENDING


def test_a_letter_taken_back_while_its_mail_is_refused_does_not_leave_by_the_next_channel(
    home: Installation,
) -> None:
    (id,) = home.take()
    home.prepare()
    with home.house.store.write() as work:
        work.outbox.start([home.delivery(id).id], courier="c", lease="l", until=NOON, at=NOON)
    row = home.delivery(id)
    refused = Settlement(
        delivery=row.id,
        lease="l",
        attempt=Attempt(at=NOON, ended_at=NOON, outcome=REFUSED),
        new=D.FAILED,
        reason="refused",
    )
    with ThreadPoolExecutor(1) as writer:
        with home.house.store.write() as work:
            work.outbox.settle([refused], at=NOON, by="courier")
            home.house.dispatch.open_next(work, [row], at=NOON)
            answer = writer.submit(home.house.confirmation.withdraw, id)
            sleep(0.5)  # until the writer waits for what is being settled
        assert answer.result() is Answer.DONE
    assert [row.state for row in home.deliveries(id)] == [D.FAILED, D.CANCELLED]
    assert home.audit().ok


# Forget me.


def test_a_supporter_is_forgotten_on_request_whatever_their_letters_have_become(home: Installation) -> None:
    (sent,) = home.take(1)
    (waiting,) = home.take(1, country="JP")
    asked = home.submit(1, country="IS")
    (other,) = home.take(1, first=2)
    home.prepare()
    home.work(home.courier(), NOON)
    assert home.letter(sent).state is S.DISPATCHED
    assert home.house.confirmation.erase("Jane.DOE.1+tag@supporters.example.org") == 3
    for id in (sent, waiting, asked):
        letter = home.letter(id)
        assert {field: getattr(letter, field) for field in PERSONAL} == dict.fromkeys(PERSONAL)
    assert home.letter(other).name is not None
    assert home.letter(sent).state is S.DISPATCHED
    assert home.house.confirmation.erase("jane.doe.1@supporters.example.org") == 0
    assert home.audit().ok
    with home.house.store.read() as work:
        mine = [
            row.rendering for row in home.queue() if row.letter in {sent, waiting, asked} and row.rendering
        ]
        assert work.outbox.content(mine) == {}


def test_after_an_erasure_no_mail_goes_to_the_writer_and_no_letter_to_the_mission(home: Installation) -> None:
    id = home.submit()
    say_yes(home, id)
    home.prepare()
    home.house.confirmation.erase("jane.doe.1@supporters.example.org")
    transport = ScriptedTransport()
    home.live_through(home.courier(transport), NOON + timedelta(days=1))
    assert transport.sent == []


def test_an_erased_letter_is_not_sent_empty_by_its_next_channel(home: Installation) -> None:
    """On the wire at the moment of erasure, then refused: nothing is left that a fax could show."""
    (id,) = home.take()
    home.prepare()

    def erased_meanwhile(_: object) -> Outcome:
        home.house.confirmation.erase("jane.doe.1@supporters.example.org")
        return REFUSED

    pages = ScriptedPages()
    courier = home.courier(ScriptedTransport(answer=erased_meanwhile), pages)
    home.work(courier, NOON)
    home.live_through(courier, NOON + timedelta(days=5))
    assert home.letter(id).text is None
    assert pages.carried == []
    assert not {row.state for row in home.deliveries(id)} & {D.QUEUED, D.HELD}
    assert home.audit().ok


def test_erasing_between_refusal_and_fax_stops_the_fax(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    pages = ScriptedPages()
    courier = home.courier(ScriptedTransport(answer=lambda _: REFUSED), pages)
    home.work(courier, NOON)
    home.house.confirmation.erase("jane.doe.1@supporters.example.org")
    home.live_through(courier, NOON + timedelta(days=5))
    assert pages.carried == []
    assert home.delivery(id).state is D.CANCELLED
