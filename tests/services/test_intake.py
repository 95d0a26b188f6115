"""Letters come in: every field is checked, and each person's letter to a mission is kept once."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from dispatcher.adapters.database.letters import LetterTable
from dispatcher.domain.delivery import DeliveryState, Notice
from dispatcher.domain.letter import LetterState
from dispatcher.domain.place import Place
from dispatcher.services.intake import Draft, Entry, Tally
from dispatcher.services.store import StoreConflict
from tests.installation import (
    DAY,
    KABUL,
    LETTER,
    NEW_YORK,
    RUDE,
    SAN_FRANCISCO,
    THE_HAGUE,
    THREAT,
    WASHINGTON,
    Installation,
    draft,
)

S = LetterState
ONE_LINE = ("name", "email", "country", "region", "city", "organisation")
TEN_MEGABYTES = 10_000_000


def problems(home: Installation, **changes: Any) -> dict[str, str]:
    """The messages by field."""
    found = home.house.intake.check(draft(**changes))
    return {} if isinstance(found, Entry) else {problem.field: problem.message for problem in found}


def entry(home: Installation, **changes: Any) -> Entry:
    found = home.house.intake.check(draft(**changes))
    assert isinstance(found, Entry), found
    return found


def notices(home: Installation) -> list[Notice]:
    with home.house.store.write() as work:
        rows = [row for row in work.outbox.unrendered(100) if row.notice is not None]
        return sorted(row.notice for row in rows if row.notice is not None)


# The fields.


@pytest.mark.parametrize(
    ("field", "text", "word"),
    [
        ("name", "", "missing"),
        ("name", "  \t ", "missing"),
        ("name", "123 456", "no letter"),
        ("name", "Jane https://spam.example", "web address"),
        ("name", "Jane WWW.spam.example", "web address"),
        ("name", "J" * 101, "101"),
        ("email", "", "missing"),
        ("email", "jane", "not usable"),
        ("email", "jane@", "not usable"),
        ("email", "jane@@example.org", "not usable"),
        ("email", "jane@localhost", "not usable"),
        ("email", "jane doe@example.org", "not usable"),
        ("email", "a@example.org, b@example.org", "not usable"),
        ("email", "jänë@example.org", "not usable"),
        ("email", "j" * 250 + "@example.org", "262"),
        ("country", "", "missing"),
        ("country", "Atlantis", "not known"),
        ("country", "XX", "not known"),
        ("region", "Bavaria", "not known in NL"),
        ("city", "C" * 101, "101"),
        ("organisation", "O" * 201, "201"),
        ("language", "tlh", "these languages"),
        ("shielded", "perhaps", "yes nor no"),
        ("letter", "", "empty"),
        ("letter", " \n\t\n", "empty"),
        ("letter", "x" * 20_001, "20,001"),
        ("letter", "Dear\nbell\x07", "Line 2"),
        ("letter", "half \ud83d", "Line 1"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_with_what_to_do(
    reader: Installation, field: str, text: str, word: str
) -> None:
    found = problems(reader, **{field: text})
    assert list(found) == [field]
    assert word in found[field]
    assert found[field].endswith((".", ").")) or field == "email"
    assert "spam" not in found[field] and "jane" not in found[field].lower()


def test_every_problem_of_every_field_is_told_at_once(reader: Installation) -> None:
    found = problems(reader, name="", email="x", country="Atlantis", shielded="hm", language="xx", letter="")
    assert set(found) == {"name", "email", "country", "shielded", "language", "letter"}


@pytest.mark.parametrize("field", ONE_LINE)
@pytest.mark.parametrize(
    "smuggled",
    [
        "\r\nBcc: all@example.org",
        "\nBcc: x",
        "\rX: y",
        "\x00",
        "\u2028X: y",
        "\u2029",
        "\x0b",
        "\x85X",
        "\x1b[2J",
    ],
)
def test_no_field_lets_a_header_through(reader: Installation, field: str, smuggled: str) -> None:
    plain = {"name": "Jane", "email": "jane@example.org", "country": "NL", "region": "NL-ZH"}.get(
        field, "Here"
    )
    found = problems(reader, **{field: plain + smuggled + "x"})
    assert list(found) == [field]


@pytest.mark.parametrize("field", ["name", "city", "organisation"])
def test_characters_that_turn_the_reading_direction_are_refused(reader: Installation, field: str) -> None:
    assert "direction" in problems(reader, **{field: "Jane \u202eeoD"})[field]


@pytest.mark.parametrize("field", [*ONE_LINE, "language", "shielded", "letter"])
def test_ten_megabytes_in_any_field_are_refused_at_once(reader: Installation, field: str) -> None:
    started = time.process_time()
    assert field in problems(reader, **{field: "é" * TEN_MEGABYTES})
    assert time.process_time() - started < 0.5


def test_typed_text_is_cleaned(reader: Installation) -> None:
    found = entry(
        reader,
        name="  Zoe\u0308   Doe ",
        email=" Jane.DOE@Example.ORG ",
        country="Verenigde Staten",
        region="texas",
        city=" San  Antonio ",
        language="EN_us",
        shielded="Yes",
        letter="\r\n\r\nYour Excellency,\rplease.\u2028Thanks\n\n  ",
    )
    assert (found.name, found.email) == ("Zoë Doe", "jane.doe@example.org")
    assert found.place == Place(country="US", region="US-TX", city="San Antonio")
    assert (found.language, found.shielded) == ("en", True)
    assert found.text == "Your Excellency,\nplease.\nThanks"


@pytest.mark.parametrize(
    "name", ["김민수", "Søren Ægir", "O'Brien-Smith", "Nguyễn Văn A", "محمد", "X Æ A-12"]
)
def test_names_of_the_world_are_taken_as_they_are(reader: Installation, name: str) -> None:
    assert entry(reader, name=name).name == name


def test_a_letter_of_the_longest_length_is_taken(reader: Installation) -> None:
    assert len(entry(reader, letter="x" * 20_000).text) == 20_000


def test_the_language_is_guessed_where_none_is_given(reader: Installation) -> None:
    assert entry(reader, language="", letter="존경하는 국가주석님께, 부탁드립니다").language == "ko"


# The form.


def test_a_letter_from_the_form_is_kept_and_its_writer_is_asked(home: Installation) -> None:
    id = home.submit(city="Delft", organisation="Choir")
    letter = home.letter(id)
    assert (letter.state, letter.source, letter.mission) == (S.SUBMITTED, "form", THE_HAGUE)
    assert (letter.action_day, letter.verdict, letter.subject) == (DAY, "pass", "A request")
    assert notices(home) == [Notice.CONFIRMATION]
    assert home.deliveries(id) == []


def test_nothing_is_kept_of_a_draft_with_problems(home: Installation) -> None:
    id, reading = home.house.intake.submit(draft(email="nobody"))
    assert id is None and [problem.field for problem in reading.problems] == ["email"]
    assert home.letters(S.SUBMITTED) == [] and notices(home) == []


def test_words_that_should_be_looked_at_again_come_back_with_advice(home: Installation) -> None:
    id, reading = home.house.intake.submit(draft(letter=RUDE))
    assert id is None
    assert reading.assessment is not None and reading.assessment.verdict.value == "revise"
    assert reading.assessment.findings
    assert home.letters(S.SUBMITTED) == []


def test_a_writer_may_ask_for_a_person_instead(home: Installation) -> None:
    id = home.submit(letter=RUDE, wants_person=True)
    letter = home.letter(id)
    assert (letter.verdict, letter.asked_for_person) == ("revise", True)
    assert {finding["category"] for finding in json.loads(letter.findings or "")}


def test_a_threat_is_kept_for_a_person_to_read(home: Installation) -> None:
    assert home.letter(home.submit(letter=THREAT)).verdict == "review"


def test_the_same_form_sent_twice_is_one_letter(home: Installation) -> None:
    first = home.submit(form_key="k" * 32)
    assert home.submit(form_key="k" * 32) == first
    assert home.submit(form_key="l" * 32) != first
    assert len(home.letters(S.SUBMITTED)) == 2
    assert len(notices(home)) == 2


def test_a_double_click_is_one_letter(home: Installation) -> None:
    together = Barrier(4)

    def click(_: int) -> object:
        together.wait()
        try:
            return home.house.intake.submit(draft(form_key="k" * 32))[0]
        except StoreConflict:
            return "conflict"  # the face looks again

    with ThreadPoolExecutor(4) as crew:
        answers = list(crew.map(click, range(4)))
    (letter,) = home.letters(S.SUBMITTED)
    assert set(answers) <= {letter.id, "conflict"} and letter.id in answers
    assert home.submit(form_key="k" * 32) == letter.id


# Files.


def batch(home: Installation, *drafts: Draft, confirmed: bool = True) -> Tally:
    tally = Tally()
    home.house.intake.take_batch(list(enumerate(drafts, start=2)), tally, confirmed=confirmed)
    return tally


def test_confirmed_letters_of_a_file_wait_for_their_second_reading_without_a_delivery(
    home: Installation,
) -> None:
    assert batch(home, draft(1), draft(2)) == Tally(taken=2, to_read_again=2)
    assert home.states() == {}
    assert {letter.source for letter in home.letters(S.CONFIRMED)} == {"file"}
    assert notices(home) == []
    assert home.audit().ok


def test_writers_of_unconfirmed_letters_are_asked_by_mail(home: Installation) -> None:
    assert batch(home, draft(1), draft(2), confirmed=False).taken == 2
    assert home.states() == {}
    assert notices(home) == [Notice.CONFIRMATION] * 2
    assert len(home.letters(S.SUBMITTED)) == 2


def test_rejected_rows_name_their_place_and_every_reason_and_the_others_are_taken(home: Installation) -> None:
    tally = batch(home, draft(1), draft(2, name="", country="Atlantis"), draft(3, letter=RUDE), draft(4))
    assert tally.taken == 2
    assert [(refusal.position, len(refusal.reasons) > 0) for refusal in tally.refusals] == [
        (3, True),
        (4, True),
    ]
    assert len(tally.refusals[0].reasons) == 2
    assert "look at these words again" in tally.refusals[1].reasons[0]


def test_a_doubtful_letter_of_a_file_waits_for_a_person(home: Installation) -> None:
    tally = batch(home, draft(1, letter=THREAT), draft(2))
    assert (tally.taken, tally.for_review, tally.to_read_again) == (2, 1, 1)
    assert len(home.letters(S.IN_REVIEW)) == 1


@pytest.mark.parametrize("confirmed", [True, False])
def test_one_person_writes_once_to_a_mission_within_a_file_and_across_files(
    home: Installation, confirmed: bool
) -> None:
    twice = draft(1, email="JANE.doe.1+x@Supporters.example.org", name="Someone Else")
    tally = batch(home, draft(1), twice, draft(1, country="JP"), confirmed=confirmed)
    assert tally.taken == 2
    assert [(refusal.position, "already written" in refusal.reasons[0]) for refusal in tally.refusals] == [
        (3, True)
    ]
    again = batch(home, draft(1), draft(2), confirmed=confirmed)
    assert (again.taken, [refusal.position for refusal in again.refusals]) == (1, [2])


def test_a_file_is_taken_whole_or_not_at_all(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(LetterTable, "_log", breaks)
    with pytest.raises(ZeroDivisionError):
        batch(home, draft(1))
    monkeypatch.undo()
    assert home.letters(S.CONFIRMED) == []
    assert batch(home, draft(1)).taken == 1


# The way.


PLACES: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"country": "US", "region": "US-TX"}, WASHINGTON, None),
    ({"country": "US", "region": "New York"}, NEW_YORK, None),
    ({"country": "US", "region": "US-CA", "city": "Berkeley"}, SAN_FRANCISCO, None),
    ({"country": "US", "region": "US-CA"}, None, "choose_mission"),
    ({"country": "US", "region": "US-CA", "city": "Fresno"}, None, "choose_mission"),
    ({"country": "SZ"}, None, "no_mission"),
    ({"country": "AF"}, KABUL, "no_contact"),
]


def test_each_place_has_its_mission_or_the_reason_why_not(home: Installation) -> None:
    for number, (place, mission, reason) in enumerate(PLACES):
        (id,) = home.take(first=number, **place)
        delivery = home.delivery(id)
        assert (delivery.mission, delivery.reason) == (mission, reason), place
        assert delivery.state is (DeliveryState.HELD if reason else DeliveryState.QUEUED)
        assert home.letter(id).route_reason
    assert home.audit().ok


def test_a_person_in_two_places_without_a_mission_may_write_twice(
    home: Installation, drafts: Callable[..., list[Draft]]
) -> None:
    assert batch(home, draft(1, country="SZ"), draft(1, country="US", region="US-CA")).taken == 2
    (again,) = batch(home, draft(1, country="SZ")).refusals
    assert again.position == 2
    assert batch(home, *drafts(3, letter=LETTER, country="JP")).taken == 3
