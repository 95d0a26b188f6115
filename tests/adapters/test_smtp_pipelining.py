"""Letters one behind the other on one line: pipelined (RFC 2920), in chunks (RFC 3030), in lock-step."""

import asyncio
import ssl
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import uvloop

from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.adapters.smtp_envelope import BLOCK
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome
from dispatcher.domain.security import Security
from dispatcher.services.transport import Parcel
from tests.servers.aiosmtpd_server import AiosmtpdServer
from tests.servers.certificates import Authority
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import DROP, STALL, Act, Script, ScriptedSmtp, say
from tests.servers.smtp_posting import (
    ACCEPTED,
    DEFERRED,
    LETTER,
    QUICK,
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

USUAL = ("8BITMIME", "SIZE 10240000", "DSN", "ENHANCEDSTATUSCODES")
PIPELINED = (*USUAL, "PIPELINING")
WAYS = pytest.mark.parametrize(
    "extensions",
    [USUAL, PIPELINED, (*USUAL, "CHUNKING"), (*PIPELINED, "CHUNKING")],
    ids=["lock-step", "pipelined", "chunked", "both"],
)
STAGES = pytest.mark.parametrize(
    ("extensions", "stage"),
    [
        pytest.param(extensions, stage, id=f"{name}-{stage}")
        for name, extensions in zip(
            ("lock-step", "pipelined", "chunked", "both"),
            (USUAL, PIPELINED, (*USUAL, "CHUNKING"), (*PIPELINED, "CHUNKING")),
            strict=True,
        )
        for stage in ("mail", "rcpt", "data", "body")
        if stage != "data" or "CHUNKING" not in extensions
    ],
)
LOOPS = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
VERBS = {"EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "QUIT", "."}


def sent(
    scripts: list[Script], extensions: tuple[str, ...] = PIPELINED, count: int = 3, **changes: Any
) -> tuple[list[Outcome], ScriptedSmtp, Journal]:
    """The outcomes of letters 0 to count over one line, whose scripts these are."""

    async def work() -> tuple[list[Outcome], ScriptedSmtp, Journal]:
        async with ScriptedSmtp(letters=scripts, extensions=extensions) as server:
            courier = transport(server.port, **changes)
            journal = await send(courier, [parcel(number) for number in range(count)])
            await courier.close()
            return [journal.outcomes[number] for number in range(count)], server, journal

    outcomes, server, journal = run(work())
    assert {line.split(" ")[0] for line in server.lines()} <= VERBS, "a body was read as commands"
    return outcomes, server, journal


def arrived(server: ScriptedSmtp) -> list[int]:
    return [int(received.sender.removeprefix("bounce+").split("@")[0]) for received in server.received]


# What goes in one write.


def test_the_body_of_one_letter_and_the_envelope_of_the_next_go_in_one_write() -> None:
    async def work() -> list[bytes]:
        writes: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hello\r\n")
            await reader.readline()
            writer.write(b"250-hello\r\n250 PIPELINING\r\n")
            answers = [
                b"250 ok\r\n250 ok\r\n354 go on\r\n",
                *[b"250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n"] * 2,
            ]
            for answer in [*answers, b"250 ok\r\n", b"221 bye\r\n"]:
                writes.append(await reader.read(65536))
                writer.write(answer)
            await reader.read()
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            courier = transport(server.sockets[0].getsockname()[1])
            journal = await send(courier, [parcel(number) for number in range(3)])
            await courier.close()
        assert journal.kinds() == {ACCEPTED: 3}
        return writes

    def envelope(number: int) -> bytes:
        return (
            b"MAIL FROM:<bounce+%d@campaign.example>\r\nRCPT TO:<embassy@mission.example>\r\nDATA\r\n"
            % number
        )

    body = LETTER + b".\r\n"
    assert run(work()) == [envelope(0), body + envelope(1), body + envelope(2), body, b"QUIT\r\n"]


GO_AHEAD = b"250 ok\r\n250 ok\r\n354 go on\r\n"


@pytest.mark.parametrize("chunked", [False, True], ids=["pipelined", "both"])
@pytest.mark.parametrize(
    ("odd", "kinds"),
    [
        (b"250 ok 4\r\n" + GO_AHEAD, [ACCEPTED, ACCEPTED]),
        (b"250-ok\r\n250 4\r\n" + GO_AHEAD, [ACCEPTED, ACCEPTED]),
        (b"550 5.7.1 no\r\n" + GO_AHEAD, [REFUSED, ACCEPTED]),
        (b"421 4.3.2 closing\r\n" + GO_AHEAD, [DEFERRED, ACCEPTED]),
        (b"nonsense\r\n" + GO_AHEAD, [UNKNOWN, ACCEPTED]),
        (b"250 ok\r\n250 ok\r\n550 5.1.1 nobody\r\n503 no\r\n", [ACCEPTED, REFUSED]),
        (b"250 ok\r\n250 ok\r\n421 4.3.2 closing\r\n503 no\r\n", [ACCEPTED, DEFERRED]),
        (b"250 ok\r\n250 ok\r\nnonsense\r\n354 go on\r\n", [ACCEPTED, DEFERRED]),
        (b"250 ok\r\n" + GO_AHEAD + b"250 more\r\n", [ACCEPTED, DEFERRED]),
        (b"250 ok\r\n" + GO_AHEAD + b"25", [ACCEPTED, DEFERRED]),
    ],
)
def test_a_relay_long_in_step_is_heard_when_it_says_something_else(
    odd: bytes, kinds: list[Any], chunked: bool
) -> None:
    """Each answer is one packet; the fifth letter's is the odd one. kinds: of the fifth letter and the sixth."""
    bodies = 0

    def answer(wanted: bytes) -> bytes:
        nonlocal bodies
        cleared = b"250 clean\r\n" if b"RSET\r\n" in wanted else b""
        taken = b""
        if b"Subject" in wanted:
            bodies += 1
            taken = b"250 ok %d\r\n" % bodies
        said = odd if bodies == 5 and taken else cleared + taken + (GO_AHEAD if b"MAIL" in wanted else b"")
        return said.replace(b"354 go on\r\n", b"").replace(b"503 no\r\n", b"") if chunked else said

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(b"250-hello\r\n" + (b"250-CHUNKING\r\n" if chunked else b"") + b"250 PIPELINING\r\n")
        while (wanted := await reader.read(65536)) and wanted != b"QUIT\r\n":
            writer.write(answer(wanted))
        writer.close()

    async def work() -> Journal:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            courier = transport(server.sockets[0].getsockname()[1])
            journal = await send(courier, [parcel(number) for number in range(10)])
            await courier.close()
            return journal

    journal = run(work())
    expected = [ACCEPTED] * 4 + kinds + [ACCEPTED] * 4
    assert [journal.outcomes[number].kind for number in range(10)] == expected


def test_chunks_need_no_permission_and_go_with_the_next_letters_envelope() -> None:
    outcomes, server, _ = sent([], (*PIPELINED, "CHUNKING"))
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert {received.way for received in server.received} == {"BDAT"}
    assert {received.content for received in server.received} == {LETTER}
    assert f"BDAT {len(LETTER)} LAST" in server.lines()
    assert "DATA" not in server.lines()


def test_without_pipelining_one_command_waits_for_the_other() -> None:
    async def work() -> None:
        slow = Act(after=0.01, listens=True)
        async with ScriptedSmtp(always={"mail": slow, "rcpt": slow, "data": slow}, extensions=()) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(0), parcel(1)])
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 2}
            assert server.ahead == []

    run(work())


@WAYS
@LOOPS
def test_every_byte_arrives_unchanged(
    extensions: tuple[str, ...], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    bodies = [
        b"short\r\n",
        b".\r\n",
        b".hidden\r\n..twice\r\n.\r\nQUIT\r\n",
        b"x" * 998 + b"\r\n",
        "안녕하십니까\r\n".encode() * 1000,
        (b"." + b"=" * 75 + b"\r\n") * 4000,
        b"a" * (BLOCK - len(LETTER) - 2) + b"\r\n",
        b"a" * (BLOCK - len(LETTER) - 1) + b"\r\n",
        b"a" * (BLOCK - len(LETTER)) + b"\r\n.\r\n",
        (b"y" * 76 + b"\r\n") * 30_000,
    ]
    contents = [LETTER + body for body in bodies] + [b".x: y\r\n\r\n"]

    async def work() -> None:
        async with ScriptedSmtp(extensions=extensions) as server:
            courier = transport(server.port, timeouts=Timeouts())
            parcels = [parcel(number, content) for number, content in enumerate(contents)]
            assert (await send(courier, parcels)).kinds() == {ACCEPTED: len(contents)}
            await courier.close()
            assert arrived(server) == list(range(len(contents)))
            assert [received.content for received in server.received] == contents

    run(work(), loop=loop)


@LOOPS
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
@pytest.mark.parametrize("extensions", [PIPELINED, (*PIPELINED, "CHUNKING")], ids=["pipelined", "both"])
def test_letters_go_pipelined_over_tls(
    extensions: tuple[str, ...],
    security: Security,
    loop: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    context: ssl.SSLContext = authority.server_context("localhost")
    long = (b"." + b"y" * 75 + b"\r\n") * 20_000

    async def work() -> None:
        implicit = security is Security.TLS
        async with ScriptedSmtp(tls=context, implicit=implicit, extensions=extensions) as server:
            courier = transport(
                server.port,
                security=security,
                ca_file=str(authority.ca_file),
                connections=2,
                timeouts=Timeouts(),
            )
            parcels = [parcel(number, LETTER + (long if number == 20 else b"")) for number in range(50)]
            journal = await send(courier, parcels)
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 50}
            assert sorted(arrived(server)) == list(range(50))
            by_sender = {received.sender: received.content for received in server.received}
            assert by_sender["bounce+20@campaign.example"] == LETTER + long

    run(work(), loop=loop)


@LOOPS
@pytest.mark.skipif(not smtp_sink_found(), reason="smtp-sink (postfix) is not installed")
def test_smtp_sink_takes_pipelined_letters(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    with smtp_sink(tmp_path) as sink:

        async def work() -> None:
            courier = transport(sink.port, connections=3)
            assert (await send(courier, [parcel(number) for number in range(200)])).kinds() == {ACCEPTED: 200}
            await courier.close()

        run(work(), loop=loop)
        assert sum(b"Dear Ambassador" in message for message in sink.messages()) == 200


def test_aiosmtpd_takes_the_same_bytes() -> None:
    content = LETTER + b".\r\n..\r\nend\r\n"
    with in_thread(AiosmtpdServer()) as server:

        async def work() -> Journal:
            courier = transport(server.port, connections=2)
            try:
                return await send(courier, [parcel(number, content) for number in range(10)])
            finally:
                await courier.close()

        assert run(work()).kinds() == {ACCEPTED: 10}
        assert {envelope.content for envelope in server.messages} == {content}


# Refusals in the middle.


@STAGES
@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        ("450 4.2.1 not now", {"mail": DEFERRED, "rcpt": DEFERRED, "data": DEFERRED, "body": DEFERRED}),
        ("552 5.3.4 too long", {"mail": REFUSED, "rcpt": REFUSED, "data": REFUSED, "body": REFUSED}),
        ("550 5.1.1 nobody", {"mail": DEFERRED, "rcpt": REFUSED, "data": REFUSED, "body": REFUSED}),
    ],
)
def test_a_refusal_concerns_its_own_letter_only(
    extensions: tuple[str, ...], stage: str, reply: str, kinds: dict[str, Any]
) -> None:
    outcomes, server, journal = sent([{}, {stage: say(reply)}, {}], extensions)
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, kinds[stage], ACCEPTED]
    assert (outcomes[1].code, outcomes[1].reply) == (int(reply[:3]), reply[4:])
    assert arrived(server) == [0, 2]
    assert (1 in journal.went) == (stage == "body")


@WAYS
def test_after_a_refusal_the_next_letter_begins_on_a_clean_table(extensions: tuple[str, ...]) -> None:
    outcomes, server, _ = sent([{"rcpt": say("550 5.1.1 no such user")}, {}], extensions, count=2)
    assert [outcome.kind for outcome in outcomes] == [REFUSED, ACCEPTED]
    verbs = [line.split(" ")[0] for line in server.lines()]
    asked = ["DATA"] if extensions == PIPELINED else []
    last = "BDAT" if "CHUNKING" in extensions else "DATA"
    assert verbs == ["EHLO", "MAIL", "RCPT", *asked, "RSET", "MAIL", "RCPT", last, "QUIT"]


def test_a_body_that_is_wanted_for_a_refused_recipient_is_a_dot_alone() -> None:
    script = {"rcpt": say("550 5.1.1 no such user"), "data": say("354 go on all the same")}
    outcomes, server, journal = sent([{}, script, {}])
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, REFUSED, ACCEPTED]
    assert outcomes[1].reply == "5.1.1 no such user"
    assert [(received.recipient, received.content) for received in server.received] == [
        ("embassy@mission.example", LETTER),
        ("", b""),
        ("embassy@mission.example", LETTER),
    ]
    assert journal.went == [0, 2]
    assert server.connections_made == 1


def test_a_dot_alone_ends_the_last_letter_too() -> None:
    async def work() -> None:
        script = {
            "rcpt": say("550 5.1.1 no such user"),
            "data": say("354 go on"),
            "body": say("554 5.5.1 nobody"),
        }
        async with ScriptedSmtp(letters=[{}, script], extensions=PIPELINED) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(0), parcel(1)])
            assert [journal.outcomes[number].kind for number in range(2)] == [ACCEPTED, REFUSED]
            await asyncio.sleep(0.05)
            assert (await send(courier, [parcel(2)])).kinds() == {ACCEPTED: 1}
            await courier.close()
            assert arrived(server) == [0, 2]
            assert server.connections_made == 1

    run(work())


def test_a_relay_that_refuses_the_sender_and_wants_a_body_gets_none_at_all() -> None:
    script = {"mail": say("552 5.3.4 too long"), "data": say("354 go on")}
    outcomes, server, _ = sent([{}, script, {}])
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, REFUSED, ACCEPTED]
    assert arrived(server) == [0, 2]
    assert server.connections_made == 2


# Lines that end in the middle.


@STAGES
@pytest.mark.parametrize("drop", [True, False])
def test_421_ends_the_line_and_the_rest_goes_over_another(
    extensions: tuple[str, ...], stage: str, drop: bool
) -> None:
    outcomes, server, _ = sent([{}, {stage: say("421 4.3.2 closing", drop=drop)}, {}], extensions)
    # At MAIL it is the relay's limit of letters: the letter goes at once over the next line.
    second = ACCEPTED if stage == "mail" else DEFERRED
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, second, ACCEPTED]
    assert outcomes[1].relay == (second is DEFERRED)
    assert sorted(arrived(server)) == ([0, 1, 2] if stage == "mail" else [0, 2])
    assert server.connections_made == 2


@STAGES
@pytest.mark.parametrize("how", [DROP, STALL, say(b"no reply at all\r\n"), say(b"250-a\r\n550 b\r\n")])
def test_a_line_that_fails_leaves_doubt_after_the_final_dot_only(
    extensions: tuple[str, ...], stage: str, how: Act
) -> None:
    impatient = Timeouts(connect=5, command=0.2, data=0.2, block=0.2, final=0.2, closing=0.2)
    outcomes, server, journal = sent([{}, {stage: how}, {}], extensions, timeouts=impatient)
    second = {"mail": ACCEPTED, "body": UNKNOWN}.get(stage, DEFERRED)
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, second, ACCEPTED]
    assert len(arrived(server)) == len(set(arrived(server)))
    assert [number for number in journal.went if outcomes[number].kind is DEFERRED] == []


def test_the_letter_begun_behind_one_without_an_answer_goes_over_another_line() -> None:
    outcomes, server, journal = sent([{"body": STALL}, {}, {}], timeouts=QUICK)
    assert [outcome.kind for outcome in outcomes] == [UNKNOWN, ACCEPTED, ACCEPTED]
    assert outcomes[0].reply == "The relay was silent for too long (BODY)."
    assert arrived(server) == [0, 1, 2]
    assert journal.went == [0, 1, 2]


@WAYS
def test_a_half_closed_line_is_a_lost_one(extensions: tuple[str, ...]) -> None:
    async def work() -> None:
        async with ScriptedSmtp(
            letters=[{}, {"body": Act(silent=True, half_close=True)}], extensions=extensions
        ) as server:
            began = time.monotonic()
            courier = transport(server.port, timeouts=Timeouts())
            journal = await send(courier, [parcel(number) for number in range(3)])
            await courier.close()
            assert [journal.outcomes[number].kind for number in range(3)] == [ACCEPTED, UNKNOWN, ACCEPTED]
            assert time.monotonic() - began < 5

    run(work())


# Replies early, twice, out of turn.


@pytest.mark.parametrize("extra", ["250 2.0.0 ok\r\n", "550 5.0.0 no\r\n", "354 go on\r\n", "what\r\n", "2"])
def test_a_reply_too_many_before_the_body_keeps_the_body_back(extra: str) -> None:
    outcomes, server, journal = sent([{}, {"data": say(f"354 go on\r\n{extra}".encode())}, {}])
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, DEFERRED, ACCEPTED]
    assert arrived(server) == journal.went == [0, 2]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("552 5.3.4 too long", REFUSED),
        ("452 4.3.1 no room", DEFERRED),
        ("421 4.3.2 closing", DEFERRED),
        ("250 2.0.0 taken", DEFERRED),
        ("500 what", DEFERRED),
    ],
)
@pytest.mark.parametrize("extensions", [USUAL, PIPELINED], ids=["lock-step", "pipelined"])
def test_an_answer_in_the_middle_of_a_long_body_is_for_a_letter_that_was_not_handed_over(
    extensions: tuple[str, ...], reply: str, kind: Any
) -> None:
    async def work() -> None:
        long = parcel(1, LETTER + (b"x" * 76 + b"\r\n") * 200_000)
        early = {"data": Act(stop_reading=True, then=f"{reply}\r\n".encode())}
        async with ScriptedSmtp(
            extensions=extensions[:1] + extensions[2:], letters=[{}, early, {}]
        ) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(0), long, parcel(2)])
            await courier.close()
            kinds = [journal.outcomes[number].kind for number in range(3)]
            assert kinds == [ACCEPTED, kind, ACCEPTED]
            assert journal.went == arrived(server) == [0, 2]

    run(work())


@WAYS
def test_an_answer_given_twice_is_never_another_letters_acceptance(extensions: tuple[str, ...]) -> None:
    async def work() -> None:
        twice = say("250 2.0.0 Ok: queued as A\r\n250 2.0.0 Ok: queued as B")
        async with ScriptedSmtp(always={"body": twice}, extensions=extensions) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(number) for number in range(4)])
            await courier.close()
            for number, outcome in journal.outcomes.items():
                assert outcome.kind in ((ACCEPTED,) if number in arrived(server) else (DEFERRED,))
            assert ACCEPTED in journal.kinds()

    run(work())


def test_a_line_on_which_the_relay_speaks_while_it_rests_is_not_used_again() -> None:
    async def work() -> None:
        async with ScriptedSmtp(extensions=PIPELINED) as server:
            courier = transport(server.port)
            await send(courier, [parcel(1)])
            server.announce(b"421 4.4.2 idle for too long\r\n")
            await asyncio.sleep(0.05)
            assert (await send(courier, [parcel(2)])).kinds() == {ACCEPTED: 1}
            await courier.close()
            assert server.connections_made == 2

    run(work())


def test_a_line_that_is_ended_just_as_the_next_letter_begins_costs_no_letter() -> None:
    both_at_work = asyncio.Event()

    async def ten_letters_over_two_lines(server: ScriptedSmtp, courier: SmtpTransport, round: int) -> None:
        """Both are past their EHLO then: a line that is still being opened has no letter to lose."""
        numbers = range(round * 10, round * 10 + 10)
        both_at_work.clear()
        sending = asyncio.create_task(send(courier, [parcel(number) for number in numbers]))
        await until(lambda: _with_a_letter(server) >= {round * 2, round * 2 + 1})
        both_at_work.set()
        assert (await sending).kinds() == {ACCEPTED: 10}

    async def work() -> None:
        script = {"body": Act(when=both_at_work)}
        async with ScriptedSmtp(always=script, extensions=PIPELINED) as server:
            courier = transport(server.port, connections=2, timeouts=Timeouts())
            for round in range(5):
                await ten_letters_over_two_lines(server, courier, round)
                server.hang_up()
            await courier.close()
            assert sorted(arrived(server)) == list(range(50))
            assert server.connections_made == 10

    run(work())


def _with_a_letter(server: ScriptedSmtp) -> set[int]:
    """The connections on which a letter has begun."""
    return {connection for connection, line in server.commands if line.startswith("MAIL")}


# The witness.


def test_a_letter_goes_only_after_the_witness_knows_and_one_at_a_time_on_a_line() -> None:
    class Watcher(Journal):
        def going_together(self, deliveries: Any) -> None:
            assert [each.delivery for each in on_the_wire] == []
            assert len(deliveries) == 1
            super().going_together(deliveries)
            on_the_wire.append(parcel(deliveries[0]))

        def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
            super().answered(delivery, outcome)
            assert [each.delivery for each in on_the_wire] == [delivery]
            on_the_wire.clear()

    on_the_wire: list[Parcel] = []

    async def work() -> None:
        async with ScriptedSmtp(extensions=PIPELINED) as server:
            courier = transport(server.port)
            journal = Watcher()
            await courier.send([parcel(number) for number in range(20)], journal)
            await courier.close()
            assert journal.events == [
                event for number in range(20) for event in (("going", number), ("answered", number))
            ]

    run(work())


def test_silence_is_measured_from_the_last_word() -> None:
    async def work() -> None:
        # Each answer comes in time, all together take twice the patience.
        slow: Script = {"body": Act(after=0.15)}
        async with ScriptedSmtp(always=slow, extensions=PIPELINED) as server:
            courier = transport(server.port, timeouts=Timeouts(final=0.3, closing=0.2))
            assert (await send(courier, [parcel(number) for number in range(5)])).kinds() == {ACCEPTED: 5}
            await courier.close()

    run(work())


def test_the_patience_for_a_command_begins_when_the_letter_before_has_its_answer() -> None:
    async def work() -> None:
        impatient = Timeouts(connect=5, command=0.2, data=0.2, block=0.2, final=30, closing=0.2)
        async with ScriptedSmtp(letters=[{}, {"rcpt": STALL}, {}], extensions=PIPELINED) as server:
            began = time.monotonic()
            courier = transport(server.port, timeouts=impatient)
            journal = await send(courier, [parcel(number) for number in range(3)])
            await courier.close()
            assert [journal.outcomes[number].kind for number in range(3)] == [ACCEPTED, DEFERRED, ACCEPTED]
            assert journal.outcomes[1].reply == "The relay was silent for too long (RCPT)."
            assert time.monotonic() - began < 5

    run(work())


def test_closing_lets_the_letter_on_the_wire_have_its_answer_and_takes_back_the_one_behind() -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"body": Act(after=0.2)}, extensions=PIPELINED) as server:
            courier = transport(server.port, timeouts=Timeouts(closing=5))
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(number) for number in range(4)], journal))
            await until(lambda: bool(journal.went))
            await courier.close()
            await sending
            assert [journal.outcomes[number].kind for number in range(4)] == [ACCEPTED, *[DEFERRED] * 3]
            assert arrived(server) == [0]
            assert {outcome.reply for outcome in list(journal.outcomes.values()) if outcome.relay} == {
                "Sending was stopped before this letter's turn."
            }

    run(work())


def test_order_is_kept_on_one_line() -> None:
    _, server, journal = sent([], count=30)
    assert all(earlier < later for earlier, later in pairwise(arrived(server)))
    assert journal.went == list(range(30))
