"""Many letters over several lines: who feeds them, who is told, and what stops them."""

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from dispatcher.adapters.smtp_batch import FAULTS_TO_STOP
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome
from dispatcher.services.transport import Parcel
from tests.servers.scripted_smtp import DROP, STALL, Act, Script, ScriptedSmtp, say
from tests.servers.smtp_posting import (
    ACCEPTED,
    DEFERRED,
    LETTER,
    UNKNOWN,
    Journal,
    parcel,
    run,
    send,
    transport,
    until,
)

PIPELINED = ("8BITMIME", "SIZE 10240000", "PIPELINING")
BOTH_WAYS = pytest.mark.parametrize("extensions", [PIPELINED[:2], PIPELINED], ids=["lock-step", "pipelined"])


def arrived(server: ScriptedSmtp) -> Counter[int]:
    return Counter(int(received.sender.removeprefix("bounce+").split("@")[0]) for received in server.received)


# The feed.


@BOTH_WAYS
def test_letters_are_made_only_when_a_line_is_free_for_them(extensions: tuple[str, ...]) -> None:
    alive: weakref.WeakSet[Parcel] = weakref.WeakSet()
    most = 0

    def made() -> Iterator[Parcel]:
        nonlocal most
        for number in range(200):
            one = parcel(number, LETTER + b"y" * 50_000 + b"\r\n")
            alive.add(one)
            most = max(most, len(alive))
            yield one

    async def work() -> None:
        async with ScriptedSmtp(extensions=extensions) as server:
            journal = Journal()
            courier = transport(server.port, connections=3, timeouts=Timeouts())
            await courier.send(made(), journal)
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 200}
            assert set(arrived(server).values()) == {1}

    gc.collect()
    run(work())
    # Two on each line, one that shows that there is more, one being made; a few that die with a cycle.
    assert most <= 3 * 2 + 6


@BOTH_WAYS
def test_a_second_batch_follows_the_first_without_a_gap(extensions: tuple[str, ...]) -> None:
    async def work() -> None:
        slow: Script = {"body": Act(after=0.02)}
        async with ScriptedSmtp(always=slow, extensions=extensions) as server:
            courier = transport(server.port, connections=2)
            first, second = Journal(), Journal()
            one = asyncio.create_task(courier.send([parcel(number) for number in range(9)], first))
            two = asyncio.create_task(courier.send([parcel(number) for number in range(100, 109)], second))
            await one
            assert len(second.outcomes) <= 2
            await two
            await courier.close()
            assert first.kinds() == second.kinds() == {ACCEPTED: 9}
            assert server.connections_made == 2
            order = [each >= 100 for each in arrived(server)]
            assert order == sorted(order)

    run(work())


@BOTH_WAYS
def test_a_line_that_waits_long_does_not_hold_up_the_letters_of_others(extensions: tuple[str, ...]) -> None:
    async def work() -> None:
        async with ScriptedSmtp(letters=[{"body": Act(after=0.5)}], extensions=extensions) as server:
            courier = transport(server.port, connections=2, timeouts=Timeouts())
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(number) for number in range(60)], journal))
            await until(lambda: len(journal.outcomes) >= 58)
            assert 0 not in journal.outcomes
            await sending
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 60}

    run(work())


def test_no_letters_are_no_work() -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server:
            courier = transport(server.port)
            await send(courier, [])
            await courier.close()
            assert server.connections_made == 0

    run(work())


def test_a_generator_that_ends_early_keeps_the_rest() -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"body": DROP}, extensions=PIPELINED) as server:
            journal = Journal()

            def while_the_relay_is_well() -> Iterator[Parcel]:
                for number in range(50):
                    if UNKNOWN in journal.kinds():
                        return
                    yield parcel(number)

            courier = transport(server.port)
            await courier.send(while_the_relay_is_well(), journal)
            await courier.close()
            assert len(journal.outcomes) <= 4
            assert journal.kinds()[UNKNOWN] <= FAULTS_TO_STOP

    run(work())


@BOTH_WAYS
def test_a_generator_that_fails_ends_the_batch_with_an_answer_for_every_letter_it_made(
    extensions: tuple[str, ...],
) -> None:
    def broken() -> Iterator[Parcel]:
        for number in range(10):
            yield parcel(number)
        raise LookupError("no such rendering")

    async def work() -> None:
        async with ScriptedSmtp(extensions=extensions) as server:
            journal = Journal()
            courier = transport(server.port, connections=2)
            with pytest.raises(LookupError):
                await courier.send(broken(), journal)
            # The lines are still good.
            assert (await send(courier, [parcel(100)])).kinds() == {ACCEPTED: 1}
            await courier.close()
            assert set(journal.outcomes) == set(range(10))
            for number, outcome in journal.outcomes.items():
                assert (outcome.kind is ACCEPTED) == (number in arrived(server))

    run(work())


# The witness.


def test_letters_that_leave_together_are_one_word_to_the_witness() -> None:
    class Counting(Journal):
        def __init__(self) -> None:
            super().__init__()
            self.words: list[int] = []

        def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
            super().going_together(deliveries)
            self.words.append(len(deliveries))

    async def work() -> None:
        async with ScriptedSmtp(extensions=PIPELINED) as server:
            courier = transport(server.port, connections=8)
            journal = Counting()
            await courier.send([parcel(number) for number in range(400)], journal)
            await courier.close()
            assert journal.kinds() == {ACCEPTED: 400}
            assert sum(journal.words) == 400
            assert max(journal.words) > 1
            assert max(journal.words) <= 8

    run(work())


def test_an_answer_is_written_down_in_its_own_turn_and_does_not_wait_for_the_next_letter() -> None:
    async def work() -> None:
        async with ScriptedSmtp(letters=[{"body": STALL}, {}]) as server:
            courier = transport(server.port, connections=2, timeouts=Timeouts(closing=0.1))
            journal = Journal()
            sending = asyncio.create_task(courier.send([parcel(0), parcel(1)], journal))
            await until(lambda: bool(journal.outcomes))
            await asyncio.sleep(0.01)
            assert journal.unwritten == 0
            assert not sending.done()
            await courier.close()
            await sending
            assert journal.kinds() == {ACCEPTED: 1, UNKNOWN: 1}
            assert journal.unwritten == 0

    run(work())


def test_a_witness_that_writes_each_word_at_once_is_told_each() -> None:
    class Plain:
        def __init__(self) -> None:
            self.words: list[tuple[str, int]] = []

        def going(self, delivery: DeliveryId) -> None:
            self.words.append(("going", delivery))

        def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
            self.words.append((outcome.kind.value, delivery))

    async def work() -> None:
        async with ScriptedSmtp(extensions=PIPELINED) as server:
            courier = transport(server.port, connections=4)
            witness = Plain()
            await courier.send([parcel(number) for number in range(40)], witness)
            await courier.close()
            for number in range(40):
                mine = [word for word, delivery in witness.words if delivery == number]
                assert mine == ["going", "accepted"]

    run(work())


@pytest.mark.parametrize("fails_in", ["answered", "flush"])
@BOTH_WAYS
def test_a_witness_that_fails_stops_the_batch_and_loses_no_line(
    extensions: tuple[str, ...], fails_in: str
) -> None:
    class Failing(Journal):
        def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
            super().answered(delivery, outcome)
            if fails_in == "answered" and len(self.outcomes) == 5:
                raise OSError(28, "No space left on device")

        def flush(self) -> None:
            super().flush()
            if fails_in == "flush" and len(self.outcomes) >= 5:
                raise OSError(28, "No space left on device")

    async def work() -> None:
        async with ScriptedSmtp(extensions=extensions) as server:
            courier = transport(server.port, connections=2)
            journal = Failing()
            with pytest.raises(OSError, match="No space"):
                await courier.send([parcel(number) for number in range(40)], journal)
            await courier.close()
            assert set(journal.outcomes) == set(range(40))
            for number, outcome in journal.outcomes.items():
                assert (outcome.kind is ACCEPTED) == (number in arrived(server))
            if fails_in == "answered":
                assert len(arrived(server)) < 40

    run(work())


@BOTH_WAYS
def test_a_journal_that_fails_in_the_middle_keeps_back_what_it_could_not_note(
    extensions: tuple[str, ...],
) -> None:
    class Full(Journal):
        def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
            if len(self.went) >= 6:
                raise OSError(28, "No space left on device")
            super().going_together(deliveries)

    async def work() -> None:
        async with ScriptedSmtp(extensions=extensions) as server:
            courier = transport(server.port, connections=3)
            journal = Full()
            with pytest.raises(OSError, match="No space"):
                await courier.send([parcel(number) for number in range(40)], journal)
            await courier.close()
            assert set(journal.outcomes) == set(range(40))
            assert set(arrived(server)) == set(journal.went)
            assert {number for number, each in journal.outcomes.items() if each.kind is ACCEPTED} == set(
                journal.went
            )

    run(work())


# Stopping one of two.


def test_stopping_one_batch_leaves_the_other_whole() -> None:
    async def work() -> None:
        slow: Script = {"body": Act(after=0.05)}
        async with ScriptedSmtp(always=slow, extensions=PIPELINED) as server:
            courier = transport(server.port, timeouts=Timeouts())
            first, second = Journal(), Journal()
            one = asyncio.create_task(courier.send([parcel(1)], first))
            two = asyncio.create_task(courier.send([parcel(2), parcel(3)], second))
            # Letter 1 is on the wire, letter 2 right behind it.
            await until(lambda: bool(first.went))
            two.cancel()
            with pytest.raises(asyncio.CancelledError):
                await two
            assert second.kinds() == {DEFERRED: 2}
            assert second.went == []
            await one
            assert first.kinds() == {ACCEPTED: 1}
            assert (await send(courier, [parcel(4)])).kinds() == {ACCEPTED: 1}
            await courier.close()
            assert arrived(server) == {1: 1, 4: 1}

    run(work())


def test_stopping_the_batch_whose_letter_is_on_the_wire_sends_the_others_over_another_line() -> None:
    async def work() -> None:
        async with ScriptedSmtp(letters=[{"body": STALL}], extensions=PIPELINED) as server:
            courier = transport(server.port, timeouts=Timeouts(closing=0.2))
            first, second = Journal(), Journal()
            one = asyncio.create_task(courier.send([parcel(1)], first))
            two = asyncio.create_task(courier.send([parcel(2), parcel(3)], second))
            await until(lambda: bool(first.went))
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
            assert first.kinds() == {UNKNOWN: 1}
            await two
            await courier.close()
            assert second.kinds() == {ACCEPTED: 2}

    run(work())


# A relay that is sick, full or restarting.


def test_a_sick_relay_brings_a_few_pipelined_letters_into_doubt_and_not_the_batch() -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"body": DROP}, extensions=PIPELINED) as server:
            courier = transport(server.port)
            journal = await send(courier, [parcel(number) for number in range(50)])
            await courier.close()
            assert journal.kinds() == {UNKNOWN: FAULTS_TO_STOP, DEFERRED: 50 - FAULTS_TO_STOP}
            assert len(journal.went) == FAULTS_TO_STOP

    run(work())


def test_a_relay_that_gives_fewer_lines_than_asked_is_not_asked_again_at_once() -> None:
    async def work() -> None:
        full = {"greeting": say("421 4.7.0 too many connections", drop=True)}
        slow: Script = {"body": Act(after=0.005)}
        async with ScriptedSmtp(connections=[{}, {}, full], always=slow, extensions=PIPELINED) as server:
            courier = transport(server.port, connections=6)
            for part in range(3):
                numbers = range(part * 30, part * 30 + 30)
                assert (await send(courier, [parcel(number) for number in numbers])).kinds() == {ACCEPTED: 30}
            await courier.close()
            assert server.connections_made == 3

    run(work())


async def _receives(server: ScriptedSmtp, more: int) -> None:
    """Waits for so many letters more."""
    before = len(server.received)
    await until(lambda: len(server.received) >= before + more)


@BOTH_WAYS
def test_a_relay_killed_in_the_middle_loses_nothing_and_doubles_nothing(extensions: tuple[str, ...]) -> None:
    async def work() -> None:
        slow = {"mail": Act(after=0.002), "body": Act(after=0.002)}
        async with ScriptedSmtp(always=slow, extensions=extensions) as server:
            courier = transport(server.port, connections=4)
            outcomes: dict[int, Outcome] = {}
            for part in range(6):
                journal = Journal()
                numbers = range(part * 40, part * 40 + 40)
                sending = asyncio.create_task(courier.send([parcel(number) for number in numbers], journal))
                await _receives(server, 3 * part + 5)
                server.hang_up()
                await sending
                assert set(journal.outcomes) == set(numbers)
                assert journal.kinds()[UNKNOWN] <= 4
                outcomes |= journal.outcomes
            await courier.close()
            found = arrived(server)
            assert set(found.values()) == {1}
            for number, outcome in outcomes.items():
                allowed = (ACCEPTED, UNKNOWN) if number in found else (DEFERRED, UNKNOWN)
                assert outcome.kind in allowed

    run(work())
