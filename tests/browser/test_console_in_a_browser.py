import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from dispatcher.services.organizers import Role
from dispatcher.services.pauses import PauseScope
from tests.browser.looks import Scheme, faint_texts, sideways
from tests.faces.web.household import ACTION_DAY, Household

pytestmark = pytest.mark.browser


def test_an_organizer_signs_in_filters_and_reads_a_delivery_and_its_mail(
    household: Household, browser: Browser
) -> None:
    _action_day(household)
    with browser.new_context(java_script_enabled=False) as context:
        page = _signed_in(context, household)
        page.get_by_label("State", exact=True).select_option("accepted")
        page.get_by_label("Channel").select_option("email")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**state=accepted**")
        page.locator("tbody a").first.click()
        page.get_by_text("open it in the mailroom").click()
        page.wait_for_url("**/mailroom/**")
        assert page.locator(".mail .words").inner_text().startswith("To the President")
        assert not page.locator(".mail details dl").is_visible()
        page.locator(".mail summary").click()
        assert "Message-ID" in page.locator(".mail details dl").inner_text()


def test_a_fax_page_is_a_picture_in_the_mailroom(household: Household, browser: Browser) -> None:
    household.take(country="IL", city="", email="fax@example.org")
    household.work_on(ACTION_DAY.replace(hour=7))
    with browser.new_context() as context:
        page = _signed_in(context, household)
        page.goto(f"{household.url}/console/mailroom/000001-fax")
        picture = page.locator(".thermal img")
        picture.wait_for()
        assert picture.evaluate("each => each.naturalWidth") > 800


def test_a_moderator_pauses_and_resumes_by_keyboard(household: Household, browser: Browser) -> None:
    household.take()
    with browser.new_context(java_script_enabled=False) as context:
        page = _signed_in(context, household)
        page.get_by_text("Pause something").focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Pause everything").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Paused: everything").wait_for()
        page.get_by_role("button", name="Resume everything").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Resumed.").wait_for()
    assert household.house.pausing.all() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_every_page_fits_and_can_be_read(
    household: Household, browser: Browser, width: int, scheme: Scheme
) -> None:
    _action_day(household)
    household.take(letter="Please let them go. We know where you live.", email="doubt@example.org")
    household.house.pausing.pause(PauseScope.MISSION, "cn-ca-ottawa", by="Mina", reason="A call came in.")
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = _signed_in(context, household)
        for path in (
            "/",
            "/?state=held",
            "/deliveries/1",
            "/review",
            "/mailroom",
            "/mailroom/000001-email",
            "/no",
        ):
            page.goto(f"{household.url}/console{path}")
            assert sideways(page) <= 0, path
            assert faint_texts(page) == [], path


def _action_day(household: Household) -> None:
    household.take()
    household.take(country="US", region="US-TX", city="Houston", email="second@example.org")
    household.take(country="TW", city="", email="third@example.org")
    household.work_on(ACTION_DAY)


def _signed_in(context: BrowserContext, household: Household) -> Page:
    household.house.sign_in.add("Mina", Role.MODERATOR)
    page = context.new_page()
    page.goto(f"{household.url}/console/enter/{household.house.sign_in.link('Mina')}")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/")
    return page
