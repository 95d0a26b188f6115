"""Values of Python's plain types over a socket between two processes of this program. Both run the same Python, so
marshal does, at a quarter of pickle's cost; and neither side reads what anybody else could have written."""

import asyncio
import marshal
import socket
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast

_LENGTH_BYTES = 8
# In the length: what follows is no value, but bytes as they are.
_AS_THEY_ARE = 1 << 63


def say(connection: socket.socket, value: Any) -> None:
    """Before there is an event loop."""
    connection.sendall(b"".join(_frame(value)))


def hear(connection: socket.socket) -> Any:
    """The value that `say` has sent. Raises EOFError where the other side is gone before it was whole."""
    with connection.makefile("rb") as file:
        length = int.from_bytes(_read(file, _LENGTH_BYTES), "big")
        return marshal.loads(_read(file, length))  # noqa: S302 - our own process wrote it


def _read(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found


class Frames(asyncio.BufferedProtocol):
    """heard: called with each value that comes in whole, and with bytes as they are as a memoryview. lost: called once, when nothing more will be heard: with None
    where the other side is gone, and with the error where `heard` raised one, which ends the connection."""

    def __init__(self, heard: Callable[[Any], None], lost: Callable[[Exception | None], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._head = memoryview(bytearray(_LENGTH_BYTES))
        self._body: memoryview | None = None
        self._as_they_are = False
        self._filled = 0
        self.ended = False

    def say(self, value: Any) -> None:
        """Nothing is said any more to a side that is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines(_frame(value))

    def say_bytes(self, pieces: Sequence[bytes]) -> None:
        """One after the other, and in one piece for the other side: nothing is copied or looked at on the way."""
        if self._transport is not None and not self._transport.is_closing():
            length = _AS_THEY_ARE | sum(map(len, pieces))
            self._transport.writelines([length.to_bytes(_LENGTH_BYTES, "big"), *pieces])

    def close(self) -> None:
        """Ends the connection when all that was said has left; then `lost` is called."""
        if self._transport is not None:
            self._transport.close()

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return (self._head if self._body is None else self._body)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._body is None:
            if self._filled < _LENGTH_BYTES:
                return
            length = int.from_bytes(self._head, "big")
            self._as_they_are = bool(length & _AS_THEY_ARE)
            self._body, self._filled = memoryview(bytearray(length & ~_AS_THEY_ARE)), 0
        if self._filled == len(self._body):
            body, self._body, self._filled = self._body, None, 0
            try:
                self._heard(body if self._as_they_are else marshal.loads(body))  # noqa: S302 - our own process wrote it
            except Exception as error:
                self._end(error)

    def eof_received(self) -> None:
        # At once, and not by way of `connection_lost`, before which the loop would do what else is due.
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        if self.ended:
            return
        self.ended = True
        if self._transport is not None:
            self._transport.abort()
        self._lost(error)


def _frame(value: Any) -> tuple[bytes, bytes]:
    body = marshal.dumps(value)
    return len(body).to_bytes(_LENGTH_BYTES, "big"), body
