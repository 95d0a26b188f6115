import pytest

from dispatcher.domain.own_words import Ownness, own_words, ownness

SAMPLE = "I ask that nobody be returned by force. Those who have fled should be granted safe passage to another country."
OWN = "My grandmother crossed a river at night in 1950. A stranger opened the door to her, and so I write to you today."


def test_the_sample_as_it_is_is_nobodys_own_words() -> None:
    assert own_words(SAMPLE, SAMPLE) == 0
    assert own_words(SAMPLE.upper() + "\n", SAMPLE) == 0


def test_a_letter_of_ones_own_is_wholly_ones_own() -> None:
    assert own_words(OWN, SAMPLE) == 1
    assert (
        own_words(
            "我奶奶在一九五零年的冬夜渡过了那条河，一个陌生人为她开了门。",
            "恳请不要强行遣返任何人，让他们安全通行。",
        )
        == 1
    )


def test_a_sample_with_a_sentence_added_is_between() -> None:
    assert 0.25 < own_words(f"{SAMPLE} {OWN}", SAMPLE) < 0.75


@pytest.mark.parametrize("text", ["", "\n", "🙏", "yes"])
def test_hardly_a_word_is_measured_without_a_fault(text: str) -> None:
    assert 0 <= own_words(text, SAMPLE) <= 1


def test_the_measure_has_words() -> None:
    assert [ownness(share) for share in (0.0, 0.5, 1.0)] == [Ownness.SAMPLE, Ownness.MIXED, Ownness.OWN]
