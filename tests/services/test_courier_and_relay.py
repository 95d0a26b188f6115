"""The courier with the real SMTP transport and a server on loopback."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.domain.security import Security
from tests.installation import NOON, Installation
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import DROP, Script, ScriptedSmtp, say

D = DeliveryState
QUICK = Timeouts(connect=5, command=5, data=5, block=5, final=0.3, closing=0.5)


def send(
    home: Installation, letters: Sequence[Script] = (), *, rounds: int = 1, **server: Any
) -> ScriptedSmtp:
    """Lets a courier work at noon against a server that plays these scripts, half an hour between the rounds."""
    with in_thread(ScriptedSmtp(letters=letters, **server)) as relay:
        transport = SmtpTransport(
            host="localhost", port=relay.port, security=Security.NONE, connections=1, timeouts=QUICK
        )
        courier = home.courier()
        courier.transport = transport
        home.clock.move_to(NOON)

        async def work() -> None:
            for _ in range(rounds):
                await courier.round()
                home.prepare()
                home.clock.move_to(home.clock.now() + timedelta(minutes=30))
            await transport.close()

        asyncio.run(work())
        return relay


@pytest.fixture
def letter(home: Installation) -> int:
    (id,) = home.take()
    home.prepare()
    return id


def test_a_letter_arrives_with_its_queue_id_in_the_log(home: Installation, letter: int) -> None:
    relay = send(home)
    (received,) = relay.received
    assert received.recipient == "embassy@nl.mission.example"
    assert received.sender.startswith("bounce+")
    (row,) = home.log()
    assert row.delivery.state is D.ACCEPTED
    (attempt,) = row.attempts
    assert (attempt.outcome.code, attempt.outcome.provider_ref) == (250, "Q000001")
    assert row.delivery.message_id.encode() in received.content
    assert home.audit().ok


def test_a_greylisted_letter_is_taken_at_its_second_try(home: Installation, letter: int) -> None:
    relay = send(home, [{"rcpt": say("451 4.7.1 greylisted")}], rounds=2)
    assert len(relay.received) == 1
    (row,) = home.log()
    assert [attempt.outcome.code for attempt in row.attempts] == [451, 250]
    assert row.delivery.state is D.ACCEPTED


def test_a_refused_letter_opens_the_fax(home: Installation, letter: int) -> None:
    send(home, [{"rcpt": say("550 5.7.1 not wanted here")}])
    assert [(row.delivery.channel, row.delivery.state) for row in home.log()] == [
        (Channel.EMAIL, D.FAILED),
        (Channel.FAX, D.QUEUED),
    ]


def test_an_unknown_mailbox_is_not_written_to_again(home: Installation, letter: int) -> None:
    home.take(first=2)
    home.prepare()
    relay = send(home, [{"rcpt": say("550 5.1.1 no such user")}] * 2, rounds=3)
    assert {row.delivery.channel for row in home.log(state=D.ACCEPTED)} == {Channel.FAX}
    assert sum(line.startswith("RCPT") for line in relay.lines()) <= 2


def test_a_line_that_is_lost_after_the_final_dot_leaves_the_letter_in_doubt_for_good(
    home: Installation, letter: int
) -> None:
    relay = send(home, [{"body": DROP}], rounds=4)
    assert relay.began == 1
    (row,) = home.log()
    assert row.delivery.state is D.IN_DOUBT
    assert home.audit().ok


def test_a_relay_that_turns_us_away_costs_no_letter_and_nothing_is_sent_twice(
    home: Installation, letter: int
) -> None:
    home.take(5, first=2)
    home.prepare()
    away = [{"greeting": say("421 4.3.2 not now", drop=True)}] * 3
    relay = send(home, connections=away, rounds=8)
    assert len(relay.received) == len({received.content for received in relay.received}) == 6
    assert home.states() == {D.ACCEPTED: 6}
    assert home.audit().ok
