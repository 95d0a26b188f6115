import httpx

from dispatcher.services.organizers import Role
from tests.faces.web.household import ACTION_DAY, Household


def _mailed(household: Household) -> httpx.Client:
    household.take()
    household.work_on(ACTION_DAY)
    return household.organizer()


def test_a_mail_is_shown_as_its_reader_sees_it(household: Household) -> None:
    page = _mailed(household).get("/console/mailroom/000001-email").text
    assert "Jane Doe via Save North Korean Refugees Day" in page
    assert "please let the people who have fled travel on in safety." in page
    assert "Message-ID" in page


def test_a_mail_is_downloaded_and_never_shown_as_a_page(household: Household) -> None:
    answer = _mailed(household).get("/console/mailroom/000001-email/000001-email.eml")
    assert answer.headers["content-disposition"] == 'attachment; filename="000001-email.eml"'
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["cache-control"] == "no-store"


def test_a_fax_is_shown_page_by_page(household: Household) -> None:
    household.take(country="IL", city="", email="fax@example.org")  # Tel Aviv has a fax and no mailbox
    household.work_on(ACTION_DAY.replace(hour=7))
    client = household.organizer()
    page = client.get("/console/mailroom/000001-fax").text
    assert '<img src="/console/mailroom/000001-fax/000001-fax-1.png"' in page
    picture = client.get("/console/mailroom/000001-fax/000001-fax-1.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_no_other_file_can_be_had_through_the_mailroom(household: Household) -> None:
    client = _mailed(household)
    for name in ("..%2Fsecret.key", "000001-email.json", "%2Fetc%2Fpasswd"):
        assert client.get(f"/console/mailroom/000001-email/{name}").status_code == 404
    assert client.get("/console/mailroom/999999-email").status_code == 404


def test_the_mailroom_is_not_for_viewers(household: Household) -> None:
    _mailed(household)
    viewer = household.organizer("Vic", Role.VIEWER)
    for path in ("", "/000001-email", "/000001-email/000001-email.eml"):
        answer = viewer.get(f"/console/mailroom{path}")
        assert answer.status_code == 403
        assert "Jane" not in answer.text


def test_the_pages_of_a_fax_are_shown_before_it_leaves(household: Household) -> None:
    household.take(country="IL", city="", email="fax@example.org")
    household.house.preparation.prepare_all()
    client = household.organizer()
    page = client.get("/console/deliveries/1").text
    assert 'src="/console/deliveries/1/page-1.png"' in page
    picture = client.get("/console/deliveries/1/page-1.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    for other in ("1/page-2", "1/page-0", "1/page-x", "2/page-1", "x/page-1"):
        assert client.get(f"/console/deliveries/{other}.png").status_code == 404
    assert household.organizer("Vic", Role.VIEWER).get("/console/deliveries/1/page-1.png").status_code == 403


def test_a_mail_has_no_pages(household: Household) -> None:
    client = _mailed(household)
    assert "page-1.png" not in client.get("/console/deliveries/1").text
    assert client.get("/console/deliveries/1/page-1.png").status_code == 404
