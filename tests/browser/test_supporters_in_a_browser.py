import pytest
from playwright.sync_api import Browser, Page

from dispatcher.domain.letter import LetterState
from dispatcher.services.confirmation import CONFIRM, STATUS
from tests.browser.looks import Scheme, faint_texts, sideways
from tests.faces.web.household import ACTION_DAY, LETTER, RUDE, Household

pytestmark = pytest.mark.browser


def test_a_letter_is_written_and_confirmed_by_keyboard_alone_without_scripts(
    household: Household, browser: Browser
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(household.url)
        _type_into(page, "name", "Jane Doe")
        _type_into(page, "email", "jane.doe@example.org")
        _walk_to(page, "country")
        page.keyboard.type("Canada")
        _type_into(page, "city", "Ottawa")
        _walk_to(page, "letter")
        page.keyboard.press("Control+A")
        page.keyboard.type(LETTER)
        _press(page, "See my letter")
        assert "Check your letter" in page.title()
        _press(page, "Send my letter")
        assert page.url.endswith("/thanks")
        (letter,) = household.letters(LetterState.SUBMITTED)
        page.goto(f"{household.url}/confirm/{household.link(CONFIRM, letter)}")
        _press(page, "Confirm my letter")
        assert "Your letter is confirmed" in page.title()
    assert household.letters(LetterState.APPROVED) == [letter]


def test_enter_in_a_field_shows_the_letter_and_does_not_change_it(
    household: Household, browser: Browser
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = _filled(context.new_page(), household)
        page.focus("#city")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert "Check your letter" in page.title()


def test_a_half_typed_letter_survives_the_error_page(household: Household, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = _filled(context.new_page(), household)
        page.fill("#email", "nowhere")
        page.click("section button.first")
        assert page.title().startswith("To mend")
        assert page.input_value("#letter") == LETTER
        page.click(".summary a")
        assert page.evaluate("document.activeElement.id") == "email"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1280])
def test_every_page_fits_and_can_be_read(
    household: Household, browser: Browser, width: int, scheme: Scheme
) -> None:
    letter = household.submit()
    household.visitor.post(f"/confirm/{household.link(CONFIRM, letter)}")
    household.work_on(ACTION_DAY)
    unconfirmed = household.submit(country="US", region="US-TX", city="Houston", form_key="b" * 32)
    paths = (
        "/",
        "/?lang=ko",
        "/thanks",
        "/privacy",
        f"/confirm/{household.link(CONFIRM, unconfirmed)}",
        f"/confirm/{household.link(CONFIRM, letter)}",
        f"/letter/{household.link(STATUS, letter)}",
        "/no-such-page",
    )
    with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme) as context:
        page = context.new_page()
        broken_rules: list[str] = []
        page.on("console", lambda message: broken_rules.append(message.text))
        for path in paths:
            page.goto(household.url + path)
            assert sideways(page) <= 0, path
            assert faint_texts(page) == [], path
        page = _filled(page, household)
        page.fill("#letter", RUDE)
        page.fill("#name", "")
        for fill in ("", "Jane Doe"):
            page.fill("#name", fill)
            page.click("section button.first")
            assert sideways(page) <= 0
            assert faint_texts(page) == []
    assert not [text for text in broken_rules if "Content Security Policy" in text]


def _filled(page: Page, household: Household) -> Page:
    page.goto(household.url)
    page.fill("#name", "Jane Doe")
    page.fill("#email", "jane.doe@example.org")
    page.select_option("#country", "CA")
    page.fill("#city", "Ottawa")
    page.fill("#letter", LETTER)
    return page


def _type_into(page: Page, field: str, text: str) -> None:
    _walk_to(page, field)
    page.keyboard.type(text)


def _walk_to(page: Page, field: str) -> None:
    for _ in range(40):
        if page.evaluate("document.activeElement.id") == field:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not lead to {field}")


def _press(page: Page, button: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == button:
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"the Tab key does not lead to “{button}”")
