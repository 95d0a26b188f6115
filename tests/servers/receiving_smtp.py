"""A quick SMTP server that takes every letter and remembers by Message-ID what it took. It offers PIPELINING as
Postfix does, and lets some answers wait, so that a killed client leaves letters on both sides of their answer.

    with in_thread(ReceivingSmtp(dice=random.Random(1))) as receiver:
        ... receiver.port, receiver.taken, receiver.answered
"""

import asyncio
import random
import re
from collections import Counter
from typing import Self

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\r\n]+>)", re.MULTILINE | re.IGNORECASE)
_END = b"\r\n.\r\n"
# Shares of the letters and the most seconds that their answers wait: most are quick, few are slow.
_WAITS = ((0.90, 0.002), (0.99, 0.02), (1.0, 0.1))
_EHLO = b"250-receiving.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n"


class ReceivingSmtp:
    """taken: how often each letter's final dot was seen; from then on the letter is the server's. answered: the
    letters whose 250 was handed to the operating system."""

    def __init__(self, *, dice: random.Random) -> None:
        self.dice = dice
        self.port = 0
        self.taken: Counter[str] = Counter()
        self.answered: set[str] = set()
        self.lines: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", 0, backlog=128)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._server is not None
        self._server.close()
        for line in list(self.lines):
            line.abort()
        await self._server.wait_closed()

    def wait(self) -> float:
        draw = self.dice.random()
        return self.dice.random() * next(seconds for share, seconds in _WAITS if draw <= share)


class _Line(asyncio.Protocol):
    """One connection. While an answer waits, what comes is only kept."""

    def __init__(self, server: ReceivingSmtp) -> None:
        self._server = server
        self._came = bytearray()
        self._in_letter = False
        self._waiting: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.lines.add(transport)
        transport.write(b"220 receiving.example ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """What was taken stays taken; its answer is never said."""
        self._server.lines.discard(self._transport)
        if self._waiting is not None:
            self._waiting.cancel()

    def data_received(self, data: bytes) -> None:
        self._came += data
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting is None and (self._letter() if self._in_letter else self._command()):
            pass

    def _letter(self) -> bool:
        end = self._came.find(_END)
        if end < 0:
            return False
        found = _MESSAGE_ID.search(self._came, 0, end)
        assert found is not None, "a letter without a Message-ID"
        letter = found[1].decode()
        del self._came[: end + len(_END)]
        self._in_letter = False
        self._server.taken[letter] += 1
        self._waiting = asyncio.get_running_loop().call_later(self._server.wait(), self._answer, letter)
        return True

    def _answer(self, letter: str) -> None:
        self._waiting = None
        self._transport.write(b"250 2.0.0 Ok: queued as R%d\r\n" % len(self._server.answered))
        self._server.answered.add(letter)
        self._go_on()

    def _command(self) -> bool:
        end = self._came.find(b"\r\n")
        if end < 0:
            return False
        verb = bytes(self._came[:4]).upper()
        del self._came[: end + 2]
        if verb == b"EHLO":
            self._transport.write(_EHLO)
        elif verb == b"DATA":
            self._in_letter = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 2.0.0 bye\r\n")
            self._transport.close()
            return False
        else:
            self._transport.write(b"250 2.0.0 ok\r\n")
        return True
