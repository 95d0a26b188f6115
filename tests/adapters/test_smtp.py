"""The SMTP transport against real servers on loopback."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.adapters.smtp_batch import FAULTS_TO_STOP
from dispatcher.adapters.smtp_envelope import BLOCK
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.security import Security
from dispatcher.services.transport import Parcel, UnfitContent, UnfitParcel, check_content
from tests.servers.aiosmtpd_server import AiosmtpdServer
from tests.servers.certificates import Authority
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import DROP, STALL, Act, Script, ScriptedSmtp, say
from tests.servers.smtp_posting import (
    ACCEPTED,
    DEFERRED,
    LETTER,
    REFUSED,
    UNKNOWN,
    Journal,
    parcel,
    run,
    send,
    transport,
    until,
)
from tests.servers.smtp_sink import smtp_sink, smtp_sink_found


async def send_one(server: ScriptedSmtp, letter: Parcel | None = None, **changes: Any) -> Outcome:
    courier = transport(server.port, **changes)
    try:
        journal = await send(courier, [letter or parcel()])
    finally:
        await courier.close()
    return journal.outcomes[1]


def outcome_with(script: Script, **changes: Any) -> tuple[Outcome, ScriptedSmtp]:
    """The outcome of one letter with a server that plays this script, for its connection and its letter."""

    async def work() -> tuple[Outcome, ScriptedSmtp]:
        async with ScriptedSmtp(always=script) as server:
            return await send_one(server, **changes), server

    return run(work())


# What arrives.


def test_a_letter_arrives_and_its_queue_id_is_kept() -> None:
    outcome, server = outcome_with({})
    assert outcome == Outcome(
        kind=ACCEPTED,
        code=250,
        enhanced_code="2.0.0",
        reply="2.0.0 Ok: queued as Q000001",
        provider_ref="Q000001",
    )
    (received,) = server.received
    assert (received.sender, received.recipient) == ("bounce+1@campaign.example", "embassy@mission.example")
    assert received.content == LETTER
    assert server.lines()[-1] == "QUIT"


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n",
        b"..\r\n",
        b".hidden\r\n..twice\r\n...\r\n",
        b"\r\n.\r\n\r\n.\r\nMAIL FROM:<x@y>\r\n",
        b"\r\n\r\n\r\n",
        b" trailing \t\r\n",
        bytes(range(0x20, 0x7F)) + b"\r\n",
        b"x" * 998 + b"\r\n",
        (b"." + b"=" * 75 + b"\r\n") * 4000,
        b"a" * (BLOCK - len(LETTER) - 2) + b"\r\n",
        b"a" * (BLOCK - len(LETTER) - 1) + b"\r\n",
        b"a" * (BLOCK - len(LETTER)) + b"\r\n.\r\n",
    ],
    ids=range(12),
)
def test_every_byte_arrives_unchanged(body: bytes) -> None:
    content = LETTER + body

    async def work() -> None:
        async with ScriptedSmtp() as server:
            assert (await send_one(server, parcel(content=content))).kind is ACCEPTED
            assert [received.content for received in server.received] == [content]

    run(work())


def test_a_letter_that_begins_with_a_dot_arrives_unchanged() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:
            await send_one(server, parcel(content=b".x: y\r\n\r\n"))
            assert server.received[0].content == b".x: y\r\n\r\n"

    run(work())


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\nb", b"", b"a\0b\r\n", b"a\r\n.\n"])
def test_a_letter_whose_lines_do_not_end_with_crlf_is_a_bug(content: bytes) -> None:
    with pytest.raises(UnfitContent):
        check_content(content)


@pytest.mark.parametrize("content", [b"a\r\nb", b"a\r\n\n", b""])
def test_a_parcel_whose_end_would_not_be_seen_is_a_bug(content: bytes) -> None:
    with pytest.raises(UnfitParcel):
        parcel(content=content)


@pytest.mark.parametrize("address", ["a b@c", "a@b>\r\nRCPT TO:<x@y", "a@b\n", "<a@b>", "a@b\x00", ""])
def test_an_address_that_would_end_the_command_is_a_bug_and_is_not_repeated_in_the_error(
    address: str,
) -> None:
    with pytest.raises(UnfitParcel) as raised:
        parcel(recipient=address)
    assert not address or address not in str(raised.value)
    if address:  # "" is the null sender
        with pytest.raises(UnfitParcel) as raised:
            parcel(sender=address)
        assert address not in str(raised.value)


def test_a_parcel_does_not_show_its_letter() -> None:
    assert "embassy" not in repr(parcel())
    assert "Ambassador" not in repr(parcel())


def test_aiosmtpd_takes_the_same_bytes() -> None:
    content = LETTER + b".\r\n..\r\nend\r\n"
    with in_thread(AiosmtpdServer()) as server:

        async def work() -> Journal:
            courier = transport(server.port, connections=2)
            try:
                return await send(courier, [parcel(number, content) for number in range(10)])
            finally:
                await courier.close()

        journal = run(work())
        assert journal.kinds() == {ACCEPTED: 10}
        assert {envelope.content for envelope in server.messages} == {content}
        assert len({envelope.mail_from for envelope in server.messages}) == 10


@pytest.mark.skipif(not smtp_sink_found(), reason="smtp-sink (postfix) is not installed")
def test_smtp_sink_takes_the_letters(tmp_path: Path) -> None:
    with smtp_sink(tmp_path) as sink:

        async def work() -> Journal:
            courier = transport(sink.port, connections=2)
            try:
                return await send(courier, [parcel(number) for number in range(5)])
            finally:
                await courier.close()

        assert run(work()).kinds() == {ACCEPTED: 5}
        assert sum(b"Dear Ambassador" in message for message in sink.messages()) == 5


# What the server offers.


def test_status_notices_are_asked_for_where_the_relay_offers_them() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:
            await send_one(server, parcel(envelope_id="letter=7+é"))
            mail, rcpt = server.received[0].parameters
            assert "RET=HDRS ENVID=letter+3D7+2B+C3+A9" in mail
            assert rcpt == "NOTIFY=SUCCESS,FAILURE,DELAY"
        async with ScriptedSmtp(extensions=()) as server:
            await send_one(server, parcel(envelope_id="7"))
            assert server.received[0].parameters == ("", "")

    run(work())


def test_an_8_bit_letter_goes_as_such_or_not_at_all() -> None:
    letter = parcel(content=LETTER + "안녕하십니까\r\n".encode())

    async def work() -> None:
        async with ScriptedSmtp() as server:
            assert (await send_one(server, letter)).kind is ACCEPTED
            assert server.received[0].content == letter.content
            assert "BODY=8BITMIME" in server.received[0].parameters[0]
        async with ScriptedSmtp(extensions=()) as server:
            outcome = await send_one(server, letter)
            assert (outcome.kind, outcome.enhanced_code) == (REFUSED, "5.6.3")
            assert server.began == 0

    run(work())


def test_a_letter_beyond_the_announced_size_is_not_begun() -> None:
    async def work() -> None:
        async with ScriptedSmtp(extensions=("SIZE 50",)) as server:
            outcome = await send_one(server)
            assert (outcome.kind, outcome.enhanced_code) == (REFUSED, "5.3.4")
            assert server.began == 0

    run(work())


@pytest.mark.parametrize(
    ("extensions", "recipient", "kind", "on_the_wire"),
    [
        ((), "info@münchen.example", ACCEPTED, "info@xn--mnchen-3ya.example"),
        (("SMTPUTF8",), "büro@mission.example", ACCEPTED, "büro@mission.example"),
        ((), "büro@mission.example", REFUSED, None),
        ((), "a@" + "ü" * 80 + ".example", REFUSED, None),
    ],
)
def test_names_beyond_ascii(
    extensions: tuple[str, ...], recipient: str, kind: OutcomeKind, on_the_wire: str | None
) -> None:
    async def work() -> None:
        async with ScriptedSmtp(extensions=extensions) as server:
            assert (await send_one(server, parcel(recipient=recipient))).kind is kind
            assert [received.recipient for received in server.received] == [on_the_wire] * bool(on_the_wire)

    run(work())


# Refusals and deferrals at every stage.


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data", "body"])
@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        ("450 4.2.1 not now", dict.fromkeys(["greeting", "ehlo", "mail", "rcpt", "data", "body"], DEFERRED)),
        (
            "550 5.2.1 never",
            dict.fromkeys(["greeting", "ehlo", "mail"], DEFERRED)
            | dict.fromkeys(["rcpt", "data", "body"], REFUSED),
        ),
        ("421 4.3.2 closing", dict.fromkeys(["greeting", "ehlo", "mail", "rcpt", "data", "body"], DEFERRED)),
    ],
)
def test_a_refusal_at_any_stage_is_an_outcome(stage: str, reply: str, kinds: dict[str, OutcomeKind]) -> None:
    outcome, server = outcome_with({stage: say(reply)})
    assert outcome.kind is kinds[stage]
    assert outcome.relay == (stage in ("greeting", "ehlo", "mail") or reply.startswith("421"))
    assert outcome.code == int(reply[:3])
    assert outcome.reply == reply[4:]
    assert server.received == []


def test_a_refused_recipient_is_never_followed_by_data_and_the_next_letter_begins_clean() -> None:
    async def work() -> None:
        scripts = [{"rcpt": say("550 5.1.1 no such user")}, {"data": say("451 4.3.0 later")}, {}]
        async with ScriptedSmtp(letters=scripts) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(1), parcel(2), parcel(3)])
            await courier.close()
            assert [journal.outcomes[n].kind for n in (1, 2, 3)] == [REFUSED, DEFERRED, ACCEPTED]
            verbs = [line.split(" ")[0] for line in server.lines()]
            assert verbs == [
                *("EHLO", "MAIL", "RCPT", "RSET"),
                *("MAIL", "RCPT", "DATA", "RSET"),
                *("MAIL", "RCPT", "DATA", "QUIT"),
            ]
            assert journal.went == [3]

    run(work())


def test_after_421_the_next_letter_goes_over_a_new_line() -> None:
    async def work() -> None:
        async with ScriptedSmtp(letters=[{"rcpt": say("421 4.3.2 closing", drop=True)}]) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(1), parcel(2)])
            await courier.close()
            assert (journal.outcomes[1].kind, journal.outcomes[1].relay) == (DEFERRED, True)
            assert journal.outcomes[2].kind is ACCEPTED
            assert server.connections_made == 2

    run(work())


def test_a_relays_limit_of_letters_per_line_costs_no_letter() -> None:
    async def work() -> None:
        over = {"mail": say("421 4.7.0 too many messages on this line", drop=True)}
        async with ScriptedSmtp(letters=[{}, {}, over, {}, {}, {"mail": DROP}, {}]) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(number) for number in range(6)])
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 6}
            assert server.connections_made == 3
            assert len(server.received) == 6

    run(work())


# Lost lines, silence, garbage.


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data"])
@pytest.mark.parametrize("how", [DROP, say(b"not SMTP at all\r\n"), say("999 what"), say("199 what")])
def test_a_line_that_fails_before_the_final_dot_leaves_no_doubt(stage: str, how: Act) -> None:
    outcome, server = outcome_with({stage: how})
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)
    assert server.received == []


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "mail", "rcpt", "data"])
def test_silence_before_the_final_dot_leaves_no_doubt(stage: str) -> None:
    impatient = Timeouts(connect=0.3, command=0.3, data=0.3, block=0.3, final=5, closing=0.2)
    outcome, _ = outcome_with({stage: STALL}, timeouts=impatient)
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)


@pytest.mark.parametrize(
    "how",
    [
        DROP,
        STALL,
        say(b"not SMTP at all\r\n"),
        say(b"25"),
        say(b"\xff\xfe\r\n", drop=True),
        say(b"x" * 200_000),
        say("354 go on"),
        say("999 what"),
        say("250 2.0.0 too late", after=0.8),
    ],
    ids=["drop", "stall", "garbage", "half a reply", "bytes", "flood", "354", "999", "late"],
)
def test_no_clear_answer_to_the_final_dot_is_doubt(how: Act) -> None:
    outcome, server = outcome_with({"body": how})
    assert (outcome.kind, outcome.relay) == (UNKNOWN, False)
    assert server.began == 1


def test_the_wait_after_the_final_dot_is_the_ten_minutes_of_the_standard() -> None:
    assert Timeouts().final == 600


def test_an_answer_in_pieces_and_in_time_counts() -> None:
    async def work() -> None:
        many = say("250-2.0.0 taking\r\n250-2.0.0 my\r\n250 2.0.0 Ok: queued as Z9", after=0.2)
        async with ScriptedSmtp(letters=[{"body": many}]) as server:
            outcome = await send_one(server, timeouts=Timeouts(final=5, closing=0.5))
            assert (outcome.kind, outcome.provider_ref) == (ACCEPTED, "Z9")

    run(work())


def test_a_late_answer_is_not_taken_for_the_next_letters() -> None:
    async def work() -> None:
        late = {"body": say("550 5.7.1 too late", after=0.5)}
        async with ScriptedSmtp(letters=[late, {}]) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(1), parcel(2)])
            await asyncio.sleep(0.4)
            later = await send(courier, [parcel(3)])
            await courier.close()
            assert [journal.outcomes[n].kind for n in (1, 2)] == [UNKNOWN, ACCEPTED]
            assert later.outcomes[3].kind is ACCEPTED

    run(work())


def test_a_line_lost_in_the_middle_of_a_long_letter_leaves_no_doubt() -> None:
    async def work() -> None:
        long = parcel(content=LETTER + (b"x" * 76 + b"\r\n") * 200_000)
        async with ScriptedSmtp(extensions=(), letters=[{"data": Act(read_at_most=3 * BLOCK)}]) as server:
            journal = Journal()
            courier = transport(server.port)
            await courier.send([long], journal)
            await courier.close()
            assert (journal.outcomes[1].kind, journal.outcomes[1].relay) == (DEFERRED, True)
            assert journal.went == []

    run(work())


def test_a_relay_that_stops_reading_a_long_letter_leaves_no_doubt_and_gets_nothing_more() -> None:
    async def work() -> None:
        long = parcel(content=LETTER + (b"x" * 76 + b"\r\n") * 200_000)
        async with ScriptedSmtp(extensions=(), letters=[{"data": Act(stop_reading=True)}]) as server:
            courier = transport(server.port, timeouts=Timeouts(block=0.3))
            journal = await send(courier, [long, parcel(2)])
            await courier.close()
            assert (journal.outcomes[1].kind, journal.outcomes[1].relay) == (DEFERRED, True)
            assert journal.outcomes[2].kind is ACCEPTED
            assert journal.went == [2]

    run(work())


def test_going_is_told_before_the_letter_can_be_complete() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:

            class Watcher(Journal):
                def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
                    super().going_together(deliveries)
                    time.sleep(0.05)
                    assert server.received == []

            journal = Watcher()
            courier = transport(server.port)
            await courier.send([parcel()], journal)
            await courier.close()
            assert journal.events == [("going", 1), ("answered", 1)]

    run(work())


def test_a_sick_relay_brings_a_few_letters_into_doubt_and_not_the_batch() -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"body": DROP}) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(number) for number in range(50)])
            await courier.close()
            assert journal.kinds() == {UNKNOWN: FAULTS_TO_STOP, DEFERRED: 50 - FAULTS_TO_STOP}
            assert server.began == FAULTS_TO_STOP
            assert all(outcome.relay for outcome in journal.outcomes.values() if outcome.kind is DEFERRED)

    run(work())


def test_a_journal_that_cannot_be_written_stops_the_letter_before_it_goes() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:

            class Full(Journal):
                def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
                    raise OSError(28, "No space left on device")

            journal = Full()
            courier = transport(server.port)
            with pytest.raises(OSError, match="No space"):
                await courier.send([parcel(1), parcel(2)], journal)
            await courier.close()
            assert server.received == []
            assert journal.kinds() == {DEFERRED: 2}

    run(work())


# Reaching the relay.


def test_a_relay_that_is_not_there_defers_every_letter() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:
            port = server.port
        courier = transport(port, connections=4)
        journal = await send(courier, [parcel(number) for number in range(20)])
        assert journal.kinds() == {DEFERRED: 20}
        assert all(outcome.relay for outcome in journal.outcomes.values())
        assert journal.went == []
        assert await courier.probe() == [
            f"The mail relay localhost:{port} could not be reached: There is no connection to the relay: "
            f"{journal.outcomes[0].reply.rpartition(': ')[2]}"
        ]
        await courier.close()

    run(work())


def test_a_relay_that_is_just_starting_is_tried_again_within_seconds() -> None:
    async def work() -> None:
        async with ScriptedSmtp(connections=[{"greeting": DROP}, {"greeting": DROP}]) as server:
            assert (await send_one(server)).kind is ACCEPTED
            assert server.connections_made == 3

    run(work())


def test_the_pool_survives_a_restart_of_the_relay() -> None:
    async def work() -> None:
        first = ScriptedSmtp()
        async with first:
            courier = transport(first.port, connections=3)
            journal = await send(courier, [parcel(number) for number in range(9)])
            assert journal.kinds() == {ACCEPTED: 9}
        async with ScriptedSmtp(port=first.port) as second:
            journal = await send(courier, [parcel(number) for number in range(9)])
            assert journal.kinds() == {ACCEPTED: 9}
            assert len(second.received) == 9
        await courier.close()

    run(work())


def test_a_relay_killed_in_the_middle_loses_nothing_and_doubles_nothing() -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"mail": Act(after=0.005), "body": Act(after=0.005)}) as server:
            courier = transport(server.port, connections=3)
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(number) for number in range(60)], journal))
            await until(lambda: len(server.received) >= 12)
            server.hang_up()
            await sending
            await courier.close()
            arrived = Counter(received.sender for received in server.received)
            assert max(arrived.values()) == 1
            for number, outcome in journal.outcomes.items():
                if f"bounce+{number}@campaign.example" in arrived:
                    assert outcome.kind in (ACCEPTED, UNKNOWN)
                else:
                    assert outcome.kind in (DEFERRED, UNKNOWN)
            assert len(journal.outcomes) == 60

    run(work())


def test_two_hundred_letters_over_four_lines_each_once() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:
            courier = transport(server.port, connections=4)
            for part in range(2):
                numbers = range(part * 100, part * 100 + 100)
                journal = await send(courier, [parcel(number) for number in numbers])
                assert journal.kinds() == {ACCEPTED: 100}
                assert sorted(journal.went) == list(numbers)
            await courier.close()
            senders = Counter(received.sender for received in server.received)
            assert len(senders) == 200
            assert set(senders.values()) == {1}
            assert server.connections_made == server.most_open == 4

    run(work())


def test_a_relay_that_limits_our_lines_gets_its_letters_over_fewer() -> None:
    async def work() -> None:
        full = {"greeting": say("421 4.7.0 too many connections", drop=True)}
        async with ScriptedSmtp(
            connections=[{}, {}, full, full, full], always={"body": Act(after=0.01)}
        ) as server:
            courier = transport(server.port, connections=4)
            journal = await send(courier, [parcel(number) for number in range(30)])
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 30}

    run(work())


def test_a_line_refused_early_does_not_keep_later_lines_from_being_opened() -> None:
    async def work() -> None:
        full = {"greeting": say("421 4.7.0 too many connections", drop=True)}
        both_lines_end: list[Script] = [*({} for _ in range(10)), {"mail": DROP}, {"mail": DROP}]
        slow = {"body": Act(after=0.01)}
        # Not before both have ended is there a new one.
        later = {"greeting": Act(after=0.1)}
        async with ScriptedSmtp(
            connections=[{}, {}, full, later], letters=both_lines_end, always=slow
        ) as server:
            courier = transport(server.port, connections=3)
            journal = await send(courier, [parcel(number) for number in range(30)])
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 30}
            assert server.connections_made == 5

    run(work())


# Stopping.


def test_cancelling_answers_for_every_letter() -> None:
    async def work() -> None:
        async with ScriptedSmtp(letters=[{}, {"body": STALL}]) as server:
            courier = transport(server.port, timeouts=Timeouts(closing=0.2))
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(number) for number in range(4)], journal))
            await until(lambda: len(journal.went) == 2)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await courier.close()
            kinds = [journal.outcomes[number].kind for number in range(4)]
            assert kinds == [ACCEPTED, UNKNOWN, DEFERRED, DEFERRED]

    run(work())


def test_closing_waits_a_moment_for_the_letter_on_the_wire_and_begins_no_other() -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"body": Act(after=0.2)}) as server:
            courier = transport(server.port, timeouts=Timeouts(closing=5))
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(number) for number in range(4)], journal))
            await until(lambda: bool(journal.went))
            await courier.close()
            await sending
            assert [journal.outcomes[number].kind for number in range(4)] == [ACCEPTED, *[DEFERRED] * 3]

    run(work())


def test_closing_does_not_wait_for_a_relay_that_says_nothing() -> None:
    async def work() -> None:
        async with ScriptedSmtp(letters=[{}, {"body": STALL}], always={"quit": STALL}) as server:
            courier = transport(server.port, connections=2, timeouts=Timeouts(closing=0.2))
            await send(courier, [parcel(0)])
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(1)], journal))
            await until(lambda: bool(journal.went))
            began = time.monotonic()
            await courier.close()
            await sending
            assert time.monotonic() - began < 1
            assert journal.outcomes[1].kind is UNKNOWN
            assert (await send(courier, [parcel(2)])).outcomes[2].kind is DEFERRED

    run(work())


# TLS and signing in.

BOTH_KINDS = pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])


def over_tls(
    context: ssl.SSLContext, security: Security, ca_file: Path | str, **changes: Any
) -> tuple[Outcome, list[str], ScriptedSmtp]:
    """Outcome and probe with a server of this certificate."""
    server_side = {key: changes.pop(key) for key in ("accounts", "mechanisms", "always") if key in changes}

    async def work() -> tuple[Outcome, list[str], ScriptedSmtp]:
        async with AsyncExitStack() as stack:
            server = ScriptedSmtp(tls=context, implicit=security is Security.TLS, **server_side)
            await stack.enter_async_context(server)
            settings = {"security": security, "ca_file": str(ca_file), **changes}
            courier = transport(server.port, **settings)
            problems = await courier.probe()
            return await send_one(server, **settings), problems, server

    return run(work())


@BOTH_KINDS
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_letter_goes_over_tls_with_a_certificate_that_holds(
    tmp_path: Path, security: Security, host: str
) -> None:
    authority = Authority(tmp_path)
    context = authority.server_context("localhost", "127.0.0.1")
    outcome, problems, server = over_tls(context, security, authority.ca_file, host=host)
    assert outcome.kind is ACCEPTED
    assert problems == []
    assert server.received[0].content == LETTER


@BOTH_KINDS
@pytest.mark.parametrize(
    ("name", "trusted", "words"),
    [
        ("relay.example", True, "Hostname mismatch"),
        ("localhost", False, "unable to get local issuer"),
        ("expired", True, "expired"),
    ],
)
def test_a_certificate_that_does_not_hold_stops_every_letter(
    tmp_path: Path, security: Security, name: str, trusted: bool, words: str
) -> None:
    authority = Authority(tmp_path)
    expired = name == "expired"
    context = authority.server_context("localhost" if expired else name, expired=expired)
    outcome, problems, server = over_tls(context, security, authority.ca_file if trusted else "")
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)
    assert words in outcome.reply
    assert words in problems[0]
    assert server.began == 0


def test_starttls_that_is_not_offered_is_never_done_without() -> None:
    outcome, server = outcome_with({}, security=Security.STARTTLS, username="user", password="secret")
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)
    assert "STARTTLS" in outcome.reply
    assert [line.split(" ")[0] for line in server.lines()] == ["EHLO"]


def test_starttls_that_is_refused_is_never_done_without(tmp_path: Path) -> None:
    context = Authority(tmp_path).server_context("localhost")
    script = {"starttls": say("454 4.7.0 TLS not available")}
    outcome, problems, server = over_tls(context, Security.STARTTLS, "", always=script)
    assert (outcome.kind, outcome.relay, outcome.code) == (DEFERRED, True, 454)
    assert "could not be reached safely: 454" in problems[0]
    assert server.began == 0


def test_implicit_tls_to_a_plain_port_says_what_to_look_at() -> None:
    outcome, _ = outcome_with({}, security=Security.TLS)
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)
    assert "does the security setting fit the port?" in outcome.reply


@BOTH_KINDS
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_signing_in_with_the_right_password(tmp_path: Path, security: Security, mechanism: str) -> None:
    authority = Authority(tmp_path)
    account = {"accounts": {"user": "sécret"}, "mechanisms": [mechanism]}
    context = authority.server_context("localhost")
    outcome, problems, _ = over_tls(
        context, security, authority.ca_file, **account, username="user", password="sécret"
    )
    assert outcome.kind is ACCEPTED
    assert problems == []


def test_a_wrong_password_defers_the_batch_after_one_try_and_is_never_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def work() -> None:
        context = authority.server_context("localhost")
        async with ScriptedSmtp(tls=context, accounts={"user": "right"}, mechanisms=["PLAIN"]) as server:
            courier = transport(
                server.port,
                connections=4,
                security=Security.STARTTLS,
                ca_file=str(authority.ca_file),
                username="user",
                password="wr0ng-pass",
            )
            journal = await send(courier, [parcel(number) for number in range(20)])
            tries = sum(line.startswith("AUTH") for line in server.lines())
            problems = await courier.probe()
            await courier.close()
            assert tries == 1
            assert {outcome.code for outcome in journal.outcomes.values()} == {535}
            assert journal.kinds() == {DEFERRED: 20}
            assert all(outcome.relay for outcome in journal.outcomes.values())
            (problem,) = problems
            assert "did not let us sign in: 535 5.7.8" in problem
            assert "wr0ng-pass" not in problem + repr(journal.outcomes) + repr(vars(courier)["_relay"])

    run(work())


def test_a_relay_that_wants_a_password_we_do_not_have_defers_every_letter() -> None:
    async def work() -> None:
        async with ScriptedSmtp(accounts={"user": "x"}) as server:
            outcome = await send_one(server)
            assert (outcome.kind, outcome.relay, outcome.code) == (DEFERRED, True, 530)

    run(work())


def test_a_relay_without_auth_is_named_as_such_when_a_password_is_set() -> None:
    outcome, _ = outcome_with({}, username="user", password="x")
    assert (outcome.kind, outcome.relay) == (DEFERRED, True)
    assert "AUTH" in outcome.reply


@pytest.mark.parametrize("host", ["relay.example", "192.0.2.1", "2001:db8::1", "localhost.example", ""])
def test_clear_text_is_allowed_to_this_machine_only(host: str) -> None:
    with pytest.raises(SettingsProblem, match="this machine only"):
        SmtpTransport(host=host, port=25, security=Security.NONE)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_clear_text_to_this_machine_is_allowed(host: str) -> None:
    SmtpTransport(host=host, port=25, security=Security.NONE)


def test_a_ca_file_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    for ca_file in (wrong, tmp_path / "missing.pem"):
        with pytest.raises(SettingsProblem, match="ca_file"):
            SmtpTransport(host="relay.example", port=587, security=Security.STARTTLS, ca_file=str(ca_file))


def test_a_probe_sends_no_letter_and_says_good_bye() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:
            courier = transport(server.port)
            assert await courier.probe() == []
            assert [line.split(" ")[0] for line in server.lines()] == ["EHLO", "NOOP", "QUIT"]
            assert server.lines()[0] == "EHLO [127.0.0.1]"
        async with ScriptedSmtp(always={"noop": DROP}) as server:
            (problem,) = await transport(server.port).probe()
            assert "NOOP" in problem

    run(work())
