"""The process that has the lines to the relay: the other side of smtp_process. It lives as long as its courier."""

import asyncio
import json
import os
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dispatcher.adapters.event_loop import run
from dispatcher.adapters.frames import Frames, hear
from dispatcher.adapters.journal import JournalFile, JournalFolder
from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.adapters.smtp_batch import FAULTS_TO_STOP
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import outcome_of_silence
from dispatcher.services.notebook import Heard, Scribe
from dispatcher.services.transport import Parcel

# The courier is told so often. It writes into the database five times a second.
_TOLD_SECONDS = 0.05
_KINDS = {kind: kind.value for kind in OutcomeKind}
_UNKNOWN = OutcomeKind.UNKNOWN


@dataclass(kw_only=True)
class Teller(Scribe):
    """Keeps what is in the journal until the courier is told. faults: relay faults and missing answers in a row."""

    gone: list[DeliveryId] = field(default_factory=list)
    answers: list[tuple[DeliveryId, Outcome]] = field(default_factory=list)
    faults: int = 0

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self._heard.append((delivery, outcome))  # as the Scribe does, and a call less for each letter
        self.faults = self.faults + 1 if outcome.relay or outcome.kind is _UNKNOWN else 0

    def _noted(self, going: Sequence[DeliveryId], heard: Heard) -> None:
        self.gone += going
        self.answers += heard

    def take(self) -> tuple[list[DeliveryId], list[tuple[DeliveryId, tuple[Any, ...]]]]:
        """What the courier has not been told yet: what may have left, and the answers in plain types."""
        gone, answers, self.gone, self.answers = self.gone, self.answers, [], []
        told = []
        last, said = None, ()
        for delivery, outcome in answers:
            if outcome is not last:  # a relay says the same to many
                last, said = outcome, _said(outcome)
            told.append((delivery, said))
        return gone, told


@dataclass(kw_only=True, eq=False)
class Errand:
    """A batch of the courier's, which comes in portions. more: whether others follow. fault: its kind and words."""

    page: JournalFile
    teller: Teller
    more: bool = True
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    fault: tuple[str, str] | None = None

    def keep_back(self, parcels: Iterator[Parcel]) -> None:
        words = "Not tried, for the relay failed with the letters before."
        for parcel in parcels:
            self.teller.answered(parcel.delivery, outcome_of_silence(handed_over=False, words=words))
        self.teller.flush()


class Lines:
    """What the courier asks for, done."""

    def __init__(self, journals: Path, relay: Mapping[str, Any]) -> None:
        self._transport = SmtpTransport(**relay)
        self._journals = JournalFolder(journals, "")
        self._errands: dict[str, Errand] = {}
        # A portion whose contents come next.
        self._announced: tuple[str, list[Any], bool] = ("", [], False)
        self._telling: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()
        self._done = False
        self._ended = asyncio.Event()
        self._frames = Frames(self._heard, self._lost)

    async def serve(self, courier: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: _report(context.get("exception")))
        await loop.create_unix_connection(lambda: self._frames, sock=courier)
        await self._ended.wait()

    def _heard(self, word: Any) -> None:
        match word:
            case "send", name, parcels, more:
                self._announced = name, parcels, more
            case memoryview():
                name, parcels, more = self._announced
                self._take(name, _made(parcels, word), more)
            case "stop", name if name in self._errands:
                self._stop(name, self._errands[name])
            case "stop", _:
                pass  # it is over, and the courier is about to hear so
            case ("close",):
                self._closing = self._closing or asyncio.create_task(self._close())
            case _:
                raise ValueError("a word that nobody knows")

    def _lost(self, error: Exception | None) -> None:
        """The courier is gone, or is not understood: nothing may leave any more. Whoever comes next reads the
        journal."""
        if self._done:
            self._ended.set()
            return
        if error is not None:
            _report(error)
        os._exit(1)

    def _take(self, name: str, parcels: Iterator[Parcel], more: bool) -> None:
        errand = self._errands.get(name)
        if errand is None:
            try:
                page = self._journals.join(name)
            except OSError as error:
                self._frames.say(("over", name, _journal_fault(error)))
                return
            errand = self._errands[name] = Errand(page=page, teller=Teller(page))
            self._tell_later()
        errand.more = more
        errand.tasks.add(asyncio.create_task(self._send(name, errand, parcels)))

    async def _send(self, name: str, errand: Errand, parcels: Iterator[Parcel]) -> None:
        try:
            if errand.fault or errand.teller.faults >= FAULTS_TO_STOP:
                errand.keep_back(parcels)
            else:
                await self._transport.send(parcels, errand.teller)
        except asyncio.CancelledError:
            pass  # the courier has said "stop", and hears "over"
        except OSError as error:
            errand.fault = errand.fault or _journal_fault(error)
        except Exception as error:
            errand.fault = errand.fault or ("fault", type(error).__name__)  # its text could hold anything
        if (task := asyncio.current_task()) is not None:
            errand.tasks.discard(task)
        self._tell(name, errand.teller)
        if errand.tasks or errand.more:
            self._frames.say(("took", name))
        else:
            self._end(name, errand)

    def _stop(self, name: str, errand: Errand) -> None:
        errand.more = False
        for task in errand.tasks:
            # Behind its first step: a task that is cancelled before never runs, and nobody would say "over".
            asyncio.get_running_loop().call_soon(task.cancel)
        if not errand.tasks:
            self._end(name, errand)

    def _end(self, name: str, errand: Errand) -> None:
        errand.page.leave()
        del self._errands[name]
        self._frames.say(("over", name, errand.fault))
        if not self._errands:
            self._quiet.set()

    async def _close(self) -> None:
        await self._transport.close()
        while self._errands:
            self._quiet.clear()
            await self._quiet.wait()
        self._done = True
        self._frames.close()

    def _tell_later(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_TOLD_SECONDS, self._tell_all)

    def _tell_all(self) -> None:
        self._telling = None
        for name, errand in self._errands.items():
            self._tell(name, errand.teller)
        if self._errands:
            self._tell_later()

    def _tell(self, name: str, teller: Teller) -> None:
        if teller.gone or teller.answers:
            self._frames.say(("told", name, *teller.take()))


def _said(outcome: Outcome) -> tuple[Any, ...]:
    return (
        _KINDS[outcome.kind],
        outcome.code,
        outcome.enhanced_code,
        outcome.reply,
        outcome.provider_ref,
        outcome.relay,
    )


class _Handed(Parcel):
    """The courier has looked at it when it was made; it is not looked at again."""

    __slots__ = ()

    def __init__(
        self, delivery: DeliveryId, sender: str, recipient: str, content: bytes, envelope_id: str | None
    ) -> None:
        self.delivery = delivery
        self.sender = sender
        self.recipient = recipient
        self.content = content
        self.envelope_id = envelope_id


def _made(parcels: list[Any], contents: memoryview) -> Iterator[Parcel]:
    start = 0
    for delivery, sender, recipient, envelope_id, length in parcels:
        end = start + length
        yield _Handed(delivery, sender, recipient, contents[start:end].tobytes(), envelope_id)
        start = end


def _interrupt_nobody() -> None:
    """A letter is in no hurry: whoever is at work, as the form or the database, is not interrupted for each answer of the
    relay. And the relay's answers come in twos and threes then, which cost a tenth less each."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _journal_fault(error: OSError) -> tuple[str, str]:
    return "journal", error.strerror or type(error).__name__


def _report(error: BaseException | None) -> None:
    """The class and the place only: an error's text could quote a letter. (The service's log would bring structlog
    along, a quarter of this process.)"""
    places = (
        [each for each in traceback.extract_tb(error.__traceback__) if "dispatcher" in each.filename]
        if error
        else []
    )
    where = f"{Path(places[-1].filename).name} line {places[-1].lineno}" if places else None
    words = {"event": "lines_failed", "error": type(error).__name__, "problem": where, "level": "error"}
    print(json.dumps(words), file=sys.stderr, flush=True)


def main() -> None:
    """Arguments: the descriptor of the socket that leads to the courier. SIGINT and SIGTERM are the courier's to hear,
    who then lets the lines end in good order: they come here blocked (see companion)."""
    courier = socket.socket(fileno=int(sys.argv[1]))
    try:
        journals, relay = hear(courier)
        lines = Lines(Path(journals), relay)
        _interrupt_nobody()
        courier.send(b"!")  # ready
    except EOFError:
        return  # the courier is gone
    except (DispatcherError, OSError) as error:
        sys.exit(str(error))
    run(lines.serve(courier))
