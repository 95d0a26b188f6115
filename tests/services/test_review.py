"""What the tone check leaves to a person."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.services.confirmation import Answer
from dispatcher.services.review import NoSuchLetter
from dispatcher.services.review_set import jsonl_of
from tests.installation import RUDE, THREAT, Installation

S = LetterState


def doubtful(home: Installation) -> LetterId:
    (id,) = home.take(letter=THREAT)
    assert home.letter(id).state is S.IN_REVIEW
    return id


def test_an_approved_letter_gets_its_delivery(home: Installation) -> None:
    id = doubtful(home)
    assert home.deliveries(id) == []
    assert home.house.moderation.approve(id, by="Mina", note="a quotation")
    assert (home.letter(id).state, home.delivery(id).state) == (S.APPROVED, DeliveryState.QUEUED)
    assert home.house.moderation.waiting() == []
    assert home.audit().ok


def test_a_rejected_letter_goes_nowhere(home: Installation) -> None:
    id = doubtful(home)
    assert home.house.moderation.reject(id, by="Mina", note="a threat")
    assert home.letter(id).state is S.REJECTED
    assert home.deliveries(id) == []
    assert home.house.confirmation.withdraw(id) is Answer.ALREADY
    assert home.audit().ok


def test_the_first_decision_counts(home: Installation) -> None:
    id = doubtful(home)
    moderation = home.house.moderation
    assert moderation.approve(id, by="Mina")
    assert not moderation.approve(id, by="Jun")
    assert not moderation.reject(id, by="Jun", note="no")
    assert home.letter(id).state is S.APPROVED


def test_of_two_who_decide_at_once_one_has_decided(home: Installation) -> None:
    id = doubtful(home)
    moderation, together = home.house.moderation, Barrier(4)

    def decide(person: int) -> bool:
        together.wait()
        if person % 2:
            return moderation.approve(id, by=f"P{person}")
        return moderation.reject(id, by=f"P{person}", note="no")

    with ThreadPoolExecutor(4) as crew:
        assert sorted(crew.map(decide, range(4))) == [False, False, False, True]
    assert home.audit().ok


def test_a_letter_that_does_not_exist_is_told(home: Installation) -> None:
    with pytest.raises(NoSuchLetter, match="999"):
        home.house.moderation.approve(LetterId(999), by="Mina")


def test_the_oldest_letter_is_shown_first_and_a_recalled_one_not_at_all(home: Installation) -> None:
    first, second, third = (home.submit(number, letter=RUDE, wants_person=True) for number in (1, 2, 3))
    for id in (third, first, second):
        home.house.confirmation.confirm(id)
    home.house.confirmation.withdraw(second)
    assert [letter.id for letter in home.house.moderation.waiting()] == [first, third]


def test_decisions_are_kept_without_the_writer(home: Installation) -> None:
    approved = doubtful(home)
    home.house.moderation.approve(approved, by="Mina")
    with home.house.store.read() as work:
        kept = list(work.review_set.all())
        letter = work.letters.get([approved])[approved]
    assert kept
    assert {each.label for each in kept} == {0}
    lines = [json.loads(line) for line in jsonl_of(kept)]
    assert all(set(line) == {"id", "lang", "text", "label", "rules"} and line["rules"] for line in lines)
    assert letter.name
    assert letter.name.split()[0] not in json.dumps(lines)


def test_a_rejected_letter_says_that_its_sentences_were_not_civil(home: Installation) -> None:
    home.house.moderation.reject(doubtful(home), by="Mina", note="a threat")
    with home.house.store.read() as work:
        assert {each.label for each in work.review_set.all()} == {1}
