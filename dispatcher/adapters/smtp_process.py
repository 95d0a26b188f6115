"""The lines to the relay in a process of their own: the courier's side of it.

A courier works at the database and speaks on its lines. In one process both want Python's one lock, and take it from
each other for every few letters, which costs more than the letters do. So the lines have a process of their own, which
writes the journal too, before anything leaves.

The two processes share the courier's lock (see courier_locks): whoever takes up what a dead courier left waits until
both are gone. When the courier dies, its lines end at once; when they die, the courier reads the journal, and goes on
with a new process.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import dispatcher
from dispatcher.adapters.frames import Frames, say
from dispatcher.adapters.journal import JournalFolder
from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import outcome_of_silence
from dispatcher.services.notebook import Notebook
from dispatcher.services.transport import Parcel, Witness
from dispatcher.telemetry import log

# An Enum's call takes five times as long.
_KINDS = {kind.value: kind for kind in OutcomeKind}
# Longer than the lines' own patience: what is on the wire, and then the good-byes.
_PATIENCE = 6.0
# A machine under load takes seconds to start a Python.
_START_SECONDS = 60.0
# A batch of ordinary letters goes over in one piece; one with enclosures in portions of which two are kept full.
_PORTION_BYTES = 8_000_000
_PORTIONS = 2


class LinesMissing(DispatcherError):
    """The process that speaks with the mail relay did not start. Its own words stand above; start the courier
    again when that is mended. No letter was touched."""


class SmtpProcess:
    """The Transport of a courier process. relay: the settings of SmtpTransport. Its witnesses are the courier's
    notebooks."""

    def __init__(self, relay: dict[str, Any], journals: Path, courier: str) -> None:
        # Made to be told at once what is wrong with the settings.
        SmtpTransport(**relay)
        self._shared: tuple[int, ...] = ()
        self._connecting = asyncio.Lock()
        self._socket: socket.socket | None = None
        self._relay = relay
        self._journals = journals
        self._folder = JournalFolder(journals, courier)
        self._process: subprocess.Popen[bytes] | None = None
        self._frames: Frames | None = None
        self._number = 0
        self._under_way: dict[int, tuple[Notebook, asyncio.Future[str]]] = {}
        self._closed: asyncio.Future[None] | None = None

    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        """See Transport.send."""
        assert isinstance(witness, Notebook)  # noqa: S101 - a courier has no other
        if self._closed is not None:
            _defer(parcels, witness)
            return
        sent: list[asyncio.Task[None]] = []
        try:
            for portion in _portions(parcels):
                sent.append(asyncio.create_task(self._send(portion, witness)))
                if len(sent) >= _PORTIONS:
                    await sent[-_PORTIONS]
        except BaseException:
            for each in sent:
                each.cancel()
            raise
        finally:
            await asyncio.gather(*sent)

    async def _send(self, portion: list[Any], notebook: Notebook) -> None:
        frames = self._frames or await self._connect()
        self._number += 1
        number = self._number
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._under_way[number] = notebook, over
        try:
            frames.say(("send", number, notebook.page.name, portion))
            try:
                fault = await asyncio.shield(over)
            except asyncio.CancelledError:
                frames.say(("stop", number))
                await over
                raise
        finally:
            del self._under_way[number]
        if fault:
            raise RuntimeError(fault)

    async def close(self) -> None:
        """See Transport.close."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
        if self._process is None:
            return
        if self._socket is not None:
            self._socket.close()  # it ends by itself
        if self._frames is not None:
            self._frames.say(("close",))
            try:
                async with asyncio.timeout(_PATIENCE):
                    await asyncio.shield(self._closed)
            except TimeoutError:
                self._process.kill()
        await asyncio.get_running_loop().run_in_executor(None, self._process.wait)

    def start(self, *, shared: Sequence[int] = ()) -> None:
        """Starts the other process, and returns when it is ready; without it the first `send` does so. shared:
        descriptors of locks that it holds too. Raises LinesMissing."""
        self._shared = tuple(shared) or self._shared
        if self._process is not None:
            self._process.wait()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "dispatcher.adapters.smtp_lines", str(theirs.fileno())],
                pass_fds=(theirs.fileno(), *self._shared),
                env=os.environ | {"PYTHONPATH": _own_path()},
                stdin=subprocess.DEVNULL,
            )
        say(ours, (str(self._journals), self._relay))
        ours.settimeout(_START_SECONDS)
        if not ours.recv(1):
            raise LinesMissing
        self._socket = ours

    async def _connect(self) -> Frames:
        async with self._connecting:
            if self._frames is not None:
                return self._frames
            loop = asyncio.get_running_loop()
            if self._socket is None:  # the first, or the one before has ended
                await loop.run_in_executor(None, self.start)
            frames = Frames(self._heard, self._lost)
            await loop.create_unix_connection(lambda: frames, sock=self._socket)
            self._socket, self._frames = None, frames
            return frames

    def _heard(self, word: tuple[Any, ...]) -> None:
        match word:
            case "told", number, going, answers:
                notebook, _ = self._under_way[number]
                notebook.learn(going, [(id, _outcome(said)) for id, said in answers])
            case "over", number, fault:
                self._under_way[number][1].set_result(fault)

    def _lost(self) -> None:
        """The other process is gone. What it did stands in the journal."""
        self._frames = None
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)
        for notebook, over in self._under_way.values():
            if over.done():
                continue
            log.warning("lines_lost", lease=notebook.page.name.split(".")[1])
            page = self._folder.read(notebook.page.name)
            # Some of it was told before; an answer that is settled twice is settled once.
            notebook.learn(list(page.going), list(page.answers.items()))
            notebook.relay_faults = True  # so that it rests before it begins anew
            over.set_result("")


def _portions(parcels: Iterable[Parcel]) -> Iterator[list[Any]]:
    portion, size = [], 0
    for p in parcels:
        portion.append((p.delivery, p.sender, p.recipient, p.content, p.envelope_id))
        size += len(p.content)
        if size > _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _defer(parcels: Iterable[Parcel], witness: Notebook) -> None:
    words = "Sending was stopped before this letter's turn."
    for parcel in parcels:
        witness.answered(parcel.delivery, outcome_of_silence(handed_over=False, words=words))
    witness.flush()


@lru_cache(maxsize=64)  # as on the lines: a relay that says the same to every letter
def _outcome(said: tuple[Any, ...]) -> Outcome:
    kind, code, enhanced_code, reply, reference, relay = said
    return Outcome(
        kind=_KINDS[kind],
        code=code,
        enhanced_code=enhanced_code,
        reply=reply,
        provider_ref=reference,
        relay=relay,
    )


def _own_path() -> str:
    """Where this package lies, before whatever else the environment names."""
    here = str(Path(dispatcher.__file__).parent.parent)
    return os.pathsep.join(each for each in (here, os.environ.get("PYTHONPATH")) if each)
