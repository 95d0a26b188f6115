"""What a mail that came back to us is: a bounce, a report of delay or success, an automatic reply, an answer.

Sources: RFC 3464 and RFC 3463 (delivery status), RFC 3834 (automatic replies), RFC 8098 (read receipts), RFC 5965
(complaints). Reports of a standard are believed first, signs of programs next, words last; what none of them
explains waits for a person. An automatic reply is neither an answer nor a bounce, whatever it says.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.mail_words import (
    asks_for_proof,
    asks_to_stop,
    is_absence,
    says_automatic,
    says_delayed,
    says_failed,
)
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import LONGEST_REPLY, MAILBOX_FULL, address_is_dead

MailId = NewType("MailId", int)


class MailKind(StrEnum):
    DELIVERED = "delivered"  # a report: it is in the mailbox
    RELAYED = "relayed"  # a report: passed on to a system that reports no further
    DELAYED = "delayed"  # a report: still being tried by somebody who has it
    BOUNCED = "bounced"
    AUTO_REPLY = "auto_reply"
    CHALLENGE = "challenge"  # wants proof that a person sent the letter
    ANSWER = "answer"  # a person wrote it
    STOP = "stop"  # a person asks that no more is sent
    UNSORTED = "unsorted"  # for a person to look at
    RELAY_LOG = "relay_log"  # not a mail: lines of our relay's log about a letter


REPORTS = frozenset({MailKind.DELIVERED, MailKind.RELAYED, MailKind.DELAYED, MailKind.BOUNCED})
# What waits until a person has settled it.
FOR_A_PERSON = frozenset({MailKind.UNSORTED, MailKind.CHALLENGE, MailKind.STOP, MailKind.ANSWER})


class ReportType(StrEnum):
    """The report-type of a multipart/report (RFC 6522)."""

    DELIVERY = "delivery-status"
    READ = "disposition-notification"
    COMPLAINT = "feedback-report"


@dataclass(frozen=True, kw_only=True)
class RecipientReport:
    """One recipient's part of a delivery status report, as it stands there; "" for what it does not say."""

    action: str = ""
    status: str = ""
    recipient: str = ""
    original_recipient: str = ""
    diagnostic: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class MailFacts:
    """What could be read from one mail.

    message_id: its own. tokens: of the return path (VERP) at which it arrived or that it reports on, and of the
    envelope (RFC 3461 ENVID). answers_to: Message-IDs it names, the nearest first. automatic: header fields by
    which a program says that it wrote this (RFC 3834 and older custom). null_sender: empty return path.
    spotted_failed, spotted_delayed: mailboxes that a parser of odd bounces found. complaint: what a complaint
    report complains of ("abuse").
    """

    message_id: str = ""
    sender: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    tokens: tuple[str, ...] = ()
    answers_to: tuple[str, ...] = ()
    report: ReportType | None = None
    recipients: tuple[RecipientReport, ...] = ()
    complaint: str = ""
    automatic: tuple[str, ...] = ()
    null_sender: bool = False
    spotted_failed: frozenset[str] = field(default=frozenset(), repr=False)
    spotted_delayed: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def names_a_letter(self) -> bool:
        """Whether it says at all which mail it is about, be it ours or not."""
        return bool(self.tokens or self.answers_to)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the mail is. status: RFC 3463 "5.1.1", "" where unknown. diagnostic: the far end's words, one line.
    mailbox: whom a bounce is about, "" where it does not say. why: what a person should know who looks at it."""

    kind: MailKind
    status: str = ""
    diagnostic: str = field(default="", repr=False)
    mailbox: str = field(default="", repr=False)
    why: str = ""

    @property
    def soft(self) -> bool:
        """A failure that may pass: tried for days and given up, or a full mailbox."""
        return self.kind is MailKind.BOUNCED and is_soft(self.status)

    def says_dead(self, recipient: str) -> bool:
        """Whether this bounce says for good that there is no such mailbox as the one we wrote to."""
        about_us = not self.mailbox or self.mailbox.casefold() == recipient.casefold()
        refused = Outcome(kind=OutcomeKind.REFUSED, enhanced_code=self.status)
        return self.kind is MailKind.BOUNCED and about_us and address_is_dead(refused)


@dataclass(frozen=True, kw_only=True)
class IncomingMail:
    """A mail as it is kept. delivery: the letter or notice it is about. content: the mail itself, or its beginning
    where it is very long; None once erased. settled_at: None while something is to be done about it. passed_on:
    the notice that took the answer to the supporter."""

    id: MailId
    delivery: DeliveryId | None
    kind: MailKind
    status: str
    why: str
    message_id: str
    received_at: datetime
    content: bytes | None = field(repr=False)
    settled_at: datetime | None
    settled_by: str | None
    passed_on: DeliveryId | None


def is_soft(status: str) -> bool:
    return status.startswith("4.") or status in {MAILBOX_FULL, GIVEN_UP}


def sort_mail(facts: MailFacts, recipient: str | None) -> Reading:
    """What this mail is. recipient: the mailbox that the letter it is about was sent to; None where it names no
    letter of ours. The first rule that holds decides."""
    match facts.report:
        case ReportType.DELIVERY if facts.recipients:
            return _of_report(facts, recipient)
        case ReportType.READ:
            # Some servers refuse a mail in the form of a receipt.
            receipt = Reading(kind=MailKind.AUTO_REPLY, why="It is a read receipt.")
            return _of_odd_bounce(facts, recipient) or receipt
        case ReportType.COMPLAINT:
            return _of_complaint(facts)
        case _:  # no report, or one without content
            return _of_odd_bounce(facts, recipient) or _of_words(facts, recipient)


def _of_report(facts: MailFacts, recipient: str | None) -> Reading:
    actions = {_action(each): each for each in reversed(facts.recipients)}
    # A list or an alias may have spread the letter: once in a mailbox, it has arrived.
    for kind in (MailKind.DELIVERED, MailKind.RELAYED, MailKind.BOUNCED, MailKind.DELAYED):
        if (found := actions.get(kind)) is None:
            continue
        if kind is MailKind.BOUNCED and recipient and not _is_about(found, recipient):
            return Reading(
                kind=MailKind.UNSORTED,
                status=_status(found),
                why="It reports a failure at another mailbox than the one we wrote to. The mission may have the "
                "letter and have passed it on.",
            )
        return Reading(
            kind=kind,
            status=_status(found),
            diagnostic=_one_line(found.diagnostic),
            mailbox=_mailbox(found.original_recipient) or _mailbox(found.recipient),
        )
    return Reading(kind=MailKind.UNSORTED, why="It is a delivery report that does not say what happened.")


def _action(report: RecipientReport) -> MailKind | None:
    word = report.action.strip().casefold()
    for start, kind in _ACTIONS.items():
        if word.startswith(start):
            return kind
    if word:
        return None
    return {"2": MailKind.RELAYED, "4": MailKind.DELAYED, "5": MailKind.BOUNCED}.get(_status(report)[:1])


def _is_about(report: RecipientReport, recipient: str) -> bool:
    """A mailbox of the same domain counts: mail servers rewrite local parts. Another domain means that somebody
    forwards their mail."""
    named = {_mailbox(report.original_recipient), _mailbox(report.recipient)} - {""}
    domain = recipient.casefold().rpartition("@")[2]
    return not named or any(_same_domain(each.rpartition("@")[2], domain) for each in named)


def _same_domain(one: str, other: str) -> bool:
    """Also mail.example.org beside example.org: internal host names show in reports."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _mailbox(field_value: str) -> str:
    """From "rfc822; <someone@example.org>"; "" where no mailbox stands there."""
    found = _ADDRESS.search(field_value)
    return found.group(0).casefold() if found else ""


def _status(report: RecipientReport) -> str:
    """The status, or the finer one that the diagnostic holds where the status is the general x.0.0."""
    stated = _ENHANCED.search(report.status)
    spoken = _ENHANCED.search(report.diagnostic)
    if stated is None:
        return spoken.group(0) if spoken else _class_of_code(report.diagnostic)
    general = stated.group(0).endswith(".0.0")
    return spoken.group(0) if general and spoken and spoken[0][0] == stated[0][0] else stated.group(0)


def _class_of_code(words: str) -> str:
    code = _SMTP_CODE.search(words)
    return f"{code.group(1)[0]}.0.0" if code else ""


def _of_complaint(facts: MailFacts) -> Reading:
    if facts.complaint.casefold() == "abuse":
        return Reading(kind=MailKind.STOP, why="The mission marked the letter as spam.")
    return Reading(kind=MailKind.UNSORTED, why="It is a report of a mail provider about our mail.")


def _of_odd_bounce(facts: MailFacts, recipient: str | None) -> Reading | None:
    """A bounce or warning that keeps to no standard; None where it is neither."""
    daemon = _DAEMON.match(facts.sender) is not None
    from_program = facts.null_sender or daemon
    failed = _spotted(facts.spotted_failed, recipient, from_program)
    delayed = _spotted(facts.spotted_delayed, recipient, from_program)
    # Vacation programs send from the empty return path too (RFC 3834 3.3).
    if not (failed or delayed or from_program) or is_absence(facts.subject):
        return None
    text = facts.text[:_LOOKED_AT]
    if delayed or (says_delayed(facts.subject, text) and not failed):
        return Reading(kind=MailKind.DELAYED, status=_spoken_status(text, "4"), diagnostic=_diagnostic(text))
    if failed or says_failed(facts.subject):
        status = _spoken_status(text, "5")
        return Reading(kind=MailKind.BOUNCED, status=status, diagnostic=_diagnostic(text), mailbox=failed)
    if daemon:
        why = "A mail server wrote it, in words that no parser knows."
        return Reading(kind=MailKind.UNSORTED, why=why)
    return None


def _spotted(mailboxes: frozenset[str], recipient: str | None, from_program: bool) -> str:
    """The mailbox that is ours to hear of. Of mail from a person a parser's find counts only where it is the
    very mailbox we wrote to: an out-of-office note names colleagues."""
    folded = {each.casefold() for each in mailboxes}
    if recipient is not None and recipient.casefold() in folded:
        return recipient.casefold()
    if not from_program or not folded:
        return ""
    if recipient is None:
        return min(folded)
    domain = recipient.casefold().rpartition("@")[2]
    return next((each for each in sorted(folded) if _same_domain(each.rpartition("@")[2], domain)), "")


def _spoken_status(text: str, most_likely: str) -> str:
    """The enhanced code in a text, or the class of its SMTP code; of several the one of the likely class."""
    codes = _ENHANCED.findall(text)
    return next(
        (each for each in codes if each[0] == most_likely), codes[0] if codes else _class_of_code(text)
    )


def _diagnostic(text: str) -> str:
    """The line of a text with a code in it."""
    lines = [line for line in text.splitlines() if _ENHANCED.search(line) or _SMTP_CODE.search(line)]
    return _one_line(lines[0]) if lines else ""


def _of_words(facts: MailFacts, recipient: str | None) -> Reading:
    """A mail that reports nothing: from a program, or from a person."""
    if asks_for_proof(facts.subject, facts.text):
        why = "The letter is held back until a person confirms that they sent it."
        return Reading(kind=MailKind.CHALLENGE, why=why)
    if says_failed(facts.subject):
        why = "Its subject speaks of a mail that did not arrive, in words that no parser knows."
        return Reading(kind=MailKind.UNSORTED, why=why)
    sign = _automatic_sign(facts)
    return Reading(kind=MailKind.AUTO_REPLY, why=sign) if sign else _of_person(facts, recipient)


def _of_person(facts: MailFacts, recipient: str | None) -> Reading:
    stop = asks_to_stop(facts.text)
    if recipient is None:
        asks = "It asks us to stop, but names" if stop else "It names"
        return Reading(kind=MailKind.UNSORTED, why=f"{asks} no letter of ours.")
    if stop:
        return Reading(kind=MailKind.STOP, why="The mission asks us to stop.")
    if not facts.text.strip():
        return Reading(kind=MailKind.UNSORTED, why="It has no text that could be read.")
    return Reading(kind=MailKind.ANSWER)


def _automatic_sign(facts: MailFacts) -> str:
    """Why it is taken for a program's mail; "" for a person's."""
    if facts.automatic:
        return f"A header field says that a program wrote it ({facts.automatic[0]})."
    if facts.null_sender:
        return "It has an empty return path, as programs use it."
    if _NO_REPLY.match(facts.sender):
        return "It comes from a mailbox that takes no answers."
    if is_absence(facts.subject):
        return "Its subject begins as absence notes begin."
    if says_automatic(facts.text):
        return "It says of itself that it is automatic."
    return ""


def _one_line(words: str) -> str:
    clean = "".join(letter if letter.isprintable() else " " for letter in words)
    return " ".join(clean.split())[:LONGEST_REPLY]


_ACTIONS = {
    "delivered": MailKind.DELIVERED,
    "relayed": MailKind.RELAYED,
    "expanded": MailKind.RELAYED,
    "delayed": MailKind.DELAYED,
    "fail": MailKind.BOUNCED,
    "error": MailKind.BOUNCED,  # OpenSMTPD's word
}
GIVEN_UP = "5.4.7"  # some servers' "delivery time expired", which RFC 3463 counts as persistent transient
_LOOKED_AT = 8_000  # characters; the reason stands before the returned letter
_ADDRESS = re.compile(r"[^\s<>;,\"'()]+@[A-Za-z0-9.-]+")
_ENHANCED = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_SMTP_CODE = re.compile(r"(?<![\d.])([45][0-57]\d)(?=[ \-:#])")
_DAEMON = re.compile(
    r"(?:mailer-?daemon|mail-?daemon|mdaemon|postmaster|mailmaster|maildelivery|mail\.?delivery|mail-delivery-subsystem"
    r"|delivery-?system|microsoftexchange[0-9a-f]*|double-bounce|bounces?)(?:[+@._-]|$)",
    re.IGNORECASE,
)
_NO_REPLY = re.compile(
    r"(?:no|do-?not|dont)[._-]?reply|(?:auto-?(?:reply|responder|mailer))(?:[+@._-]|$)", re.IGNORECASE
)
