"""The fast MIME writer against the email package: what is parsed is what was given."""

import email.utils
import hashlib
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dispatcher.adapters.mail_fields import CannotWriteMail
from dispatcher.adapters.mime import (
    EnclosureChanged,
    EnclosuresDiffer,
    NotOurMail,
    approved_part,
    assemble,
    encode_enclosure,
    opening,
    render_email,
)
from dispatcher.domain.campaign import (
    ActionDayRule,
    Campaign,
    CampaignId,
    Enclosure,
    Letterhead,
    SampleLetter,
)
from dispatcher.domain.mission import Mission, MissionId, MissionKind
from dispatcher.services.stationery import LetterContent, Rendered, signature

CAMPAIGN = Campaign(
    id=CampaignId("day"),
    name="Save North Korean Refugees Day",
    summary="",
    action_day=ActionDayRule(month=9, day=24),
    addressee=(),
    from_name="Save North Korean Refugees Day",
    from_address="letters@campaign.example",
    bounce_domain="campaign.example",
    letterhead=Letterhead(name="Day"),
    samples={"en": SampleLetter(language="en", title="", addressee="", subject="", text="")},
)
MISSION = Mission(
    id=MissionId("cn-ca-ottawa"),
    kind=MissionKind.EMBASSY,
    country="CA",
    country_name="Canada",
    region=None,
    city="Ottawa",
    time_zone="America/Toronto",
    name="Embassy of the People's Republic of China in Canada",
)
LETTER = LetterContent(
    action_day=date(2027, 9, 24),
    campaign=CAMPAIGN,
    mission=MISSION,
    language="en",
    subject="A request",
    text="Your Excellency,\n\nplease.",
    writer_name="Jane Doe",
    organisation="Friends of Refugees",
    place_line="Houston, Texas, United States",
    shielded=False,
    reply_to="jane@example.org",
    message_id="<1.2@campaign.example>",
    reference="Letter K7Q2-94MX",
)
AT = datetime(2026, 9, 24, 9, 0, tzinfo=timezone(timedelta(hours=-4)))

one_line = st.text(
    st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=120
).filter(lambda text: text.strip() == text)
whole_text = st.text(st.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n\r\t"))


def enclosure(content: bytes = b"%PDF-1.7 rules", name: str = "Summary.pdf") -> Enclosure:
    return Enclosure(name=name, content=content, digest=hashlib.sha256(content).hexdigest())


def render(**changes: Any) -> Rendered:
    return render_email(replace(LETTER, **changes), recipient="ottawa@mission.example")


def parse(message: bytes) -> EmailMessage:
    parsed = BytesParser(policy=policy.default).parsebytes(message)
    assert isinstance(parsed, EmailMessage)
    return parsed


def lines_of(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")


def shown(display_name: str, name: str) -> str:
    """Python 3.11's parser adds a blank between the encoded words of a name: a second one behind a blank,
    which nobody sees, but a false one within a word that is too long for one encoded word."""
    longest = max((len(word.encode()) for word in name.split()), default=0)
    return " ".join(display_name.split()) if longest < 39 else "".join(display_name.split())


def expect_mail_lines(message: bytes) -> None:
    assert message.isascii()
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\r" not in message.replace(b"\r\n", b"")
    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    body = [line for line in lines[lines.index(b"") :] if not line.startswith(b" filename*=")]
    assert max(map(len, body)) <= 78
    assert not any(line.startswith((b".", b"From ")) for line in body)


@given(name=one_line, subject=one_line, text=whole_text)
@example(name='Jane "J." \\Doe, <x@y.example>; (cc)', subject="=?utf-8?q?no?=", text=".\n..\nFrom me \n. \n")
@example(name="a  b", subject="x" * 120, text="word " * 400 + "é" * 3 + "\r\rlast  ")
@example(name="이름 😀 עברית", subject="\u0301 " + "語" * 80, text="é" * 500 + "=" * 200 + "\n" + "a" * 1500)
@example(name="Jane Doe", subject="A " * 55 + "B", text="e\u0301" * 90 + ".a" * 300)
def test_the_email_package_reads_back_what_was_given(name: str, subject: str, text: str) -> None:
    message = render(writer_name=name, subject=subject, text=text).content
    expect_mail_lines(message)
    parsed = parse(message)
    assert not parsed.defects
    name = unicodedata.normalize("NFC", name)
    sender = parsed["From"].addresses[0]
    assert (sender.addr_spec, len(parsed["From"].addresses)) == ("letters@campaign.example", 1)
    words = " ".join(name.split())
    assert shown(sender.display_name, words) == shown(f"{words} via Save North Korean Refugees Day", words)
    assert parsed["To"].addresses[0].addr_spec == "ottawa@mission.example"
    assert parsed["To"].addresses[0].display_name == MISSION.name
    assert parsed["Reply-To"].addresses[0].addr_spec == "jane@example.org"
    assert shown(parsed["Reply-To"].addresses[0].display_name, words) == shown(words, words)
    assert parsed["Subject"] == unicodedata.normalize("NFC", subject)
    assert parsed["Message-ID"] == LETTER.message_id
    assert parsed["Content-Language"] == "en"
    assert parsed.get_content_type() == "text/plain"
    body = parsed.get_content().replace("\r\n", "\n")
    closing = f"{name}\nFriends of Refugees\nHouston, Texas, United States"
    assert body == f"{lines_of(text)}\n\n{closing}\n\n{CAMPAIGN.name}\n{LETTER.reference}\n"


@given(name=one_line, subject=one_line, text=whole_text)
def test_an_email_message_with_the_same_fields_reads_the_same(name: str, subject: str, text: str) -> None:
    ours = parse(render(writer_name=name, subject=subject, text=text).content)
    theirs = EmailMessage(policy=policy.SMTP.clone(max_line_length=78))
    theirs["Subject"] = unicodedata.normalize("NFC", subject)
    theirs.set_content(ours.get_content().replace("\r\n", "\n"), cte="base64")
    again = parse(theirs.as_bytes())
    assert ours["Subject"] == str(theirs["Subject"])
    assert ours.get_content().replace("\r\n", "\n") == again.get_content().replace("\r\n", "\n")


@given(name=st.text(min_size=1, max_size=80), text=whole_text)
@example(name="enclosure.pdf", text="--=_\n")
@example(name="보고서 요약" * 20 + ".pdf", text="")
def test_enclosures_come_back_byte_for_byte(name: str, text: str) -> None:
    if re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", name):
        with pytest.raises(CannotWriteMail, match="enclosure name"):
            encode_enclosure(enclosure(name=name))
        return
    first, second = enclosure(bytes(range(256)) * 30, name), enclosure(b"\r\n.\r\n--")
    rendered = render(campaign=replace(CAMPAIGN, enclosures=(first, second)), text=text)
    assert rendered.enclosures == (first.digest, second.digest)
    sent = assemble(rendered.content, [encode_enclosure(first), encode_enclosure(second)], opening(AT))
    expect_mail_lines(sent)
    parsed = parse(sent)
    body, *parts = parsed.iter_parts()
    assert [part.get_content() for part in parts] == [first.content, second.content]
    assert {part.get_content_type() for part in parts} == {"application/pdf"}
    assert parts[1].get_filename() == "Summary.pdf"
    expected = unicodedata.normalize("NFC", name).strip()
    # Python's reader takes marks around a whole name ("..." and <...>) for quoting and drops them.
    read_as_it_is = email.utils.unquote(expected) == expected
    if len(expected) <= 72 and expected and "  " not in expected and read_as_it_is:
        assert parts[0].get_filename() == expected
    assert body.get_content().replace("\r\n", "\n").startswith(lines_of(text) + "\n\nJane Doe\n")
    assert approved_part(sent) == rendered.content


def test_the_date_is_the_first_field_in_utc_and_outside_the_digest() -> None:
    rendered = render()
    assert b"Date:" not in rendered.content
    sent = assemble(rendered.content, [], opening(AT))
    assert sent.startswith(b"Date: Thu, 24 Sep 2026 13:00:00 +0000\r\nFrom: ")
    assert hashlib.sha256(approved_part(sent)).hexdigest() == rendered.digest


def test_the_approved_part_is_found_below_the_trace_fields_of_a_relay() -> None:
    rendered = render(campaign=replace(CAMPAIGN, enclosures=(enclosure(),)))
    sent = assemble(rendered.content, [encode_enclosure(enclosure())], opening(AT))
    received = (
        b"Received: from a\r\n by b; Thu, 24 Sep 2026\r\nDKIM-Signature: v=1;\r\n h=Date:From\r\n" + sent
    )
    assert approved_part(received) == rendered.content


def test_a_changed_letter_does_not_have_the_approved_digest() -> None:
    rendered = render()
    sent = assemble(rendered.content, [], opening(AT)).replace(b"please", b"PLEASE")
    assert hashlib.sha256(approved_part(sent)).hexdigest() != rendered.digest


@pytest.mark.parametrize("broken", [b"", b"Subject: x\r\n\r\nDate: y\r\n", b"Date: x"])
def test_other_bytes_are_not_taken_for_a_letter(broken: bytes) -> None:
    with pytest.raises(NotOurMail):
        approved_part(broken)


def test_only_the_approved_enclosures_can_be_joined() -> None:
    approved, other = enclosure(), enclosure(b"other")
    rendered = render(campaign=replace(CAMPAIGN, enclosures=(approved,)))
    for wrong in ([], [other], [approved, other], [approved, approved]):
        with pytest.raises(EnclosuresDiffer, match=re.escape("<1.2@campaign.example>")):
            assemble(rendered.content, [encode_enclosure(each) for each in wrong], opening(AT))
    with pytest.raises(EnclosuresDiffer):
        assemble(render().content, [encode_enclosure(approved)], opening(AT))


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", 'multipart/mixed; boundary="x"'])
def test_a_text_that_speaks_of_content_types_promises_no_enclosures_and_hides_none(kind: str) -> None:
    text = f"Dear\nContent-Type: {kind}\n\nplease"
    plain, promising = (
        render(text=text),
        render(text=text, campaign=replace(CAMPAIGN, enclosures=(enclosure(),))),
    )
    assert assemble(plain.content, [], opening(AT)) == opening(AT) + plain.content
    with pytest.raises(EnclosuresDiffer):
        assemble(promising.content, [], opening(AT))


def test_an_enclosure_that_is_not_its_digest_is_refused() -> None:
    with pytest.raises(EnclosureChanged):
        encode_enclosure(replace(enclosure(), content=b"swapped"))


@pytest.mark.parametrize(
    "poison", ["\r\nBcc: all@example.org", "\n", "\r", "\0", "\x85", "\u2028", "\udc80", "\x1b[1m"]
)
@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("subject", "Subject"),
        ("writer_name", "signature|From"),
        ("organisation", "signature"),
        ("place_line", "signature"),
        ("reply_to", "Reply-To"),
        ("message_id", "Message-ID"),
        ("language", "Content-Language"),
        ("reference", "reference"),
    ],
)
def test_no_field_can_carry_a_second_header(field: str, named: str, poison: str) -> None:
    with pytest.raises(CannotWriteMail, match=named):
        render(**{field: f"{getattr(LETTER, field)}{poison}x"})


@pytest.mark.parametrize(
    "address",
    ["", "jane", "jane@", "a b@example.org", "<a@example.org>", "a@b.example,c@d.example", "é@x.example"],
)
def test_a_recipient_must_be_one_plain_mailbox(address: str) -> None:
    with pytest.raises(CannotWriteMail, match="To"):
        render_email(LETTER, recipient=address)


def test_a_control_character_in_the_text_is_refused_by_name() -> None:
    with pytest.raises(CannotWriteMail, match="letter text"):
        render(text="a\0b")


def test_a_letter_is_no_automatic_mail_and_a_latin_one_stays_readable() -> None:
    content = render().content
    assert b"Auto-Submitted" not in content
    assert (
        b'\r\nFrom: "Jane Doe via Save North Korean Refugees Day" <letters@campaign.example>\r\n'
        in b"\r\n" + content
    )
    assert b"\r\nYour Excellency,\r\n\r\nplease.\r\n\r\nJane Doe\r\n" in content


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Jane Doe", "J. D."),
        ("김민수", "김."),
        ("jürgen von der Weiß", "J. V. D. W."),
        ("!!! 123", "N. N."),
        ("", "N. N."),
        ("ßa", "ß."),
    ],
)
def test_a_shielded_letter_shows_initials_and_country_only(name: str, initials: str) -> None:
    shielded = replace(LETTER, shielded=True, writer_name=name, reply_to="letters@campaign.example")
    assert signature(shielded).lines == (initials, "United States")
    parsed = parse(render_email(shielded, recipient="ottawa@mission.example").content)
    assert parsed["From"].addresses[0].display_name == f"{initials} via Save North Korean Refugees Day"
    assert parsed["Reply-To"] == "letters@campaign.example"
    whole = parsed.as_string() + parsed.get_content()
    assert not any(secret in whole for secret in ("Doe", "Houston", "Texas", "Friends", "jane@"))


@pytest.mark.parametrize("place", ["大阪、日本", "台北，日本", "Osaka, 日本", "日本"])
def test_the_country_of_a_shielded_writer_is_found_behind_every_comma(place: str) -> None:
    assert signature(replace(LETTER, shielded=True, place_line=place)).place == "日本"


def test_the_same_letter_gives_the_same_bytes() -> None:
    assert render() == render()
    assert render().content != render(message_id="<1.3@campaign.example>").content
    assert opening(AT) == opening(AT.astimezone(UTC))


def test_a_mail_begins_with_the_addressee_and_says_it_once() -> None:
    line = "To the President, in care of the Head of Mission"
    sample = SampleLetter(language="en", title="", addressee=line, subject="", text="")
    campaign = replace(LETTER.campaign, samples={"en": sample})
    own_words = replace(LETTER, campaign=campaign, text="Your Excellency,\n\nPlease help them.")
    assert _text_of(own_words).startswith(f"{line}\n\nYour Excellency,")
    typed_too = replace(own_words, text=f"{line}\n\nYour Excellency,")
    assert _text_of(typed_too).count(line) == 1


def _text_of(content: LetterContent) -> str:
    content_bytes = render_email(content, recipient="mission@example.org").content
    return str(BytesParser(policy=policy.default).parsebytes(content_bytes).get_content()).replace(
        "\r\n", "\n"
    )
