import json
import tarfile
import time
from pathlib import Path

import pytest

from dispatcher.adapters.bounce_reader import BounceReader
from dispatcher.domain.returned_mail import MailFacts, MailKind, Reading, ReportType, sort_mail
from tests.samples.returned_mail import (
    ABSENCES,
    ACKNOWLEDGEMENTS,
    ANSWERS,
    BOUNCES,
    CHALLENGES,
    COMPLAINT,
    LETTER_ID,
    MISSION,
    POSTFIX_FAILED,
    READ_RECEIPT,
    STOPS,
    TOKEN,
    mail,
    sample,
)

_CORPUS = Path(__file__).parents[1] / "samples" / "flufl.bounce-6.0.0-corpus.tar.gz"
# In the corpus, but not to be understood: an unknown gateway, a plain mail, a quarantine's notice without address.
_BEYOND = {"dumbass_01.txt", "groupwise_03.txt", "simple_43.txt"}


def read(content: bytes) -> MailFacts:
    return BounceReader().read(content)


def reading(text: str) -> Reading:
    return sort_mail(read(sample(text)), MISSION)


def _corpus() -> dict[str, bytes]:
    with tarfile.open(_CORPUS) as archive:
        files = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


@pytest.mark.parametrize("name", BOUNCES)
def test_each_kind_of_server_is_understood(name: str) -> None:
    text, kind, status = BOUNCES[name]
    found = reading(text)
    assert (found.kind.value, found.status) == (kind, status)


@pytest.mark.parametrize("name", BOUNCES)
def test_each_of_them_names_its_letter(name: str) -> None:
    facts = read(sample(BOUNCES[name][0]))
    assert TOKEN in facts.tokens


def test_the_corpus_of_the_bounce_parser_is_told_apart() -> None:
    files = _corpus()
    expected = json.loads(files["expected.json"])
    judged = 0
    for name, content in files.items():
        if name not in expected or name in _BEYOND:
            continue
        failed, delayed = expected[name]["failed"], expected[name]["delayed"]
        if not failed and not delayed:
            continue
        found = sort_mail(read(content), (failed or delayed)[0])
        assert found.kind is (MailKind.BOUNCED if failed else MailKind.DELAYED), name
        judged += 1
    assert judged == 111


@pytest.mark.parametrize("name", sorted(_BEYOND))
def test_what_no_parser_understands_waits_for_a_person(name: str) -> None:
    assert sort_mail(read(_corpus()[name]), None).kind is MailKind.UNSORTED


def test_the_automatic_replies_of_the_corpus_are_no_bounces() -> None:
    assert sort_mail(read(_corpus()["qmail_08.txt"]), None).kind is MailKind.AUTO_REPLY


@pytest.mark.parametrize("language", ABSENCES)
def test_an_absence_note_is_an_automatic_reply(language: str) -> None:
    subject, text = ABSENCES[language]
    assert reading(mail(subject, text)).kind is MailKind.AUTO_REPLY


@pytest.mark.parametrize("language", ACKNOWLEDGEMENTS)
def test_an_acknowledgement_is_an_automatic_reply(language: str) -> None:
    assert reading(mail("Re: A request", ACKNOWLEDGEMENTS[language])).kind is MailKind.AUTO_REPLY


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated (rejected)", "X-Autoreply: yes", "X-Autorespond: x",
        "Precedence: bulk", "Precedence: auto_reply", "X-Auto-Response-Suppress: All", "X-Auto-Response-Suppress: DR, AutoReply",
        "X-MS-Exchange-Inbox-Rules-Loop: li@nl.mission.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_header_field_of_a_program_makes_any_words_automatic(header: str, language: str) -> None:
    """Even words that ask to stop, or that look like an answer."""
    assert reading(mail("Re: A request", ANSWERS[language], header=f"{header}\n")).kind is MailKind.AUTO_REPLY
    assert reading(mail("Re: A request", STOPS[language], header=f"{header}\n")).kind is MailKind.AUTO_REPLY


@pytest.mark.parametrize(
    "header", ["Auto-Submitted: no", "X-Auto-Response-Suppress: DR, RN", "Precedence: first-class"]
)
def test_a_person_may_write_such_fields_too(header: str) -> None:
    assert reading(mail("Re: A request", ANSWERS["en"], header=f"{header}\n")).kind is MailKind.ANSWER


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_person_wrote_is_an_answer(name: str) -> None:
    assert reading(mail("Re: A request", ANSWERS[name])).kind is MailKind.ANSWER


@pytest.mark.parametrize("name", STOPS)
def test_a_wish_to_stop_is_heard(name: str) -> None:
    assert reading(mail("Re: A request", STOPS[name])).kind is MailKind.STOP


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_challenge_is_neither_answer_nor_bounce(name: str) -> None:
    subject, text = CHALLENGES[name]
    assert reading(mail(subject, text)).kind is MailKind.CHALLENGE
    assert reading(mail(subject, text, header="Auto-Submitted: auto-replied\n")).kind is MailKind.CHALLENGE


def test_a_read_receipt_counts_as_nothing() -> None:
    facts = read(sample(READ_RECEIPT))
    assert facts.report is ReportType.READ
    assert facts.answers_to == (LETTER_ID,)
    assert sort_mail(facts, MISSION).kind is MailKind.AUTO_REPLY


def test_a_complaint_of_spam_is_a_wish_to_stop() -> None:
    found = reading(COMPLAINT)
    assert found.kind is MailKind.STOP
    assert "spam" in found.why


def test_where_a_mail_arrived_is_found_in_any_field_and_case() -> None:
    for field in ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"):
        content = f"{field}: BOUNCE+{TOKEN.upper()}@Campaign.example.org\r\n\r\nx".encode()
        assert read(content).tokens == (TOKEN,)
    received = f"Received: from a by b for <bounce+{TOKEN}@campaign.example.org>; Fri\r\n\r\nx".encode()
    assert read(received).tokens == (TOKEN,)


def test_the_envelope_id_of_a_report_is_a_token() -> None:
    text = POSTFIX_FAILED.replace(
        "Reporting-MTA: dns; mx.nl.mission.example", "Original-Envelope-Id: " + TOKEN.replace("-", "+2D")
    )
    assert read(sample(text, back="elsewhere@x.example")).tokens == (TOKEN,)


def test_words_of_the_returned_letter_are_not_the_senders() -> None:
    text = (
        mail("Fwd", "see below").replace("text/plain", "message/rfc822")
        + "\nSubject: x\n\nPlease stop sending mails."
    )
    assert "stop" not in read(sample(text)).text


def test_html_becomes_plain_words() -> None:
    html = (
        "<style>p{}</style><script>alert('stop sending')</script><p>Dear&nbsp;Ms Doe,</p><div>thank <b>you</b></div>"
        "<blockquote>your letter</blockquote>"
    )
    content = f"From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}".encode()
    assert read(content).text == "Dear Ms Doe,\nthank you\n> your letter"


def test_a_gb2312_mail_with_larger_characters_is_read() -> None:
    content = (
        b"From: a@b.example\r\nContent-Type: text/plain; charset=gb2312\r\n\r\n"
        + "镕基先生：来信收悉。".encode("gb18030")
    )
    assert read(content).text == "镕基先生：来信收悉。"


def test_raw_bytes_in_a_subject_are_read() -> None:
    assert read("Subject: 系统退信\r\n\r\nx".encode("gb18030")).subject == "系统退信"


HOSTILE = {
    "nothing": b"",
    "no header": b"\r\n\r\nhello",
    "zeros": b"\0" * 1000,
    "broken encoded word": b"Subject: =?utf-8?b?%%%?= =?x?q?=ff?=\r\nFrom: =?utf-8?q?=80?= <\r\n\r\nx",
    "no end of boundary": b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n\r\nhi',
    "boundary missing": b"Content-Type: multipart/mixed\r\n\r\nhi",
    "empty boundary": b'Content-Type: multipart/report; report-type=delivery-status; boundary=""\r\n\r\n--\r\n',
    "unknown charset": b"Content-Type: text/plain; charset=klingon\r\n\r\nhi",
    "charset of bytes": b"Content-Type: text/plain; charset*=utf-8''%ff%fe\r\n\r\nhi",
    "broken base64": b"Content-Transfer-Encoding: base64\r\n\r\n!!!=a",
    "uuencoded": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n\xff\xff",
    "nested": b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3000)
    ),
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "many fields": b"To: a@b.example\r\n" * 50_000 + b"\r\nx",
    "long field": b"Subject: " + b"x" * 500_000 + b"\r\n\r\nx",
    "status without blocks": b"Content-Type: message/delivery-status\r\n\r\n",
    "line feeds in fields": b"From: a@b.example\r\nSubject: a\r\n b\r\n\tc\r\n\r\nx",
    "many html tags": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000,
    "entities": b"Content-Type: text/html\r\n\r\n&#xD800;&#99999999;&bogus;",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_stranger_sends_is_read_without_an_error(name: str) -> None:
    facts = read(HOSTILE[name])
    assert sort_mail(facts, MISSION).kind in MailKind
    assert sort_mail(facts, None).kind in MailKind
    assert not set("\r\n") & set(facts.subject + facts.sender)


def test_every_cut_of_a_bounce_is_read_without_an_error() -> None:
    content = sample(POSTFIX_FAILED)
    for end in range(0, len(content), 23):
        sort_mail(read(content[:end]), MISSION)


def test_two_megabytes_are_read_in_seconds() -> None:
    content = sample(mail("Re: A request", "Thank you. " * 180_000))[: 2 * 1024 * 1024]
    begun = time.perf_counter()
    assert sort_mail(read(content), MISSION).kind is MailKind.ANSWER
    assert time.perf_counter() - begun < 10
