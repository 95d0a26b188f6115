"""What replies mean. Texts are the words that known servers use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import (
    LONGEST_REPLY,
    Stage,
    address_is_dead,
    goes_on,
    outcome_of_reply,
    outcome_of_silence,
    plain_words,
)

ACCEPTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED
REFUSED, UNKNOWN = OutcomeKind.REFUSED, OutcomeKind.UNKNOWN
BEFORE_MAIL = [Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.AUTH]


@pytest.mark.parametrize("stage", BEFORE_MAIL)
@pytest.mark.parametrize("code", [421, 450, 454, 500, 521, 530, 535, 550, 554, 250, 354, 199, 999, -1])
def test_no_reply_before_the_letter_is_the_letters_own_failure(stage: Stage, code: int) -> None:
    outcome = outcome_of_reply(stage, code, "5.7.1 no")
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)


@pytest.mark.parametrize("stage", list(Stage))
def test_421_is_the_relay_going_away_at_any_stage(stage: Stage) -> None:
    outcome = outcome_of_reply(stage, 421, "4.3.2 shutting down")
    assert (outcome.kind, outcome.relay, outcome.code) == (DEFERRED, True, 421)


@pytest.mark.parametrize(
    ("stage", "code", "text", "kind", "relay"),
    [
        # MAIL names nobody but our own sender.
        (Stage.MAIL, 450, "4.7.1 too much mail from you", DEFERRED, True),
        (Stage.MAIL, 452, "4.3.1 Insufficient system storage", DEFERRED, True),
        (Stage.MAIL, 530, "5.7.0 Authentication required", DEFERRED, True),
        (
            Stage.MAIL,
            550,
            "5.7.60 SMTP; Client does not have permissions to send as this sender",
            DEFERRED,
            True,
        ),
        (Stage.MAIL, 550, "sender rejected", DEFERRED, True),
        (Stage.MAIL, 553, "5.1.8 Domain of sender address does not resolve", DEFERRED, True),
        (Stage.MAIL, 501, "5.5.4 Syntax", DEFERRED, True),
        (Stage.MAIL, 503, "5.5.1 nested MAIL", DEFERRED, True),
        (Stage.MAIL, 552, "5.3.4 Message size exceeds fixed limit", REFUSED, False),
        (Stage.MAIL, 552, "too big", REFUSED, False),
        (Stage.MAIL, 553, "5.6.7 needs SMTPUTF8", REFUSED, False),
        # RCPT: the mailbox, or us under another name.
        (Stage.RCPT, 450, "4.2.0 <x>: Recipient address rejected: Greylisted", DEFERRED, False),
        (Stage.RCPT, 451, "4.3.0 later", DEFERRED, False),
        (Stage.RCPT, 452, "4.5.3 Too many recipients", DEFERRED, False),
        (Stage.RCPT, 552, "5.2.2 mailbox full", DEFERRED, False),
        (Stage.RCPT, 552, "too many recipients", DEFERRED, False),
        (Stage.RCPT, 550, "5.2.2 over quota", DEFERRED, False),
        (Stage.RCPT, 554, "The user's mailbox is full", DEFERRED, False),
        (Stage.RCPT, 552, "5.2.3 message too long for this mailbox", REFUSED, False),
        (Stage.RCPT, 550, "5.1.1 <x>: Recipient address rejected: User unknown", REFUSED, False),
        (Stage.RCPT, 550, "#5.1.0 Address rejected.", REFUSED, False),
        (Stage.RCPT, 550, "No such user", REFUSED, False),
        (Stage.RCPT, 550, "5.4.1 Recipient address rejected: Access denied", REFUSED, False),
        (Stage.RCPT, 550, "5.7.1 Delivery not authorized", REFUSED, False),
        (Stage.RCPT, 550, "5.7.133 Sender not authenticated for group", REFUSED, False),
        (Stage.RCPT, 556, "5.1.10 Recipient address has null MX", REFUSED, False),
        (Stage.RCPT, 554, "5.7.1 <x>: Relay access denied", DEFERRED, True),
        (Stage.RCPT, 550, "relay not permitted", DEFERRED, True),
        (Stage.RCPT, 550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", DEFERRED, True),
        (
            Stage.RCPT,
            554,
            "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen",
            DEFERRED,
            True,
        ),
        (
            Stage.RCPT,
            553,
            "5.7.1 <l@c.example>: Sender address rejected: not owned by user l",
            DEFERRED,
            True,
        ),
        (Stage.RCPT, 530, "5.7.57 Client not authenticated to send mail", DEFERRED, True),
        (Stage.RCPT, 535, "5.7.8 bad credentials", DEFERRED, True),
        (Stage.RCPT, 550, "5.7.26 This mail is unauthenticated", DEFERRED, True),
        (Stage.RCPT, 503, "5.5.1 bad sequence", DEFERRED, True),
        (Stage.RCPT, 354, "eh", DEFERRED, True),
        (Stage.RCPT, 199, "eh", DEFERRED, True),
        (Stage.RCPT, 999, "eh", DEFERRED, True),
        # DATA.
        (Stage.DATA, 451, "4.3.0 queue", DEFERRED, False),
        (Stage.DATA, 250, "not expected here", DEFERRED, True),
        (Stage.DATA, 503, "5.5.1 no valid recipients", DEFERRED, True),
        (Stage.DATA, 554, "5.7.1 no", REFUSED, False),
        # The final dot.
        (Stage.BODY, 250, "2.0.0 Ok: queued as 4XyZ", ACCEPTED, False),
        (Stage.BODY, 451, "4.3.0 queue file write error", DEFERRED, False),
        (Stage.BODY, 452, "4.3.1 no room", DEFERRED, False),
        (Stage.BODY, 552, "5.3.4 too large", REFUSED, False),
        (Stage.BODY, 552, "5.2.2 mailbox full", DEFERRED, False),
        (Stage.BODY, 554, "5.7.1 taken for spam", REFUSED, False),
        (Stage.BODY, 571, "not in any RFC, but a plain no", REFUSED, False),
        (Stage.BODY, 554, "Message rejected: Email address is not verified.", DEFERRED, True),
        (Stage.BODY, 550, "5.4.5 Daily user sending limit exceeded", DEFERRED, True),
        (Stage.BODY, 550, "5.7.515 Access denied, sending domain does not meet the level", DEFERRED, True),
        (Stage.BODY, 500, "5.5.2 command unrecognized", UNKNOWN, False),
        (Stage.BODY, 502, "what?", UNKNOWN, False),
        (Stage.BODY, 354, "go on", UNKNOWN, False),
        (Stage.BODY, 220, "a greeting", UNKNOWN, False),
        (Stage.BODY, 199, "eh", UNKNOWN, False),
        (Stage.BODY, 999, "eh", UNKNOWN, False),
        (Stage.BODY, -1, "Malformed SMTP response line: hello", UNKNOWN, False),
    ],
)
def test_a_reply_is_judged_by_stage_code_and_words(
    stage: Stage, code: int, text: str, kind: OutcomeKind, relay: bool
) -> None:
    outcome = outcome_of_reply(stage, code, text)
    assert (outcome.kind, outcome.relay) == (kind, relay)


@given(stage=st.sampled_from(list(Stage)), code=st.integers(-1, 1000), text=st.text(max_size=80))
def test_whatever_is_said_only_250_after_the_dot_is_accepted_and_only_there_is_doubt(
    stage: Stage, code: int, text: str
) -> None:
    outcome = outcome_of_reply(stage, code, text)
    assert (outcome.kind is ACCEPTED) == (stage is Stage.BODY and code == 250)
    if outcome.kind is UNKNOWN:
        assert stage is Stage.BODY
    if outcome.kind is REFUSED:
        assert stage >= Stage.MAIL
        assert code // 100 == 5
    assert plain_words(outcome).endswith(".")


@pytest.mark.parametrize(
    ("stage", "codes"),
    [(Stage.MAIL, {250}), (Stage.RCPT, {250, 251}), (Stage.DATA, {354}), (Stage.BODY, {250})],
)
def test_the_conversation_goes_on_with_the_codes_of_the_standard_only(stage: Stage, codes: set[int]) -> None:
    assert {code for code in range(1000) if goes_on(stage, code)} == codes


@pytest.mark.parametrize(
    ("code", "text", "enhanced"),
    [
        (550, "5.1.1 no such user", "5.1.1"),
        (550, "#5.1.0 Address rejected", "5.1.0"),
        (550, "5.1.1\n5.1.1 in two lines", "5.1.1"),
        (550, "5.7.515", "5.7.515"),
        (550, "no code", None),
        (550, "5.1.1.2 is an address, not a code", None),
        (550, "4.2.1 of another class than the reply (RFC 2034)", None),
        (450, "4.2.1 greylisted", "4.2.1"),
        (550, "see 5.1.1", None),
    ],
)
def test_the_enhanced_code_is_read_where_rfc_2034_puts_it(code: int, text: str, enhanced: str | None) -> None:
    assert outcome_of_reply(Stage.RCPT, code, text).enhanced_code == enhanced


@pytest.mark.parametrize(
    ("text", "queue_id"),
    [
        ("2.0.0 Ok: queued as 4XyZ3k1Wq9z2", "4XyZ3k1Wq9z2"),
        ("2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 3F2A1", "3F2A1"),
        ("OK id=1r2AbC-00000000abc-1XyZ", "1r2AbC-00000000abc-1XyZ"),
        ("2.0.0 3BSLqk1x012345 Message accepted for delivery", "3BSLqk1x012345"),
        ("2.6.0 <a@b> [InternalId=12345678, Hostname=X] Queued mail for delivery", "12345678"),
        ("2.0.0 OK  1700000000 d9443c01a7336-1c3f0e2 - gsmtp", "d9443c01a7336-1c3f0e2"),
        ("Message Queued (8A3F.1)", "8A3F.1"),
        ("Ok 0100018c0a1b2c3d-aaaa-bbbb-cccc-000000", "0100018c0a1b2c3d-aaaa-bbbb-cccc-000000"),
        ("2.0.0 Ok", None),
        ("", None),
    ],
)
def test_the_queue_id_is_kept_as_evidence(text: str, queue_id: str | None) -> None:
    assert outcome_of_reply(Stage.BODY, 250, text).provider_ref == queue_id


def test_only_an_accepted_letter_has_a_queue_id() -> None:
    assert outcome_of_reply(Stage.BODY, 451, "4.3.0 was queued as ABC").provider_ref is None


@pytest.mark.parametrize("enhanced", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"])
def test_an_address_is_dead_when_its_own_server_says_so(enhanced: str) -> None:
    assert address_is_dead(outcome_of_reply(Stage.RCPT, 550, f"{enhanced} no"))


@pytest.mark.parametrize(
    "outcome",
    [
        outcome_of_reply(Stage.RCPT, 550, "No such user"),
        outcome_of_reply(Stage.RCPT, 450, "4.1.1 not just now"),
        outcome_of_reply(Stage.RCPT, 550, "5.2.1 disabled"),
        outcome_of_reply(Stage.MAIL, 550, "5.1.1 about our sender"),
        outcome_of_silence(handed_over=True, words="silence"),
    ],
)
def test_an_address_is_not_dead_on_anything_less(outcome: Outcome) -> None:
    assert not address_is_dead(outcome)


def test_silence_is_doubt_only_once_the_letter_was_handed_over() -> None:
    before = outcome_of_silence(handed_over=False, words="lost")
    after = outcome_of_silence(handed_over=True, words="lost")
    assert (before.kind, before.relay) == (DEFERRED, True)
    assert (after.kind, after.relay) == (UNKNOWN, False)


def test_a_reply_is_kept_short_and_printable() -> None:
    reply = outcome_of_reply(Stage.RCPT, 550, "5.1.1 no\nsuch\x00\x1b[31m user \udcff" + "x" * 5000).reply
    assert reply.startswith("5.1.1 no such [31m user x")
    assert len(reply) == LONGEST_REPLY


@pytest.mark.parametrize(
    ("stage", "code", "text", "words"),
    [
        (Stage.RCPT, 550, "5.1.1 x", "no such mailbox"),
        (Stage.RCPT, 552, "5.2.2 x", "mailbox is full"),
        (Stage.AUTH, 535, "5.7.8 x", "SMTP settings"),
        (Stage.BODY, 552, "5.3.4 x", "too large"),
        (Stage.BODY, 250, "2.0.0 x", "not yet proof"),
        (Stage.BODY, 999, "x", "waits until that is settled"),
        (Stage.MAIL, 421, "x", "costs none of its tries"),
        (Stage.RCPT, 450, "4.7.1 x", "try again later"),
        (Stage.BODY, 554, "5.7.1 x", "own rules"),
    ],
)
def test_organizers_read_one_plain_sentence(stage: Stage, code: int, text: str, words: str) -> None:
    assert words in plain_words(outcome_of_reply(stage, code, text))
