"""Signatures as receivers see them: dkimpy, which others wrote, verifies each."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dispatcher.adapters import mime, notice_mail
from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.adapters.dkim import SignedMail
from dispatcher.services.transport import check_content
from tests.adapters.test_mime import CAMPAIGN, enclosure, one_line, render, whole_text
from tests.dkim_keys import Key, ed25519, is_verified, rsa, signature
from tests.servers.aiosmtpd_server import AiosmtpdServer
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.servers.smtp_posting import ACCEPTED, parcel, run, send, transport

# In the past: a verifier may refuse a signature from the future (RFC 6376 3.5, "t=").
AT = datetime(2025, 9, 24, 7, 0, tzinfo=UTC)
KEYS = pytest.mark.parametrize("make", [rsa, ed25519])
PDF = enclosure(bytes(range(256)) * 40, "Résumé.pdf")
# No letters of mail's own, but what canonical form is about: blanks, tabs, empty lines, dots.
odd_body = st.lists(st.text(" \tab.=:;\x0b\x0cé", max_size=12), max_size=8)


def sealed(content: bytes, key: Key | None = None) -> bytes:
    """The mail with its signature, as SignedMail gives it."""
    writer = SignedMail(mime, signature(key), SimulatedClock(AT))
    return writer.assemble(content, (), writer.opening(AT))


def letter(**changes: object) -> bytes:
    return sealed(render(**changes).content)


LETTER = letter(subject="Bitte, für die Flüchtlinge", text="Your  Excellency,\n\n.\nplease.\n\n\n")


def field(message: bytes) -> str:
    """The unfolded signature."""
    assert message.startswith(b"DKIM-Signature: ")
    return re.sub(r"\r\n ", "", re.split(rb"\r\n(?! )", message)[0].decode("ascii"))


def tag(message: bytes, name: str) -> str:
    return dict(each.strip().split("=", 1) for each in field(message)[16:].split(";"))[name]


@KEYS
def test_a_letter_is_verified_by_another_program(make: Callable[[], Key]) -> None:
    key = make()
    message = sealed(render(subject="請求", writer_name="Łucja Żak").content, key=key)
    assert is_verified(message, key)
    assert message.isascii() and max(map(len, message.split(b"\r\n"))) <= 78
    check_content(message)


@KEYS
def test_a_letter_with_an_enclosure_is_verified_to_its_last_byte(make: Callable[[], Key]) -> None:
    key = make()
    content = render(campaign=replace(CAMPAIGN, enclosures=(PDF,))).content
    writer = SignedMail(mime, signature(key), SimulatedClock(AT))
    message = writer.assemble(content, [writer.encode_enclosure(PDF)], writer.opening(AT))
    assert is_verified(message, key)
    middle = message.index(b"Content-Disposition") + 2_000
    other = b"A" if message[middle : middle + 1] != b"A" else b"B"
    assert not is_verified(message[:middle] + other + message[middle + 1 :], key)


def test_a_notice_is_verified_and_says_that_it_is_automatic() -> None:
    notice = notice_mail.render_notice(
        "confirmation",
        language="en",
        campaign=CAMPAIGN,
        recipient="jane@example.org",
        recipient_name="Jane Doe",
        message_id="<2.2@campaign.example>",
        variables={
            "name": "Jane Doe", "campaign_name": "Day", "mission_name": "Embassy", "day": "24 September",
            "link": "https://campaign.example/c/1", "letter_text": "Please.", "expires": "tomorrow",
        },
    )  # fmt: skip
    message = sealed(notice.content)
    assert is_verified(message)
    assert "auto-submitted" in tag(message, "h").split(":")


def test_what_was_approved_is_still_found_in_the_signed_mail() -> None:
    rendered = render()
    assert hashlib.sha256(mime.approved_part(sealed(rendered.content))).hexdigest() == rendered.digest


def test_the_signature_tells_when_it_was_made_and_by_which_key() -> None:
    assert (tag(LETTER, "t"), tag(LETTER, "d"), tag(LETTER, "s")) == (
        str(int(AT.timestamp())),
        "campaign.example",
        "s1",
    )
    assert (tag(LETTER, "a"), tag(LETTER, "c")) == ("ed25519-sha256", "relaxed/relaxed")
    assert {"l", "x", "z", "i"}.isdisjoint(
        dict(each.split("=", 1) for each in field(LETTER)[16:].split("; "))
    )


def test_all_that_readers_act_on_is_signed_and_once_more_than_it_is_there() -> None:
    names = tag(LETTER, "h").split(":")
    there = [
        line.partition(b":")[0].decode().lower() for line in LETTER.partition(b"\r\n\r\n")[0].split(b"\r\n")
    ]
    assert set(names) - {"cc"} == {name for name in there if not name.startswith(" ")} - {"dkim-signature"}
    for name in ("from", "to", "subject", "date", "reply-to", "message-id", "content-type"):
        assert names.count(name) == 2, name
    assert names.count("cc") == 1


def test_lists_and_answers_are_signed_but_never_a_trace_or_a_blind_copy() -> None:
    more = b"List-Id: <day.campaign.example>\r\nReferences: <1@x.example>\r\nBcc: b@x.example\r\nReceived: from a\r\n"
    message = sealed(more + b"Return-Path: <a@x.example>\r\n" + render().content)
    names = tag(message, "h").split(":")
    assert {"list-id", "references"} <= set(names)
    assert {"bcc", "received", "return-path", "dkim-signature"}.isdisjoint(names)
    assert is_verified(message)


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Cc", "Reply-To", "Date", "Content-Type"])
def test_nobody_can_put_a_second_field_on_top(name: str) -> None:
    assert is_verified(LETTER)
    assert not is_verified(f"{name}: somebody@else.example\r\n".encode() + LETTER)


def test_what_servers_put_on_top_does_no_harm() -> None:
    trace = b"Return-Path: <bounce+1@campaign.example>\r\nReceived: from a\r\n by b; Fri, 24 Sep 2027\r\n"
    assert is_verified(trace + LETTER)


@given(st.integers(0, len(LETTER) - 1), st.sampled_from(b"aZ0~"))
def test_a_changed_byte_is_noticed(place: int, byte: int) -> None:
    body, subject = LETTER.index(b"\r\n\r\n") + 4, LETTER.index(b"Subject: ")
    place = place if place >= body else subject + 9 + place % 20
    # Not a blank, for canonical form lets blanks come and go.
    assume(LETTER[place] not in (byte, *b" \r\n"))
    assert not is_verified(LETTER[:place] + bytes([byte]) + LETTER[place + 1 :])


@given(one_line, one_line, whole_text)
def test_whatever_people_write_is_verified(name: str, subject: str, text: str) -> None:
    assert is_verified(letter(writer_name=name, subject=subject, text=text))


@given(odd_body, st.integers(0, 3), st.sampled_from(["a  b", "a\r\n b", "\ta\r\n\t b ", ""]))
@example([], 0, "a")
@example([" ", ""], 2, "a")
@example([".", ".."], 0, "a")
def test_odd_blanks_and_empty_lines_are_signed_as_receivers_read_them(
    lines: list[str], empty: int, subject: str
) -> None:
    head = (
        f"From: letters@campaign.example\r\nTo:  a@b.example \r\nSubject:{subject}\r\nMIME-Version: 1.0\r\n"
    )
    body = "\r\n".join(lines) + "\r\n" * (empty + 1)
    assert is_verified(sealed(head.encode() + b"\r\n" + body.encode()))


@pytest.mark.parametrize("domain", ["campaign.example", "CAMPAIGN.example", "letters.campaign.example"])
def test_a_sender_within_the_domain_is_signed(domain: str) -> None:
    campaign = replace(CAMPAIGN, from_address=f"letters@{domain}")
    assert is_verified(letter(campaign=campaign))


@pytest.mark.parametrize("domain", ["other.example", "example", "notcampaign.example"])
def test_a_sender_of_another_domain_leaves_as_it_is(domain: str) -> None:
    content = render(campaign=replace(CAMPAIGN, from_address=f"letters@{domain}")).content
    assert sealed(content) == mime.assemble(content, (), mime.opening(AT))


@pytest.mark.parametrize("name", ["a@campaign.example", "<a@campaign.example>", 'x" <a@campaign.example>'])
def test_a_name_that_looks_like_an_address_lends_no_signature(name: str) -> None:
    content = render(
        writer_name=name, campaign=replace(CAMPAIGN, from_name=name, from_address="a@other.example")
    ).content
    assert not sealed(content).startswith(b"DKIM")


DOTTED = (
    b"From: letters@campaign.example\r\nSubject: dots\r\n\r\n.\r\n..\r\n.leading\r\n"
    + b"x" * 900
    + b" \r\n\r\n.\r\n"
)


def test_what_a_server_receives_is_byte_for_byte_what_was_signed() -> None:
    messages = [sealed(DOTTED), LETTER, letter(text="請" * 400)]

    async def work(port: int) -> None:
        line = transport(port)
        try:
            journal = await send(line, [parcel(number, each) for number, each in enumerate(messages)])
        finally:
            await line.close()
        assert set(journal.kinds()) == {ACCEPTED}

    with in_thread(AiosmtpdServer()) as server:
        run(work(server.port))
    received = [envelope.content for envelope in server.messages]
    assert received == messages
    assert all(is_verified(each) for each in messages)


def test_chunks_carry_the_signed_bytes_too() -> None:
    async def work() -> list[bytes]:
        async with ScriptedSmtp(extensions=("PIPELINING", "CHUNKING")) as server:
            line = transport(server.port)
            try:
                await send(line, [parcel(1, sealed(DOTTED))])
            finally:
                await line.close()
            return [each.content for each in server.received if each.way == "BDAT"]

    (received,) = run(work())
    assert is_verified(received)
