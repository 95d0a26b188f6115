"""The lines to the relay in a process of their own: the courier's side of it.

A courier works at the database and speaks on its lines. In one process both want Python's one lock, and take it from
each other for every few letters, which costs more than the letters do. So the lines have a process of their own, which
writes the journal too, before anything leaves.

The two processes share the courier's lock (see courier_locks): whoever takes up what a dead courier left waits until
both are gone. When the courier dies, its lines end at once; when they die, the courier reads the journal, and goes on
with a new process.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from dispatcher.adapters.companion import Companion
from dispatcher.adapters.frames import Frames
from dispatcher.adapters.journal import JournalFolder
from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import outcome_of_silence
from dispatcher.services.journal import JournalUnwritable
from dispatcher.services.notebook import Heard, Notebook
from dispatcher.services.transport import Parcel, Witness
from dispatcher.telemetry import log

# An Enum's call takes five times as long.
_KINDS = {kind.value: kind for kind in OutcomeKind}
# Longer than the lines' own patience: two seconds for what is on the wire, and two for the good-byes.
_PATIENCE = 4.5
# For a process that has said all it had to say.
_LEAVING_SECONDS = 1.0
# Letters are handed over in portions of so many bytes, and no smaller than a letter a line: a batch of a thousand is two
# portions. As one it would be in the memory of both processes, and with large enclosures it would fill it. Portions half as
# large cost a tenth of the rate with PostgreSQL: the courier does not hand over the next one in time.
_PORTION_BYTES = 2_000_000
# While one is on the lines the next one waits behind it.
_PORTIONS_AHEAD = 2


class LinesMissing(DispatcherError):
    """The process that speaks with the mail relay did not start. Its own words stand above; start the courier
    again when that is mended. No letter was touched."""


@dataclass(eq=False)
class _Sending:
    """One call of `send`. over: done when the other process is, with a fault's kind and words or None. begun: whether
    it has heard of this. told: the letters it was given. ahead: portions that it has not finished."""

    notebook: Notebook
    over: asyncio.Future[tuple[str, str] | None]
    begun: bool = False
    told: list[DeliveryId] = field(default_factory=list)
    ahead: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, fault: tuple[str, str] | None) -> None:
        if not self.over.done():
            self.over.set_result(fault)
        self.changed.set()

    async def has_room(self) -> bool:
        """Waits until another portion may be handed over; False when there is no need of one any more."""
        while self.ahead >= _PORTIONS_AHEAD and not self.over.done():
            self.changed.clear()
            await self.changed.wait()
        return not self.over.done()


class SmtpProcess:
    """The Transport of a courier process. relay: the settings of SmtpTransport. Its witnesses are the courier's
    notebooks. Raises SettingsProblem."""

    def __init__(self, relay: dict[str, Any], journals: Path, courier: str) -> None:
        # Made to be told at once what is wrong with the settings.
        SmtpTransport(**relay)
        self._relay = relay
        self._lines: int = relay["connections"]
        self._journals = journals
        self._folder = JournalFolder(journals, courier)
        self._shared: tuple[int, ...] = ()
        self._companion: Companion | None = None
        self._frames: Frames | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._clearing: asyncio.Task[None] | None = None
        self._under_way: dict[str, _Sending] = {}
        self._closing: asyncio.Task[None] | None = None

    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        """See Transport.send. One thing is otherwise: when the other process dies, or cannot be started, the letters
        that it had not begun get no answer. Raises JournalUnwritable."""
        assert isinstance(witness, Notebook)  # noqa: S101 - a courier has no other
        rest = iter(parcels)
        try:
            frames = await self._connected()
        except LinesMissing:
            log.warning("lines_missing", lease=_lease(witness.page.name))
            witness.relay_faults = True  # so that the courier rests before it begins anew
            return
        except asyncio.CancelledError:
            _defer(rest, witness)
            raise
        if frames is None:
            _defer(rest, witness)
            return
        name = witness.page.name
        sending = _Sending(witness, asyncio.get_running_loop().create_future())
        self._under_way[name] = sending
        try:
            await self._hand_in(name, rest, sending, frames)
            fault = await asyncio.shield(sending.over)
        except BaseException:
            if sending.begun:
                frames.say(("stop", name))
                await self._end_of(sending)
            raise
        finally:
            del self._under_way[name]
        if fault is not None:
            kind, words = fault
            if kind == "journal":
                raise JournalUnwritable(folder=self._journals, problem=words)
            raise RuntimeError(words)

    async def close(self) -> None:
        """See Transport.close."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    def start(self, *, shared: Sequence[int] = ()) -> None:
        """Starts the other process, and returns when it is ready; without it the first `send` does so. shared:
        descriptors of locks that it holds too. Raises LinesMissing."""
        self._shared = tuple(shared) or self._shared
        if self._companion is not None:
            self._companion.end()
        try:
            self._companion = Companion("dispatcher.adapters.smtp_lines", shared=self._shared)
            self._companion.greet((str(self._journals), self._relay))
        except (OSError, EOFError) as error:
            self.end()
            raise LinesMissing from error

    def end(self) -> None:
        """Where no loop runs: the other process is gone when this returns, whatever it was at."""
        if self._companion is not None:
            self._companion.end()

    async def _connected(self) -> Frames | None:
        """None when this is closed. Raises LinesMissing."""
        if self._frames is None and self._closing is None:
            if self._connecting is None or self._connecting.done():
                self._connecting = asyncio.create_task(self._connect())
                self._connecting.add_done_callback(_retrieve)
            try:
                await asyncio.shield(self._connecting)
                if self._frames is None:  # it has ended already
                    raise LinesMissing
            except LinesMissing:
                if self._closing is None:
                    raise
        return self._frames if self._closing is None else None

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        if self._clearing is not None:
            await self._clearing
        if (
            self._companion is None or self._companion.socket is None
        ):  # the first, or the one before has ended
            await loop.run_in_executor(None, self.start)
        assert self._companion is not None  # noqa: S101 - it was started
        frames = Frames(self._heard, self._lost)
        self._gone.clear()
        await loop.create_unix_connection(lambda: frames, sock=self._companion.take_socket())
        if not frames.ended:
            self._frames = frames

    async def _hand_in(self, name: str, rest: Iterator[Parcel], sending: _Sending, frames: Frames) -> None:
        portion: list[Parcel] = []
        size = 0
        try:
            for parcel in rest:
                portion.append(parcel)
                size += len(parcel.content)
                if size >= _PORTION_BYTES and len(portion) >= self._lines:
                    _say_portion(name, portion, sending, frames, more=True)
                    portion, size = [], 0
                    if not await sending.has_room():
                        return
            _say_portion(name, portion, sending, frames, more=False)
        except BaseException:
            _defer([*portion, *rest], sending.notebook)
            raise

    async def _end_of(self, sending: _Sending) -> None:
        """Whoever cancels must wait: until the lines have let go of the letters these could still leave."""
        while not sending.over.done():
            try:
                await asyncio.wait({sending.over})
            except asyncio.CancelledError:
                self._kill()  # asked a second time

    def _heard(self, word: tuple[Any, ...]) -> None:
        kind, name, *rest = word
        sending = self._under_way.get(name)
        if sending is None:  # its letters are settled, and its page is closed
            log.warning("lines_spoke_too_late", lease=_lease(name))
        elif kind == "told":
            going, answers = rest
            sending.notebook.learn(going, _outcomes(answers))
        elif kind == "took":
            sending.ahead -= 1
            sending.changed.set()
        else:
            (fault,) = rest
            sending.end(fault)

    def _lost(self, error: Exception | None) -> None:
        """Nothing more will be heard."""
        self._frames = None
        self._clearing = asyncio.create_task(self._clear(error))
        self._gone.set()

    async def _clear(self, error: Exception | None) -> None:
        """What the other process did stands in the journal, once it is surely gone: until then it could still write
        there and let letters leave. error: ours, for which the connection was ended."""
        assert self._companion is not None  # noqa: S101 - it was heard
        in_order = self._closing is not None and all(each.over.done() for each in self._under_way.values())
        patience = _LEAVING_SECONDS if in_order else 0.0
        await asyncio.get_running_loop().run_in_executor(None, self._companion.end, patience)
        for name, sending in self._under_way.items():
            if sending.over.done():
                continue
            log.warning("lines_lost", lease=_lease(name), error=type(error).__name__ if error else None)
            self._read_up(name, sending)
            sending.notebook.relay_faults = True  # so that the courier rests before it begins anew
            sending.end(("fault", type(error).__name__) if error else None)

    def _read_up(self, name: str, sending: _Sending) -> None:
        notebook = sending.notebook
        try:
            page = self._folder.read(name)
        except OSError:
            page = None
        if page is None or not page.complete:  # nobody knows what has left
            notebook.learn(sending.told, [])
        if page is not None:
            # Some of it was told before; an answer that is settled twice is settled once.
            notebook.learn(list(page.going), list(page.answers.items()))

    async def _close(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            self._kill()
            await asyncio.wait({self._connecting})
        if self._frames is not None:
            self._frames.say(("close",))
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._gone.wait()
            except TimeoutError:
                self._kill()
                await self._gone.wait()
        if self._clearing is not None:
            await self._clearing
        await asyncio.get_running_loop().run_in_executor(None, self.end)

    def _kill(self) -> None:
        if self._companion is not None:
            self._companion.kill()


def _say_portion(name: str, portion: list[Parcel], sending: _Sending, frames: Frames, *, more: bool) -> None:
    made = [(p.delivery, p.sender, p.recipient, p.envelope_id, len(p.content)) for p in portion]
    frames.say(("send", name, made, more))
    frames.say_bytes([parcel.content for parcel in portion])
    sending.begun = True
    sending.ahead += 1
    sending.told += [parcel.delivery for parcel in portion]
    portion.clear()


def _defer(parcels: Iterable[Parcel], witness: Notebook) -> None:
    words = "Sending was stopped before this letter's turn."
    for parcel in parcels:
        witness.answered(parcel.delivery, outcome_of_silence(handed_over=False, words=words))
    witness.flush()


def _outcomes(answers: Iterable[tuple[DeliveryId, tuple[Any, ...]]]) -> Heard:
    made = []
    last: tuple[Any, ...] | None = None
    for delivery, said in answers:
        if said is not last:  # what the lines say of many in a row comes as one thing
            last, outcome = said, _outcome(said)
        made.append((delivery, outcome))
    return made


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


def _lease(name: str) -> str:
    return name.split(".")[1]


def _retrieve(task: asyncio.Task[None]) -> None:
    """Whoever waited for it may have been cancelled; then nobody hears of its error."""
    if not task.cancelled():
        task.exception()
