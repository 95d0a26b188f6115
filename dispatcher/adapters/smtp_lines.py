"""The process that has the lines to the relay: the other side of smtp_process. It lives as long as its courier."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dispatcher.adapters.event_loop import run
from dispatcher.adapters.frames import Frames, hear
from dispatcher.adapters.journal import JournalFile, JournalFolder
from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.notebook import Heard, Scribe
from dispatcher.services.transport import Parcel

# The courier is told so often. It writes into the database five times a second.
_TOLD_SECONDS = 0.05
_KINDS = {kind: kind.value for kind in OutcomeKind}


@dataclass(kw_only=True)
class Teller(Scribe):
    """Keeps what is in the journal until the courier is told."""

    gone: list[DeliveryId] = field(default_factory=list)
    answers: list[tuple[DeliveryId, tuple[Any, ...]]] = field(default_factory=list)

    def _noted(self, going: Sequence[DeliveryId], heard: Heard) -> None:
        self.gone += going
        self.answers += [
            (id, (_KINDS[o.kind], o.code, o.enhanced_code, o.reply, o.provider_ref, o.relay))
            for id, o in heard
        ]


class Lines:
    """What the courier asks for, done."""

    def __init__(self, journals: Path, relay: Mapping[str, Any]) -> None:
        self._transport = SmtpTransport(**relay)
        self._journals = JournalFolder(journals, "")
        self._sending: dict[int, tuple[asyncio.Task[None], Teller]] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._frames = Frames(self._heard, self._lost)

    async def serve(self, courier: socket.socket) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: self._frames, sock=courier)
        await self._ended.wait()

    def _heard(self, word: tuple[Any, ...]) -> None:
        match word:
            case "send", number, name, parcels:
                page = self._journals.join(name)
                teller = Teller(page)
                task = asyncio.create_task(self._send(number, parcels, teller, page))
                self._sending[number] = task, teller
            case "stop", number if number in self._sending:
                self._sending[number][0].cancel()
            case ("close",):
                self._closing = asyncio.create_task(self._close())

    def _lost(self) -> None:
        """Where we did not close it ourselves, the courier is gone: nothing may leave any more. Whoever comes next
        reads the journal."""
        if self._closing is None:
            os._exit(1)
        self._ended.set()

    async def _send(self, number: int, parcels: list[Any], teller: Teller, page: JournalFile) -> None:
        fault = ""
        try:
            self._tell_later()
            await self._transport.send(_made(parcels), teller)
        except asyncio.CancelledError:
            pass
        except (DispatcherError, OSError) as error:
            fault = f"{type(error).__name__}: {error}"
        except Exception as error:
            fault = type(error).__name__  # its text could hold anything
        page.leave()
        self._tell(number, teller)
        del self._sending[number]
        self._frames.say(("over", number, fault))

    async def _close(self) -> None:
        await self._transport.close()
        await asyncio.gather(*(task for task, _ in self._sending.values()))
        self._frames.close()

    def _tell_later(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TOLD_SECONDS, self._tell_all)

    def _tell_all(self) -> None:
        self._telling = None
        for number, (_, teller) in self._sending.items():
            self._tell(number, teller)
        if self._sending:
            self._tell_later()

    def _tell(self, number: int, teller: Teller) -> None:
        if teller.gone or teller.answers:
            self._frames.say(("told", number, teller.gone, teller.answers))
            teller.gone, teller.answers = [], []


class _Handed(Parcel):
    __slots__ = ()

    def __post_init__(self) -> None:
        """The courier has looked at it."""


def _made(parcels: list[Any]) -> Iterator[Parcel]:
    parcels.reverse()
    while parcels:
        delivery, sender, recipient, content, envelope_id = parcels.pop()
        yield _Handed(
            delivery=delivery,
            sender=sender,
            recipient=recipient,
            content=content,
            envelope_id=envelope_id,
        )


def main() -> None:
    # Both are the courier's to hear, who then lets the lines end in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    courier = socket.socket(fileno=int(sys.argv[1]))
    journals, relay = hear(courier)
    lines = Lines(Path(journals), relay)
    courier.send(b"!")  # ready
    run(lines.serve(courier))


if __name__ == "__main__":
    main()
