import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import httpx
import pytest

from dispatcher.domain.letter import LetterState
from dispatcher.faces.web.gate import BODY_LIMIT
from dispatcher.services.confirmation import CONFIRM, LINK_LIFE, STATUS
from tests.faces.web.household import ACTION_DAY, FIELDS, LETTER, RUDE, Household


def test_the_form_comes_with_the_sample_in_the_chosen_language(household: Household) -> None:
    page = unescape(household.visitor.get("/?lang=ko").text)
    sample = household.house.campaigns.active.samples["ko"].text.strip()
    assert sample in page
    assert '<option value="CA">캐나다</option>' in page


def test_an_unknown_language_gets_the_english_form(household: Household) -> None:
    assert "Your Excellency" in household.visitor.get("/?lang=tlh").text


def test_every_problem_stands_in_the_summary_and_beside_its_field(household: Household) -> None:
    answer = household.visitor.post("/preview", data=FIELDS | {"name": "", "email": "nowhere", "country": ""})
    assert answer.status_code == 422
    page = unescape(answer.text)
    for field in ("name", "email", "country"):
        message = re.search(rf'<a href="#{field}">([^<]+)</a>', page)
        assert message is not None
        assert page.count(message[1]) == 2
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', page)
    assert LETTER in page


def test_what_was_typed_is_shown_as_text_and_never_as_markup(household: Household) -> None:
    hostile = '<script>alert(1)</script>"><img src=x>'
    for path in ("/preview", "/edit"):
        page = household.visitor.post(
            path, data=FIELDS | {"city": hostile, "letter": f"{LETTER} {hostile}"}
        ).text
        assert "<script" not in page
        assert "<img" not in page


def test_the_preview_says_where_the_letter_goes_and_when_it_leaves(household: Household) -> None:
    page = _words(household.visitor.post("/preview", data=FIELDS))
    assert "Embassy of the People's Republic of China in Canada" in page
    assert "2027, from 9:00 their time" in page
    assert "Jane Doe via Save North Korean Refugees Day <letters@campaign.example.org>" in page
    assert "Jane Doe <jane.doe@example.org>" in page
    assert "in care of the Head of Mission Your Excellency," in page
    assert "Jane Doe Ottawa, Canada Save North Korean Refugees Day" in page
    assert "Reads respectfully" in page


def test_a_shielded_letter_shows_initials_and_country_only(household: Household) -> None:
    fields = FIELDS | {"shielded": "yes", "organisation": "Harbour Choir"}
    page = household.visitor.post("/preview", data=fields).text
    shown = _words(re.sub(r"<form.*?</form>", "", page, flags=re.DOTALL))
    assert "J. D. Canada" in shown
    for hidden in ("Jane Doe", "jane.doe@example.org", "Harbour Choir"):
        assert hidden not in shown


def test_rude_words_bring_the_form_back_with_notes_and_two_ways_on(household: Household) -> None:
    answer = household.visitor.post("/preview", data=FIELDS | {"letter": RUDE})
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert "<mark>idiots</mark>" in page
    assert "This word insults a person." in page
    assert "See my letter with these changes" in page
    assert "Ask a person to read my letter" in page


def test_a_writer_who_asks_for_a_person_gets_to_the_preview_and_into_the_review(household: Household) -> None:
    fields = FIELDS | {"letter": RUDE, "wants_person": "yes"}
    page = household.visitor.post("/preview", data=fields).text
    assert "A person of the campaign reads your letter before it leaves." in page
    assert 'name="wants_person" value="yes"' in page
    letter = household.submit(letter=RUDE, wants_person="yes")
    household.visitor.post(f"/confirm/{household.link(CONFIRM, letter)}")
    assert household.letters(LetterState.IN_REVIEW) == [letter]


def test_where_two_consulates_share_the_region_the_city_is_asked_for(household: Household) -> None:
    visitor = household.visitor
    shared = FIELDS | {"country": "US", "region": "US-CA", "city": ""}
    page = _words(visitor.post("/preview", data=shared))
    assert "Los Angeles" in page
    assert "San Francisco" in page
    page = _words(visitor.post("/preview", data=shared | {"city": "Berkeley"}))
    assert (
        "Your letter will go to the Consulate-General of the People's Republic of China in San Francisco"
        in page
    )
    page = _words(visitor.post("/preview", data=shared | {"choose_later": "yes"}))
    assert "It is not decided yet" in page


def test_a_letter_is_kept_once_however_often_the_button_is_pressed(household: Household) -> None:
    visitor = household.visitor
    answers = [visitor.post("/letters", data=FIELDS) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert {answer.headers["location"] for answer in answers} == {"/thanks"}
    assert len(household.letters(LetterState.SUBMITTED)) == 1


def test_a_letter_that_was_changed_after_sending_is_another_one(household: Household) -> None:
    visitor = household.visitor
    visitor.post("/letters", data=FIELDS)
    visitor.post("/letters", data=FIELDS | {"letter": LETTER.replace("please", "I ask you:")})
    assert len(household.letters(LetterState.SUBMITTED)) == 2


def test_the_page_after_sending_holds_no_personal_data(household: Household) -> None:
    answer = household.visitor.get("/thanks")
    assert "within 7 days" in answer.text
    assert "jane" not in answer.text.lower()


def test_opening_the_link_confirms_nothing_and_pressing_the_button_does(household: Household) -> None:
    letter = household.submit()
    visitor, path = household.visitor, f"/confirm/{household.link(CONFIRM, letter)}"
    page = visitor.get(path).text
    assert "Confirm my letter" in page
    assert household.letters(LetterState.SUBMITTED) == [letter]
    answer = visitor.post(path)
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert household.letters(LetterState.APPROVED) == [letter]


def test_confirming_again_shows_the_same_receipt(household: Household) -> None:
    letter = household.submit()
    visitor, path = household.visitor, f"/confirm/{household.link(CONFIRM, letter)}"
    visitor.post(path)
    receipt = visitor.get(path).text
    assert visitor.post(path).status_code == 303
    assert visitor.get(path).text == receipt
    assert f"/letter/{household.link(STATUS, letter)}" in receipt


def test_a_second_letter_to_the_same_mission_is_refused_in_words(household: Household) -> None:
    first, second = household.submit(), household.submit(form_key="b" * 32)
    household.visitor.post(f"/confirm/{household.link(CONFIRM, first)}")
    answer = household.visitor.post(f"/confirm/{household.link(CONFIRM, second)}")
    assert answer.status_code == 409
    assert "You have written to this mission already" in answer.text


def test_a_link_that_is_too_old_says_so(household: Household) -> None:
    path = f"/confirm/{household.link(CONFIRM, household.submit())}"
    household.clock.at += LINK_LIFE + timedelta(minutes=1)
    for answer in (household.visitor.get(path), household.visitor.post(path)):
        assert answer.status_code == 410
        assert "This link has expired" in answer.text


@pytest.mark.parametrize("path", ["/confirm/", "/letter/"])
def test_a_link_that_nobody_was_sent_leads_to_no_letter(household: Household, path: str) -> None:
    letter = household.submit()
    other = household.link(STATUS if path == "/confirm/" else CONFIRM, letter)
    for token in ("nonsense", quote("ä" * 40), other):
        assert household.visitor.get(path + token).status_code == 404


def test_a_letter_can_be_taken_back_until_it_leaves(household: Household) -> None:
    letter = household.submit()
    visitor = household.visitor
    visitor.post(f"/confirm/{household.link(CONFIRM, letter)}")
    path = f"/letter/{household.link(STATUS, letter)}"
    assert "Take my letter back" in visitor.get(path).text
    assert visitor.post(f"{path}/withdraw").status_code == 303
    page = visitor.get(path).text
    assert "You took your letter back. It will not be sent." in page
    assert "Take my letter back" not in page
    assert visitor.post(f"{path}/withdraw").status_code == 303


def test_a_letter_that_has_left_can_not_be_taken_back(household: Household) -> None:
    letter = household.submit()
    visitor = household.visitor
    visitor.post(f"/confirm/{household.link(CONFIRM, letter)}")
    household.work_on(ACTION_DAY)
    path = f"/letter/{household.link(STATUS, letter)}"
    page = visitor.get(path).text
    assert "Handed over by email" in page
    assert "Take my letter back" not in page
    answer = visitor.post(f"{path}/withdraw")
    assert answer.status_code == 409
    assert "Your letter has left already" in answer.text


def test_the_sample_follows_the_language_but_own_words_stay(household: Household) -> None:
    visitor, samples = household.visitor, household.house.campaigns.active.samples
    asked = {"language": "fr", "wants_sample": "yes"}
    page = unescape(visitor.post("/edit", data=FIELDS | asked | {"letter": samples["en"].text}).text)
    assert samples["fr"].text.strip() in page
    page = unescape(visitor.post("/edit", data=FIELDS | asked).text)
    assert LETTER in page
    assert "Your own words were left as they are." in page


def test_going_back_to_change_something_keeps_everything(household: Household) -> None:
    fields = FIELDS | {"shielded": "yes", "organisation": "Harbour Choir", "region": "Ontario"}
    page = unescape(household.visitor.post("/edit", data=fields).text)
    for value in ("Jane Doe", "jane.doe@example.org", "Ottawa", "Harbour Choir", "Ontario", LETTER, "k" * 32):
        assert value in page
    assert '<option value="CA" selected>' in page
    assert re.search(r'name="shielded"[^>]* checked', page)


def test_a_letter_of_full_length_in_any_script_can_be_sent(household: Household) -> None:
    letter = household.submit(letter="平" * 20_000, language="zh")
    with household.house.store.read() as work:
        assert work.letters.get([letter])[letter].text == "平" * 20_000


def test_a_letter_that_is_too_long_comes_back_with_its_words(household: Household) -> None:
    long = "평화 " * 8_000
    page = household.visitor.post("/preview", data=FIELDS | {"letter": long})
    assert page.status_code == 422
    assert "20,000 fit" in page.text
    assert long.strip() in page.text


def test_a_body_that_is_far_too_large_is_refused_in_words(household: Household) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT // 1024 + 2):
            yield b"x" * 1024

    form = {"content-type": "application/x-www-form-urlencoded"}
    bodies: tuple[bytes | Iterator[bytes], ...] = (b"letter=" + b"x" * BODY_LIMIT, endless())
    for body in bodies:
        answer = household.visitor.post("/preview", content=body, headers=form)
        assert answer.status_code == 413
        assert "Your letter is too long" in answer.text


def test_an_error_of_ours_keeps_the_letter_and_tells_no_details(
    household: Household, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("jane.doe@example.org in row 7")

    monkeypatch.setattr(household.house.store, "read", broken)
    for path in ("/preview", "/letters"):
        answer = household.visitor.post(path, data=FIELDS)
        assert answer.status_code == 500
        page = unescape(answer.text)
        assert "Everything you typed is still here." in page
        assert LETTER in page
        assert "row 7" not in page
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "RuntimeError" in caplog.text
    assert "jane.doe" not in caplog.text


def test_even_where_no_page_can_be_made_no_details_are_told(
    household: Household, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("jane.doe@example.org in row 7")

    monkeypatch.setattr(household.clock, "now", broken)
    answer = household.visitor.post("/preview", data=FIELDS)
    assert answer.status_code == 500
    assert "what you typed is still there" in answer.text
    assert "jane.doe" not in answer.text + caplog.text


def test_no_page_of_this_face_sets_a_cookie_or_fetches_from_elsewhere(household: Household) -> None:
    letter = household.submit()
    paths = (
        "/",
        "/privacy",
        "/thanks",
        f"/confirm/{household.link(CONFIRM, letter)}",
        "/no-such-page",
        "/healthz",
    )
    for path in paths:
        answer = household.visitor.get(path)
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "script-src" not in answer.headers["content-security-policy"]
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
        assert "<script" not in answer.text
        assert " style=" not in answer.text


def test_the_faces_share_no_routes(household: Household) -> None:
    visitor = household.visitor
    assert visitor.get("/board").status_code == 404
    assert visitor.get("/mailroom").status_code == 404
    assert visitor.post("/console/preview", data=FIELDS).status_code in {404, 405}
    for path in ("/docs", "/openapi.json", "/console/docs", "/console/openapi.json"):
        assert visitor.get(path).status_code == 404


def test_the_service_says_that_it_is_well(household: Household) -> None:
    answer = household.visitor.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def _words(page: httpx.Response | str) -> str:
    """The text of a page on one line."""
    text = page if isinstance(page, str) else page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())
