import re
from html import unescape

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.services.organizers import Role
from dispatcher.services.pauses import PauseScope
from dispatcher.services.sign_in import SESSION_LIFE
from tests.faces.web.household import ACTION_DAY, Household, mark_of

DOUBTFUL = "Your Excellency,\n\nplease let the people go. We know where you live.\n\nWith respect,"


def test_looking_at_a_sign_in_link_does_not_use_it_up(household: Household) -> None:
    household.house.sign_in.add("Mina", Role.ADMIN)
    path, visitor = f"/console/enter/{household.house.sign_in.link('Mina')}", household.visitor
    for _ in range(3):
        assert "Sign in" in visitor.get(path).text
    assert visitor.post(path).status_code == 303
    assert visitor.get("/console/").status_code == 200


def test_a_sign_in_link_works_once(household: Household) -> None:
    household.house.sign_in.add("Mina", Role.ADMIN)
    path = f"/console/enter/{household.house.sign_in.link('Mina')}"
    household.visitor.post(path)
    late = household.visitor
    assert late.post(path).status_code == 410
    assert late.get("/console/").status_code == 401


def test_the_session_cookie_stays_in_the_console_and_out_of_scripts(household: Household) -> None:
    household.house.sign_in.add("Mina", Role.ADMIN)
    answer = household.visitor.post(f"/console/enter/{household.house.sign_in.link('Mina')}")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/console"):
        assert part in cookie
    assert "Secure" not in cookie  # this house is reached over plain http, on this machine


@pytest.mark.parametrize("path", ["/", "/deliveries/1", "/review", "/mailroom", "/mailroom/1/1.eml"])
def test_nobody_sees_the_console_without_signing_in(household: Household, path: str) -> None:
    answer = household.visitor.get(f"/console{path}")
    assert answer.status_code == 401
    assert "dispatcher organizer link" in answer.text


def test_a_session_ends_by_signing_out_by_time_and_by_disabling(household: Household) -> None:
    leaving, staying, barred = (household.organizer(name) for name in ("Ann", "Bea", "Cem"))
    cookies = dict(leaving.cookies)
    assert (
        leaving.post("/console/leave", data={"mark": mark_of(leaving.get("/console/").text)}).status_code
        == 200
    )
    leaving.cookies.update(cookies)
    assert leaving.get("/console/").status_code == 401
    household.house.sign_in.disable("Cem")
    assert barred.get("/console/").status_code == 401
    assert staying.get("/console/").status_code == 200
    household.clock.at += SESSION_LIFE
    staying.cookies = dict(staying.cookies)  # the browser's own clock is not the house's
    assert staying.get("/console/").status_code == 401


def test_a_form_without_its_mark_changes_nothing(household: Household) -> None:
    client = household.organizer()
    for mark in ("", "0" * 64, "ä"):
        answer = client.post("/console/pause", data={"scope": "all", "mark": mark})
        assert answer.status_code == 400
        assert "nothing was changed" in answer.text
    assert household.house.pausing.all() == []


def test_a_viewer_reads_and_changes_nothing(household: Household) -> None:
    household.take()
    viewer = household.organizer("Vic", Role.VIEWER)
    page = viewer.get("/console/").text
    assert "Pause" not in page
    mark = mark_of(page)
    assert viewer.post("/console/pause", data={"scope": "all", "mark": mark}).status_code == 403
    assert viewer.get("/console/review").status_code == 403
    assert household.house.pausing.all() == []


def test_a_viewer_sees_no_personal_data(household: Household) -> None:
    letter = household.take()
    path = f"/console/deliveries/{household.delivery(letter)}"
    seen_by_viewer = household.organizer("Vic", Role.VIEWER).get(path).text
    assert "ottawa@csm.mfa.gov.cn" in seen_by_viewer
    for personal in ("Jane", "jane.doe@example.org", "have fled"):
        assert personal not in seen_by_viewer
    assert "have fled" in household.organizer().get(path).text


def test_the_board_says_how_things_stand(household: Household) -> None:
    household.take()
    household.take(country="US", region="US-TX", email="second@example.org")
    assert (
        "0 of 2 letters are with their missions. Nothing needs you."
        in household.organizer().get("/console/").text
    )
    household.work_on(ACTION_DAY)
    page = household.organizer().get("/console/").text
    assert "2 of 2 letters are with their missions. Nothing needs you." in page
    assert "Rehearsal: nothing leaves" in page


def test_the_log_is_filtered_and_searched(household: Household) -> None:
    ottawa = household.take()
    washington = household.take(country="US", region="US-TX", email="second@example.org")
    household.house.pausing.pause(PauseScope.MISSION, "cn-ca-ottawa", by="Mina")
    client = household.organizer()

    def letters(query: str) -> set[int]:
        page = client.get(f"/console/?{query}").text
        return {int(found) for found in re.findall(r'data-label="Letter">(\d+)<', page)}

    both = {ottawa, washington}
    assert letters("") == both
    assert letters("state=held") == {ottawa}
    assert letters("state=queued") == {washington}
    assert letters("mission=cn-us-washington") == {washington}
    assert letters("channel=email") == both
    assert letters("channel=fax") == set()
    assert letters("q=chinaembpress") == {washington}
    assert letters(f"q=%23{ottawa}") == {ottawa}
    assert letters("q=ottawa@csm") == {ottawa}
    assert letters("state=nonsense&channel=pigeon&page=-3") == both
    assert letters("page=99999999999999999999999") == both


def test_a_long_log_is_shown_in_pages(household: Household) -> None:
    for number in range(53):
        household.take(email=f"writer{number}@example.org")
    client = household.organizer()
    first, second = (client.get(f"/console/?page={page}").text for page in (1, 2))
    assert "1 to 50 of 53" in first
    assert "51 to 53 of 53" in second
    assert second.count("<tr>") == 1 + 3


def test_a_delivery_tells_its_whole_story(household: Household) -> None:
    letter = household.take()
    household.work_on(ACTION_DAY)
    page = unescape(household.organizer().get(f"/console/deliveries/{household.delivery(letter)}").text)
    assert "America/Toronto" in page
    for state in ("queued", "accepted"):
        assert f"<strong>{state}</strong>" in page
    assert "Laid in the mailroom (rehearsal)." in page
    assert f'href="/console/mailroom/{household.delivery(letter):06d}-email"' in page


def test_a_held_delivery_says_what_can_be_done(household: Household) -> None:
    letter = household.take(country="TW", city="")
    page = unescape(household.organizer().get(f"/console/deliveries/{household.delivery(letter)}").text)
    assert "No mission serves this place" in page


@pytest.mark.parametrize("number", ["0", "999", "x", "9" * 40, "-1", "٣"])
def test_a_delivery_that_is_not_there_is_told_in_words(household: Household, number: str) -> None:
    answer = household.organizer().get(f"/console/deliveries/{number}")
    assert answer.status_code == 404
    assert "No such delivery" in answer.text


@pytest.mark.parametrize(
    ("scope", "key"),
    [("mission", "cn-ca-ottawa"), ("campaign", "save-north-korean-refugees-day"), ("all", "")],
)
def test_a_moderator_stops_and_starts_sending(household: Household, scope: str, key: str) -> None:
    household.take()
    client = household.organizer()
    mark = mark_of(client.get("/console/").text)
    form = {"scope": scope, "key": key, "mark": mark, "reason": "A call came in."}
    answer = client.post("/console/pause", data=form)
    page = client.get(answer.headers["location"]).text
    assert "Paused. 1 deliveries are held now" in page
    assert "A call came in." in page
    (pause,) = household.house.pausing.all()
    assert pause.by == "Mina"
    with household.house.store.read() as work:
        assert work.outbox.totals() == {DeliveryState.HELD: 1}
    answer = client.post("/console/resume", data=form)
    assert "Resumed. 1 deliveries go on" in client.get(answer.headers["location"]).text
    assert household.house.pausing.all() == []


def test_pausing_what_is_not_there_is_told_in_words(household: Household) -> None:
    client = household.organizer()
    form = {"scope": "mission", "key": "cn-atlantis", "mark": mark_of(client.get("/console/").text)}
    answer = client.post("/console/pause", data=form)
    assert answer.status_code == 400
    assert "cn-atlantis" in answer.text


def test_a_moderator_reads_and_approves(household: Household) -> None:
    letter = household.take(letter=DOUBTFUL)
    client = household.organizer()
    page = unescape(client.get("/console/review").text)
    assert "One letter waits for a reader." in page
    assert "<mark>We know where you live</mark>" in page
    answer = client.post(f"/console/review/{letter}/approve", data={"mark": mark_of(page)})
    assert "is approved and will leave" in client.get(answer.headers["location"]).text
    assert household.letters(LetterState.APPROVED) == [letter]
    answer = client.post(f"/console/review/{letter}/reject", data={"mark": mark_of(page), "note": "late"})
    assert "decided by somebody else" in client.get(answer.headers["location"]).text


def test_a_rejection_needs_a_reason(household: Household) -> None:
    letter = household.take(letter=DOUBTFUL)
    client = household.organizer()
    mark = mark_of(client.get("/console/review").text)
    client.post(f"/console/review/{letter}/reject", data={"mark": mark, "note": "  "})
    assert household.letters(LetterState.IN_REVIEW) == [letter]
    client.post(f"/console/review/{letter}/reject", data={"mark": mark, "note": "A threat."})
    assert household.letters(LetterState.REJECTED) == [letter]


def test_odd_requests_get_calm_answers(household: Household) -> None:
    client = household.organizer()
    mark = mark_of(client.get("/console/").text)
    for path in ("/review/x/approve", "/review/999/approve"):
        assert client.post(f"/console{path}", data={"mark": mark}).status_code == 400
    assert client.post("/console/").status_code == 405
    assert client.post("/console/pause", files={"mark": b"a file"}).status_code in {400, 403}
