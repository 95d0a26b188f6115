"""A wire between a client and a server that passes so many bytes and then breaks, or passes them in pieces.

async with ScriptedSmtp() as server, Wire(server.port, cut=Cut(down=120)) as wire:
    ... wire.port, wire.up, wire.down
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Cut:
    """up, down: how many bytes from the client, from the server still pass on the first connection; None for all.
    reset: the client finds the connection reset; otherwise closed, after all that had passed."""

    up: int | None = None
    down: int | None = None
    reset: bool = False


class Wire:
    """up, down: all that passed on the first connection. Later connections are whole.

    pieces: sizes in which the server's bytes pass, in turn, with a moment after each.
    """

    def __init__(
        self, server_port: int, *, cut: Cut | None = None, pieces: Iterator[int] | None = None
    ) -> None:
        self._server_port = server_port
        self._cut = cut or Cut()
        self._pieces = pieces
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0
        self.up = bytearray()
        self.down = bytearray()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        first = self.connections == 0
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        up = self._pass(
            reader, far_writer, self.up if first else bytearray(), self._cut.up if first else None
        )
        down = self._pass(
            far_reader,
            writer,
            self.down if first else bytearray(),
            self._cut.down if first else None,
            self._pieces,
        )
        ways = [asyncio.ensure_future(up), asyncio.ensure_future(down)]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if ways[0].done() and self._cut.up is not None and first:
                # What the server has to say to the bytes that still passed comes through.
                far_writer.write_eof()
                await asyncio.wait(ways[1:], timeout=1)
            await _stop(ways)
            if not self._cut.reset:
                with suppress(OSError):
                    writer.write_eof()
                    # Without reading on, closing would be a reset, which may overtake what had passed.
                    while await reader.read(65536):
                        pass
        finally:
            await _stop(ways)
            for each in (far_writer, writer):
                each.transport.abort()
                with suppress(OSError):
                    await each.wait_closed()
            self._tasks.discard(task)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        passed: bytearray,
        limit: int | None,
        pieces: Iterator[int] | None = None,
    ) -> None:
        with suppress(OSError):
            while limit is None or len(passed) < limit:
                most = 65536 if pieces is None else next(pieces)
                data = await reader.read(most if limit is None else min(most, limit - len(passed)))
                if not data:
                    return
                passed += data
                writer.write(data)
                await writer.drain()
                if pieces is not None:
                    await asyncio.sleep(0.0005)


async def _stop(ways: Sequence[asyncio.Future[None]]) -> None:
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
