"""The line between us and the relay breaks at every byte: each letter ends as the wire says."""

from collections import Counter
from itertools import cycle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.transport import Parcel
from tests.servers.scripted_smtp import ScriptedSmtp, say
from tests.servers.smtp_posting import ACCEPTED, DEFERRED, UNKNOWN, Journal, parcel, run, send, transport
from tests.servers.wire import Cut, Wire

LETTERS = 3
LOCK_STEP = ("SIZE 100",)
PIPELINED = ("SIZE 100", "PIPELINING")
CHUNKED = ("SIZE 100", "CHUNKING")
BOTH = ("SIZE 100", "PIPELINING", "CHUNKING")
WAYS = pytest.mark.parametrize(
    "extensions", [LOCK_STEP, PIPELINED, CHUNKED, BOTH], ids=["lock-step", "pipelined", "chunked", "both"]
)

_REFUSAL = say("550-5.1.1 no such\r\n550 5.1.1 user")
PATIENT = Timeouts(connect=5, command=5, data=5, block=5, final=5, closing=0.5)


def letters() -> list[Parcel]:
    return [
        parcel(number, content=b"a: b\r\n\r\n.\r\n", sender=f"{number}@c.d", recipient="e@f.g")
        for number in range(LETTERS)
    ]


async def sent_over(extensions: tuple[str, ...], cut: Cut) -> tuple[Journal, Counter[int], Wire]:
    """The witness, how often each letter arrived, and the wire."""
    async with ScriptedSmtp(extensions=extensions) as server, Wire(server.port, cut=cut) as wire:
        courier = transport(wire.port, timeouts=PATIENT)
        journal = await send(courier, letters())
        await courier.close()
        assert {received.content for received in server.received} <= {b"a: b\r\n\r\n.\r\n"}
        return journal, Counter(int(received.sender[0]) for received in server.received), wire


def as_the_wire_says(down: bytes, replies_a_letter: int) -> list[OutcomeKind]:
    """What each letter must have become, from the complete replies that reached us on the first connection. They
    come in one and the same order, pipelined or not; what had none of its own goes over the next connection."""
    lines = down.split(b"\r\n")[:-1]
    ehlo = next(number for number, line in enumerate(lines) if line.startswith(b"250 ")) + 1
    kinds = []
    for number in range(LETTERS):
        replies = min(max(len(lines) - ehlo - number * replies_a_letter, 0), replies_a_letter)
        if replies == replies_a_letter or (replies == 0 and number > 0):
            kinds.append(ACCEPTED)
        else:
            kinds.append(UNKNOWN if replies == replies_a_letter - 1 else DEFERRED)
    return kinds


@WAYS
@pytest.mark.parametrize("side", ["up", "down"])
def test_a_line_that_ends_after_any_byte_leaves_each_letter_as_the_wire_says(
    extensions: tuple[str, ...], side: str
) -> None:
    async def work() -> None:
        journal, arrived, whole = await sent_over(extensions, Cut())
        assert journal.kinds() == {ACCEPTED: LETTERS}
        replies_a_letter = 3 if "CHUNKING" in extensions else 4
        passed = whole.up if side == "up" else whole.down
        opening = passed.index(b"\r\n") if side == "up" else passed.index(b"250 ") + len(b"250 ")
        opening = passed.index(b"\r\n", opening) + 2 if side == "down" else opening + 2
        seen = Counter[OutcomeKind]()
        for position in range(opening, len(passed) + 1):
            cut = Cut(up=position) if side == "up" else Cut(down=position)
            journal, arrived, wire = await sent_over(extensions, cut)
            got = [journal.outcomes[number].kind for number in range(LETTERS)]
            assert got == as_the_wire_says(bytes(wire.down), replies_a_letter), f"{side} {position}"
            for number, kind in enumerate(got):
                if kind is not UNKNOWN:
                    assert arrived[number] == (kind is ACCEPTED), f"{side} {position}"
                assert arrived[number] <= 1
            seen += Counter(got)
        assert set(seen) == {ACCEPTED, DEFERRED, UNKNOWN}

    run(work(), seconds=60)


@WAYS
def test_a_line_that_is_reset_after_any_byte_never_loses_and_never_doubles(
    extensions: tuple[str, ...],
) -> None:
    async def work() -> None:
        _, _, whole = await sent_over(extensions, Cut())
        for position in range(whole.down.index(b"250 "), len(whole.down), 3):
            journal, arrived, _ = await sent_over(extensions, Cut(down=position, reset=True))
            for number in range(LETTERS):
                kind = journal.outcomes[number].kind
                assert arrived[number] <= 1
                assert kind is not ACCEPTED or arrived[number]
                assert kind is not DEFERRED or not arrived[number]
            assert journal.kinds()[UNKNOWN] <= 1

    run(work(), seconds=60)


def test_a_line_that_ends_before_it_is_open_defers_the_letters_or_is_tried_again() -> None:
    async def work() -> None:
        for position in (0, 1, 10, 30, 40, 60):
            journal, arrived, _ = await sent_over(PIPELINED, Cut(down=position))
            kinds = journal.kinds()
            assert kinds in ({ACCEPTED: LETTERS}, {DEFERRED: LETTERS})
            assert sum(arrived.values()) == kinds[ACCEPTED]

    run(work())


@WAYS
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_replies_split_anywhere_mean_the_same(extensions: tuple[str, ...], sizes: list[int]) -> None:
    async def work() -> None:
        # The second letter's recipient is refused, in a reply of two lines.
        two = {"rcpt": _REFUSAL}
        async with ScriptedSmtp(extensions=extensions, letters=[{}, two, {}]) as server:
            if min(sizes) < 5:
                sizes.append(40)  # Not to wait for each byte of it all.
            async with Wire(server.port, pieces=cycle(sizes)) as wire:
                courier = transport(wire.port, timeouts=PATIENT)
                journal = await send(courier, letters())
                await courier.close()
        kinds = [journal.outcomes[number].kind for number in range(LETTERS)]
        assert kinds == [ACCEPTED, OutcomeKind.REFUSED, ACCEPTED]
        assert journal.outcomes[1].reply == "5.1.1 no such 5.1.1 user"
        assert [received.sender for received in server.received] == ["0@c.d", "2@c.d"]
        assert journal.outcomes[2].provider_ref == "Q000003"

    run(work())
