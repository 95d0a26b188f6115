"""Words between two processes of this program."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from dispatcher.adapters.frames import Frames, hear, say
from tests.servers.smtp_posting import run, until

HARD = [None, True, -1, 2**70, "\udcff한\0", b"\xff\x00", ("a", ["b", ("c",)]), {"k": [1]}, ""]


class Side:
    """One end, and what it heard."""

    def __init__(self) -> None:
        self.words: list[Any] = []
        self.lost: list[Exception | None] = []
        self.frames = Frames(self.hear, self.lost.append)

    def hear(self, word: Any) -> None:
        if word == "trap":
            raise ZeroDivisionError
        self.words.append(word)


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Side, Side]]:
    sides = Side(), Side()
    for side, end in zip(sides, socket.socketpair(), strict=True):
        await asyncio.get_running_loop().create_unix_connection(partial(getattr, side, "frames"), sock=end)
    yield sides
    for side in sides:
        side.frames.close()
    await until(lambda: all(side.lost for side in sides))


def test_values_arrive_whole_in_order_and_as_they_were() -> None:
    async def work() -> None:
        async with pair() as (one, two):
            words = [*HARD, "x" * 3_000_000, *range(2000)]
            for word in words:
                one.frames.say(word)
            await until(lambda: len(two.words) == len(words))
            assert two.words == words

    run(work())


def test_a_word_that_comes_byte_by_byte_is_heard_once_it_is_whole() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        side = Side()
        await asyncio.get_running_loop().create_unix_connection(lambda: side.frames, sock=theirs)
        with ours:
            other, into = socket.socketpair()
            with other, into:
                say(into, ("a", b"b"))
                into.close()
                for byte in iter(lambda: other.recv(1), b""):
                    assert side.words == []
                    ours.sendall(byte)
                    await asyncio.sleep(0.001)
            await until(lambda: side.words == [("a", b"b")])
            ours.sendall(b"\0\0\0")  # and then it dies
        await until(lambda: side.lost == [None])

    run(work())


def test_all_that_was_said_before_a_close_arrives() -> None:
    async def work() -> None:
        async with pair() as (one, two):
            for _ in range(50):
                one.frames.say(b"x" * 100_000)
            one.frames.close()
            one.frames.say("too late")
            await until(lambda: bool(two.lost))
            assert [len(word) for word in two.words] == [100_000] * 50
            assert (one.lost, two.lost) == ([None], [None])

    run(work())


def test_an_error_of_whoever_hears_ends_the_connection_and_is_told_once() -> None:
    async def work() -> None:
        async with pair() as (one, two):
            for word in ("before", "trap", "after"):
                one.frames.say(word)
            await until(lambda: bool(one.lost))
            assert two.words == ["before"]
            (error,) = two.lost
            assert isinstance(error, ZeroDivisionError)
            assert (one.lost, two.frames.ended) == ([None], True)

    run(work())


def test_what_cannot_be_understood_is_an_error_too() -> None:
    async def work() -> None:
        ours, theirs = socket.socketpair()
        side = Side()
        await asyncio.get_running_loop().create_unix_connection(lambda: side.frames, sock=theirs)
        with ours:
            ours.sendall((3).to_bytes(8, "big") + b"\xff\xff\xff")
            await until(lambda: bool(side.lost))
        assert isinstance(side.lost[0], ValueError)

    run(work())


def test_before_there_is_a_loop_one_word_is_said_and_heard() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        say(ours, ("/a/pläce", {"port": 25}))
        assert hear(theirs) == ("/a/pläce", {"port": 25})


@pytest.mark.parametrize("said", [b"", b"\0\0", (9).to_bytes(8, "big") + b"\xe9"])
def test_a_side_that_dies_before_its_first_word_is_whole_is_noticed(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(said)
        with pytest.raises(EOFError):
            hear(theirs)


def test_bytes_as_they_are_come_in_one_piece_between_words() -> None:
    async def work() -> None:
        async with pair() as (one, two):
            one.frames.say("before")
            one.frames.say_bytes([b"a" * 2_000_000, b"", b"\xff\0"])
            one.frames.say_bytes([])
            one.frames.say("after")
            await until(lambda: len(two.words) == 4)
            before, piece, nothing, after = two.words
            assert (before, bytes(piece), bytes(nothing), after) == (
                "before", b"a" * 2_000_000 + b"\xff\0", b"", "after"
            )  # fmt: skip

    run(work())
