"""Mails to supporters: every kind in every language, and nothing typed is evaluated."""

import hashlib
import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from dispatcher.adapters.mail_fields import CannotWriteMail
from dispatcher.adapters.mime import approved_part, assemble, opening
from dispatcher.adapters.notice_mail import NoNotice, NoticeIncomplete, render_notice
from dispatcher.domain.campaign import LANGUAGES, ActionDayRule, Campaign, CampaignId, Letterhead
from dispatcher.shelf import resource

KINDS = ("confirmation", "reminder", "receipt", "withdrawn")
USED = {
    "confirmation": {"name", "campaign_name", "mission_name", "day", "link", "expires"},
    "reminder": {"name", "campaign_name", "mission_name", "day", "link", "expires"},
    "receipt": {"name", "campaign_name", "mission_name", "day", "link", "letter_text"},
    "withdrawn": {"name", "campaign_name", "mission_name"},
}
CAMPAIGN = Campaign(
    id=CampaignId("day"),
    name="Refugees Day",
    summary="",
    action_day=ActionDayRule(month=9, day=24),
    addressee=(),
    from_name="Refugees Day",
    from_address="letters@campaign.example",
    bounce_domain="campaign.example",
    letterhead=Letterhead(name="Day", email="office@campaign.example"),
    samples={},
)
VARIABLES = {
    "name": "민수 김",
    "campaign_name": "Refugees Day",
    "mission_name": "Embassy in Ottawa",
    "day": "DAY-24",
    "link": "https://campaign.example/l/abc",
    "letter_text": "Your Excellency,\n\nplease.",
    "expires": "EXPIRES-1",
}


def notice(kind: str = "receipt", language: str = "en", **changes: str) -> EmailMessage:
    rendered = render_notice(
        kind,
        language=language,
        campaign=CAMPAIGN,
        recipient="jane@example.org",
        recipient_name=changes.get("name", "Jane Doe"),
        message_id="<n.1@campaign.example>",
        variables={**VARIABLES, **changes},
    )
    raw = assemble(rendered.content, [], opening(datetime(2026, 9, 1, tzinfo=UTC)))
    assert approved_part(raw) == rendered.content
    assert rendered.digest == hashlib.sha256(rendered.content).hexdigest()
    assert raw.isascii()
    parsed = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_must_in_every_language(kind: str, language: str) -> None:
    mail = notice(kind, language)
    body = mail.get_content().replace("\r\n", "\n")
    for variable, value in VARIABLES.items():
        assert (value in body) == (variable in USED[kind]), variable
    assert "Refugees Day" in mail["Subject"]
    assert mail["Content-Language"] == language
    assert not re.search(r"[!！¡]", body), "visual.md: no exclamation marks"


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_languages_share_a_text(kind: str) -> None:
    texts = {
        resource("templates", "mail", kind, f"{language}.txt").read_text("utf-8") for language in LANGUAGES
    }
    assert len(texts) == len(LANGUAGES)


def test_a_notice_says_that_it_is_automatic_and_whom_to_answer() -> None:
    mail = notice()
    assert mail.keys()[0] == "Date"
    assert mail["Date"] == "Tue, 01 Sep 2026 00:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] == "Refugees Day <letters@campaign.example>"
    assert mail["Reply-To"] == "office@campaign.example"
    assert mail["To"] == "Jane Doe <jane@example.org>"
    assert mail["Message-ID"] == "<n.1@campaign.example>"


def test_what_a_supporter_typed_is_never_a_template() -> None:
    typed = "{{ 7 * 7 }} {% for x in [] %} {{ link.__class__ }} {# c #}"
    body = notice(letter_text=typed, name=typed).get_content()
    assert body.count(typed) == 2
    assert "49" not in body


def test_a_text_that_looks_like_a_header_stays_in_the_body() -> None:
    mail = notice(letter_text="Subject: other\nBcc: all@example.org\n\n.\nFrom me")
    assert mail["Bcc"] is None
    assert "Subject: other\nBcc: all@example.org\n\n.\nFrom me" in mail.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize("field", sorted(set(VARIABLES) - {"letter_text"}))
def test_a_line_break_in_a_short_value_is_refused_by_name(field: str) -> None:
    with pytest.raises(CannotWriteMail, match=field):
        notice("confirmation", **{field: "x\r\nBcc: all@example.org"})


def test_a_control_character_in_the_letter_is_refused() -> None:
    with pytest.raises(CannotWriteMail):
        notice(letter_text="a\x1bb")


def test_a_missing_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(NoticeIncomplete, match="link"):
        render_notice(
            "confirmation",
            language="de",
            campaign=CAMPAIGN,
            recipient="jane@example.org",
            recipient_name="Jane",
            message_id="<n.1@campaign.example>",
            variables={name: value for name, value in VARIABLES.items() if name != "link"},
        )


@pytest.mark.parametrize("language", ["sv", "../receipt/de", ""])
def test_a_language_without_a_template_gets_english(language: str) -> None:
    assert notice("withdrawn", language)["Content-Language"] == "en"


@pytest.mark.parametrize("kind", ["birthday", "../letters", ""])
def test_an_unknown_kind_is_named(kind: str) -> None:
    with pytest.raises(NoNotice):
        notice(kind)
