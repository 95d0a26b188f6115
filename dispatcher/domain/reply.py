"""What a mail server's reply means for one letter.

Sources: RFC 5321 4.2 and 4.3.2 (codes and where they may stand), RFC 2034 and RFC 3463 (enhanced codes),
RFC 7372, RFC 7504 and RFC 7505 (later ones). The question behind every rule: does the server speak of this
letter and this mailbox, or of us? A letter must never fail for what the relay holds against its sender.
"""

import re
from enum import IntEnum
from typing import assert_never

from dispatcher.domain.outcome import Outcome, OutcomeKind


class Stage(IntEnum):
    """How far the conversation with the server had come, in its order. BODY: after the final dot."""

    CONNECT = 0
    GREETING = 1
    EHLO = 2
    STARTTLS = 3
    AUTH = 4
    MAIL = 5
    RCPT = 6
    DATA = 7
    BODY = 8


# By stage, the codes with which a conversation goes on (RFC 5321 4.3.2, RFC 3207, RFC 4954). 251: "will forward".
_GOES_ON: tuple[tuple[int, ...], ...] = (
    (),  # CONNECT
    (220,),  # GREETING
    (250,),  # EHLO
    (220,),  # STARTTLS
    (235, 334),  # AUTH
    (250,),  # MAIL
    (250, 251),  # RCPT
    (354,),  # DATA
    (250,),  # BODY
)

SHUTTING_DOWN = 421
_TOO_MUCH_STORAGE = 552
# Syntax and order of commands: our fault or the server's, never the letter's. After the final dot they are no
# answer at all: a server that reads the letter as commands has lost the thread.
_OUT_OF_STEP = frozenset({500, 502, 503})
# 521: "I take no mail" (RFC 7504); 530, 534, 535, 538: sign in first, or otherwise (RFC 4954).
_NOT_SIGNED_IN = frozenset({521, 530, 534, 535, 538})

MAILBOX_FULL = "5.2.2"
_TOO_MANY_RECIPIENTS = "5.5.3"
_TOO_LARGE = frozenset({"5.2.3", "5.3.4"})
_DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
# The sender's address, sign-in, quota, reputation and authentication (SPF, DKIM, DMARC) of our own side.
_ABOUT_US = frozenset(
    {"5.1.7", "5.1.8", "5.4.5", "5.5.1", "5.7.8", "5.7.9", "5.7.11", "5.7.14"}
    | {f"5.7.{detail}" for detail in range(20, 31)}
    # Microsoft's own, less 504, 505 and 507, which speak of the recipient.
    | {f"5.7.{detail}" for detail in (57, 60, 501, 502, 503, 506, *range(508, 550), *range(600, 800))}
)
# Postfix and others speak of the client, the sender and the recipient only at RCPT, and with one and the same
# 5.7.1; their words alone tell which is meant.
_ABOUT_US_IN_WORDS = re.compile(
    r"relay(ing)? (access )?(is )?(denied|prohibited|not (permitted|allowed))"
    r"|(unable|not (permitted|allowed)|do(es)? not) (to )?relay"
    r"|client host|blocked using|sender address rejected|not owned by (the )?(auth|user)"
    r"|authentication (is )?required|client (was )?not authenticated|sending (limit|quota)|not verified",
    re.IGNORECASE,
)
_FULL_IN_WORDS = re.compile(
    r"mail ?box (is )?full|over ?quota|quota (is )?exceeded|exceeded.{0,20}quota", re.IGNORECASE
)

_THREE_DIGITS = range(100, 1000)
_ENHANCED = re.compile(r"\s*#?([245]\.\d{1,3}\.\d{1,3})(?!\S)")
_QUEUE_ID = (
    re.compile(r"queued as ([\w.-]+)", re.IGNORECASE),  # Postfix, aiosmtpd's neighbours
    re.compile(r"\bid=([\w.-]+)"),  # Exim
    re.compile(r"InternalId=(\d+)"),  # Exchange
    re.compile(r"([\w.-]+) Message accepted", re.IGNORECASE),  # Sendmail, OpenSMTPD
    re.compile(r"\bOK\s+\d+\s+(\S+) - gsmtp"),  # Google
    re.compile(r"Message queued \(([\w.-]+)\)", re.IGNORECASE),  # Haraka
    re.compile(r"^(?:2\.\d\.\d )?Ok ([\w-]{20,})$", re.IGNORECASE),  # Amazon SES
)
# A reply is kept as evidence, not as a mailbox: 512 is the longest line of RFC 5321 4.5.3.1.5.
LONGEST_REPLY = 512


def goes_on(stage: Stage, code: int) -> bool:
    """Whether the server lets the conversation go on; at BODY: whether it took the letter."""
    return code in _GOES_ON[stage]


def outcome_of_reply(stage: Stage, code: int, text: str) -> Outcome:
    """The outcome for a letter whose conversation ended at `stage` with this reply.

    text: without the code; lines parted by line feeds. A code that lets the conversation go on is no end:
    before BODY it counts as deferred, since nothing was handed over.
    """
    enhanced = _enhanced_code(code, text)
    kind, relay = _TAKEN if (stage, code) == _TAKES else _judge(stage, code, enhanced or "", text)
    reply = " ".join(_clean(text).split())[:LONGEST_REPLY]
    provider_ref = queue_id(reply) if kind is OutcomeKind.ACCEPTED else None
    return Outcome(
        kind=kind,
        code=code if code in _THREE_DIGITS else None,
        enhanced_code=enhanced,
        reply=reply,
        provider_ref=provider_ref,
        relay=relay,
    )


def outcome_of_silence(*, handed_over: bool, words: str) -> Outcome:
    """The outcome where no reply came: the line was lost, or the wait was given up.

    handed_over: whether bytes that may hold the final dot had been written. words: what happened, in ours.
    """
    if handed_over:
        return Outcome(kind=OutcomeKind.UNKNOWN, reply=words)
    return Outcome(kind=OutcomeKind.DEFERRED, reply=words, relay=True)


def queue_id(reply: str) -> str | None:
    """The next hop's own name for the letter, from its reply to the final dot; None where it gives none."""
    for pattern in _QUEUE_ID:
        if found := pattern.search(reply):
            return found.group(1).rstrip(".")
    return None


def address_is_dead(outcome: Outcome) -> bool:
    """Whether the server said for good that there is no such mailbox or domain (RFC 3463, RFC 7505)."""
    return outcome.kind is OutcomeKind.REFUSED and outcome.enhanced_code in _DEAD_ADDRESS


def plain_words(outcome: Outcome) -> str:
    """One sentence for organizers: what is known, and what happens next."""
    match outcome.kind:
        case OutcomeKind.ACCEPTED:
            return "The next mail server took the letter; that is not yet proof that the mission has it."
        case OutcomeKind.DELIVERED:
            return "The far end has confirmed that it has the whole letter."
        case OutcomeKind.UNKNOWN:
            return "The letter was handed over but no clear answer came; it waits until that is settled."
        case OutcomeKind.DEFERRED:
            return _deferred_in_words(outcome)
        case OutcomeKind.REFUSED:
            return _refused_in_words(outcome)
        case _ as never:
            assert_never(never)


_Verdict = tuple[OutcomeKind, bool]
_TAKEN: _Verdict = (OutcomeKind.ACCEPTED, False)
# What is said to nearly every letter; the rest is asked about at leisure.
_TAKES = (Stage.BODY, 250)
_NEVER: _Verdict = (OutcomeKind.REFUSED, False)
_NOT_NOW: _Verdict = (OutcomeKind.DEFERRED, False)
_OUR_SIDE: _Verdict = (OutcomeKind.DEFERRED, True)
_NOBODY_KNOWS: _Verdict = (OutcomeKind.UNKNOWN, False)


def _judge(stage: Stage, code: int, enhanced: str, text: str) -> _Verdict:
    """The kind, and whether the whole relay is at fault."""
    # Before RCPT nothing of the letter but our own sender address has been named, so a "not now" is for all.
    before_letter = stage <= Stage.MAIL
    match code // 100:
        case 4:
            return _OUR_SIDE if before_letter or code == SHUTTING_DOWN else _NOT_NOW
        case 5:
            return _OUR_SIDE if stage < Stage.MAIL else _judge_refusal(stage, code, enhanced, text)
        case _ if stage is Stage.BODY:
            return _TAKEN if goes_on(stage, code) else _NOBODY_KNOWS
        case _:
            return _OUR_SIDE


def _judge_refusal(stage: Stage, code: int, enhanced: str, text: str) -> _Verdict:
    """A 5xx from MAIL on. The first line that holds decides."""
    out_of_step = code in _OUT_OF_STEP
    storage = code == _TOO_MUCH_STORAGE
    lines = (
        (_NOBODY_KNOWS, out_of_step and stage is Stage.BODY),
        (_OUR_SIDE, out_of_step),
        (_NEVER, enhanced in _TOO_LARGE),
        (_NOT_NOW, enhanced in (MAILBOX_FULL, _TOO_MANY_RECIPIENTS)),
        # At MAIL, 552 is the letter's size (RFC 1870) and 5.6.x its encoding; all else is said of the sender.
        (_NEVER, stage is Stage.MAIL and (storage or enhanced.startswith("5.6."))),
        (_OUR_SIDE, stage is Stage.MAIL or code in _NOT_SIGNED_IN or enhanced in _ABOUT_US),
        (_NEVER, enhanced.startswith("5.1.")),
        (_OUR_SIDE, _ABOUT_US_IN_WORDS.search(text) is not None),
        # RFC 5321 4.5.3.1.10: a 552 to RCPT means what 452 means; and full mailboxes are emptied.
        (_NOT_NOW, (storage and stage is Stage.RCPT) or _FULL_IN_WORDS.search(text) is not None),
        (_NEVER, True),
    )
    return next(verdict for verdict, holds in lines if holds)


def _enhanced_code(code: int, text: str) -> str | None:
    """The code at the start of the text, when its class agrees with the reply's own (RFC 2034 section 4)."""
    found = _ENHANCED.match(text)
    return enhanced if found and int((enhanced := found[1])[0]) == code // 100 else None


def _clean(text: str) -> str:
    """Without control characters and halves of characters, which no log or database should meet."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _deferred_in_words(outcome: Outcome) -> str:
    if outcome.code in _NOT_SIGNED_IN:
        return "Our mail relay did not let us sign in or send; check the SMTP settings; the letter waits."
    if outcome.relay:
        return "Our mail relay could not be used just now; the letter waits and costs none of its tries."
    if (outcome.enhanced_code or "")[1:] == MAILBOX_FULL[1:] or outcome.code == _TOO_MUCH_STORAGE:
        return "The mission's mailbox is full; the letter is tried again later."
    return "The mission's mail server asked to try again later; the letter waits for its next try."


def _refused_in_words(outcome: Outcome) -> str:
    if address_is_dead(outcome):
        return "The mission's mail server says that there is no such mailbox; the directory needs a new one."
    if outcome.enhanced_code in _TOO_LARGE or outcome.code == _TOO_MUCH_STORAGE:
        return "The letter with its enclosures is too large for the mission's mail server."
    if (outcome.enhanced_code or "").startswith("5.7."):
        return "The mission's mail server does not take letters from us by its own rules."
    return "The mission's mail server refused the letter for good."
