import pytest

from dispatcher.domain.returned_mail import (
    MailFacts,
    MailKind,
    Reading,
    RecipientReport,
    ReportType,
    sort_mail,
)

MISSION = "embassy@nl.mission.example"


def report(action: str, status: str = "", recipient: str = f"rfc822; {MISSION}", **more: str) -> MailFacts:
    part = RecipientReport(action=action, status=status, recipient=recipient, **more)
    return MailFacts(report=ReportType.DELIVERY, recipients=(part,))


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("delivered", MailKind.DELIVERED),
        ("relayed", MailKind.RELAYED),
        ("expanded", MailKind.RELAYED),
        ("Delayed (will retry)", MailKind.DELAYED),
        ("FAILED", MailKind.BOUNCED),
        ("fail", MailKind.BOUNCED),
        ("eaten", MailKind.UNSORTED),
    ],
)
def test_the_action_of_a_report_decides(action: str, kind: MailKind) -> None:
    assert sort_mail(report(action, "5.1.1"), MISSION).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("5.1.1", MailKind.BOUNCED),
        ("4.2.0", MailKind.DELAYED),
        ("2.0.0", MailKind.RELAYED),
        ("", MailKind.UNSORTED),
    ],
)
def test_without_an_action_the_status_decides_and_never_says_delivered(status: str, kind: MailKind) -> None:
    assert sort_mail(report("", status), MISSION).kind is kind


@pytest.mark.parametrize(
    ("status", "diagnostic", "expected"),
    [
        ("5.0.0", "smtp; 550 5.1.1 no such user", "5.1.1"),
        ("5.0.0 (permanent)", "smtp; 550 no such user", "5.0.0"),
        ("5.0.0", "smtp; 451 4.7.1 try later", "5.0.0"),
        ("5.2.1", "smtp; 550 5.1.1 no such user", "5.2.1"),
        ("", "smtp; 552 too large", "5.0.0"),
        ("", "host 192.0.2.5 said no", ""),
    ],
)
def test_the_finer_code_of_the_same_class_counts(status: str, diagnostic: str, expected: str) -> None:
    assert sort_mail(report("failed", status, diagnostic=diagnostic), MISSION).status == expected


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        (f"rfc822; {MISSION.upper()}", MailKind.BOUNCED),
        ("rfc822; other.name@nl.mission.example", MailKind.BOUNCED),
        ("rfc822; embassy@mail2.nl.mission.example", MailKind.BOUNCED),
        ("", MailKind.BOUNCED),
        ("rfc822; someone@webmail.example", MailKind.UNSORTED),
        ("rfc822; embassy@evilnl.mission.example", MailKind.UNSORTED),
    ],
)
def test_a_failure_in_another_domain_waits_for_a_person(named: str, kind: MailKind) -> None:
    """The mission may have the letter, and have passed it on: another channel would bring it twice."""
    assert sort_mail(report("failed", "5.1.1", named), MISSION).kind is kind


def test_a_letter_that_is_in_one_of_two_mailboxes_has_arrived() -> None:
    failed = RecipientReport(action="failed", status="5.2.2")
    delivered = RecipientReport(action="delivered", status="2.0.0")
    for parts in ((failed, delivered), (delivered, failed)):
        facts = MailFacts(report=ReportType.DELIVERY, recipients=parts)
        assert sort_mail(facts, MISSION).kind is MailKind.DELIVERED


@pytest.mark.parametrize(
    ("status", "soft"),
    [("4.4.7", True), ("5.2.2", True), ("5.4.7", True), ("5.1.1", False), ("5.7.1", False), ("", False)],
)
def test_what_may_pass_is_a_soft_bounce(status: str, soft: bool) -> None:
    assert Reading(kind=MailKind.BOUNCED, status=status).soft is soft
    assert not Reading(kind=MailKind.DELAYED, status=status).soft


@pytest.mark.parametrize(
    ("status", "mailbox", "dead"),
    [
        ("5.1.1", MISSION, True),
        ("5.1.1", "", True),
        ("5.1.10", MISSION.upper(), True),
        ("5.1.1", "secretary@nl.mission.example", False),
        ("5.2.2", MISSION, False),
        ("5.7.1", MISSION, False),
        ("4.1.1", MISSION, False),
    ],
)
def test_only_the_mailbox_that_we_wrote_to_can_be_called_dead(status: str, mailbox: str, dead: bool) -> None:
    assert Reading(kind=MailKind.BOUNCED, status=status, mailbox=mailbox).says_dead(MISSION) is dead


def test_an_empty_delivery_report_is_judged_by_its_words() -> None:
    facts = MailFacts(
        report=ReportType.DELIVERY,
        sender="mailer-daemon@mx.example",
        subject="Undelivered Mail Returned to Sender",
        text="550 5.1.1 no such user",
    )
    assert sort_mail(facts, MISSION) == Reading(
        kind=MailKind.BOUNCED, status="5.1.1", diagnostic="550 5.1.1 no such user"
    )


def test_a_mail_server_in_unknown_words_waits_for_a_person() -> None:
    facts = MailFacts(
        sender="postmaster@x.example", subject="Hmm", text="Grzmpf.", automatic=("Auto-Submitted",)
    )
    assert sort_mail(facts, MISSION).kind is MailKind.UNSORTED


def test_a_program_that_speaks_of_failure_is_not_filed_away_as_an_automatic_reply() -> None:
    facts = MailFacts(
        sender="gateway@x.example", subject="Mail could not be delivered", automatic=("Precedence",)
    )
    assert sort_mail(facts, MISSION).kind is MailKind.UNSORTED


def test_an_absence_note_that_names_a_colleague_is_no_bounce() -> None:
    facts = MailFacts(
        sender="li@nl.mission.example",
        subject="Out of office",
        text="Please write to wang@nl.mission.example.",
        null_sender=True,
        spotted_failed=frozenset({"wang@nl.mission.example"}),
    )
    assert sort_mail(facts, MISSION).kind is MailKind.AUTO_REPLY


def test_a_person_is_believed_only_of_the_very_mailbox() -> None:
    facts = MailFacts(
        sender="li@nl.mission.example",
        subject="Re: A request",
        text="This mailbox moved.",
        spotted_failed=frozenset({"other@nl.mission.example"}),
    )
    assert sort_mail(facts, MISSION).kind is MailKind.ANSWER


def test_what_names_no_letter_of_ours_waits_for_a_person() -> None:
    facts = MailFacts(sender="a@b.example", subject="Hello", text="I would like to help.")
    assert sort_mail(facts, None).kind is MailKind.UNSORTED
    stop = MailFacts(sender="a@b.example", subject="Hello", text="Please stop sending mails.")
    reading = sort_mail(stop, None)
    assert reading.kind is MailKind.UNSORTED
    assert "stop" in reading.why


def test_an_answer_without_words_waits_for_a_person() -> None:
    facts = MailFacts(sender="li@nl.mission.example", subject="Re: A request", text=" \n ")
    assert sort_mail(facts, MISSION).kind is MailKind.UNSORTED
