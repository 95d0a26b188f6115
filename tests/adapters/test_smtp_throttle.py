"""Fewer lines when the relay says "not now"."""

import asyncio

from dispatcher.adapters.smtp_throttle import RECOVERY, REFUSALS_TO_SLOW, Throttle
from dispatcher.domain.outcome import Outcome, OutcomeKind
from tests.servers.scripted_smtp import Act, ScriptedSmtp, say
from tests.servers.smtp_posting import ACCEPTED, DEFERRED, UNKNOWN, parcel, run, send, transport

TAKEN = Outcome(kind=OutcomeKind.ACCEPTED, code=250)
NOT_NOW = Outcome(kind=OutcomeKind.DEFERRED, code=451, enhanced_code="4.7.0")
CLOSING = Outcome(kind=OutcomeKind.DEFERRED, code=421, relay=True)
MAILBOX_FULL = Outcome(kind=OutcomeKind.DEFERRED, code=452, enhanced_code="4.2.2")
REFUSED = Outcome(kind=OutcomeKind.REFUSED, code=550)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def heard(*outcomes: Outcome, most: int = 8) -> Throttle:
    throttle = Throttle(most, Clock())
    for outcome in outcomes:
        throttle.heard(outcome)
    return throttle


def test_not_now_again_and_again_halves_the_lines_down_to_one() -> None:
    assert heard(*[NOT_NOW] * (REFUSALS_TO_SLOW - 1)).lines == 8
    assert heard(*[NOT_NOW] * REFUSALS_TO_SLOW).lines == 4
    assert heard(*[CLOSING] * REFUSALS_TO_SLOW * 2).lines == 2
    assert heard(*[NOT_NOW] * REFUSALS_TO_SLOW * 9).lines == 1


def test_what_says_nothing_of_the_relay_does_not_slow_it() -> None:
    assert heard(*[NOT_NOW, NOT_NOW, TAKEN] * 9).lines == 8
    assert heard(*[MAILBOX_FULL] * 50).lines == 8
    assert heard(*[REFUSED] * 50).lines == 8
    assert heard(*[Outcome(kind=UNKNOWN)] * 50).lines == 8


def test_lines_come_back_one_by_one_with_time() -> None:
    clock = Clock()
    throttle = Throttle(4, clock)
    assert not throttle.recover()
    for _ in range(REFUSALS_TO_SLOW):
        throttle.heard(NOT_NOW)
    seen = []
    for _ in range(8):
        clock.now += RECOVERY / 2
        seen.append((throttle.recover(), throttle.lines))
    assert seen == [(False, 2), (True, 3), (False, 3), (True, 4), *[(False, 4)] * 4]


def test_no_more_lines_than_the_relay_gives() -> None:
    throttle = Throttle(8, Clock())
    throttle.at_most(3)
    throttle.at_most(5)
    assert throttle.lines == 3
    throttle.at_most(0)
    assert throttle.lines == 1


def test_a_relay_that_says_not_now_finds_fewer_lines_open() -> None:
    async def work() -> None:
        slow = Act(after=0.005)
        busy = [{"body": say("451 4.7.0 slow down", after=0.005)}] * 8
        async with ScriptedSmtp(letters=[*[{"body": slow}] * 40, *busy], always={"body": slow}) as server:
            courier = transport(server.port, connections=4)
            journal = await send(courier, [parcel(number) for number in range(40)])
            assert journal.kinds() == {ACCEPTED: 40}
            assert server.open == 4
            journal = await send(courier, [parcel(number) for number in range(100, 140)])
            assert journal.kinds() == {ACCEPTED: 32, DEFERRED: 8}
            await asyncio.sleep(0.05)
            assert server.open == 1
            await courier.close()
            assert server.lines().count("QUIT") == 4

    run(work())
