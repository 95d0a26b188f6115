"""The reading room: letters are read a second time by processes that end when there is nothing left to read.

The learned layer takes 200 MB, which must not stay with a courier or a server. A reader is a process of its own
that gets words and gives what it found; it reads no database.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from dispatcher.adapters.processes import usable_cores
from dispatcher.adapters.tone_layers import open_tone
from dispatcher.domain.tone import Assessment
from dispatcher.services.review import Tone
from dispatcher.services.second_reading import ReaderAtHand, Words
from dispatcher.settings import Settings
from dispatcher.telemetry import log

# Starting two readers costs as much as reading so many letters.
WORTH_A_ROOM = 256
# Letters that a reader is given at a time: less than a second's work, of which only so many are read again when it
# is killed.
_TASK = 16
# Each takes 200 MB.
_MOST_READERS = 4
# For a task: the longest letters take two seconds each on a quick machine. And for loading the model, which takes one.
_PATIENCE_SECONDS = 120.0
_START_SECONDS = 120.0
_TRIES = 2
# Letters that are due go first.
_NICENESS = 10
_FAREWELL_SECONDS = 2.0


class ReadingRoom:
    """For one thread at a time. open_tone: makes a reader's tone check, in its own process."""

    def __init__(
        self,
        open_tone: Callable[[], Tone],
        *,
        at_hand: Tone | None = None,
        cores: int | None = None,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        """at_hand: reads what is not worth a process of its own; None in a process that must stay small."""
        self._open_tone = open_tone
        self._at_hand = at_hand
        self._most = min(cores or usable_cores(), _MOST_READERS)
        self._patience = patience
        self._readers: list[_Reader] = []

    def read(self, letters: Sequence[Words]) -> Generator[tuple[int, Assessment | None]]:
        if self._at_hand is not None and not self._readers and len(letters) < WORTH_A_ROOM:
            yield from ReaderAtHand(self._at_hand).read(letters)
            return
        starts = range(0, len(letters), _TASK)
        tasks = deque(_Task(start, letters[start : start + _TASK]) for start in starts)
        wanted = self._most if len(letters) >= WORTH_A_ROOM else 1
        try:
            while tasks or self._at_work():
                for task in self._hand_out(tasks, wanted):
                    yield from task.failed()
                for task, answers in self._come_back():
                    if answers is not None:
                        yield from enumerate(answers, start=task.start)
                    elif task.tries < _TRIES:
                        tasks.appendleft(task)
                    else:
                        yield from task.failed()
        finally:
            for reader in self._at_work():
                self._dismiss(reader)

    def rest(self) -> None:
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.line.close()  # an idle reader ends by itself when nobody is on the other end
        for reader in readers:
            reader.end(within=_FAREWELL_SECONDS)

    def _at_work(self) -> list["_Reader"]:
        return [reader for reader in self._readers if reader.task is not None]

    def _hand_out(self, tasks: deque["_Task"], wanted: int) -> list["_Task"]:
        """Answers the tasks for which no reader can be had."""
        lost = []
        while tasks and len(self._at_work()) < wanted:
            task = tasks.popleft()
            task.tries += 1
            idle = next((reader for reader in self._readers if reader.task is None), None)
            try:
                if idle is None:
                    idle = _Reader.start(self._open_tone)
                    self._readers.append(idle)
                idle.take(task, self._patience)
            except OSError:  # no memory for another process, or an idle one was killed
                if idle is not None:
                    self._dismiss(idle)
                if task.tries < _TRIES:
                    tasks.appendleft(task)
                else:
                    lost.append(task)
        return lost

    def _come_back(self) -> list[tuple["_Task", list[Assessment] | None]]:
        """Waits for the first; None for a task whose reader was lost."""
        busy = self._at_work()
        if not busy:
            return []
        soonest = min(reader.until for reader in busy) - time.monotonic()
        ready = connection.wait([reader.line for reader in busy], max(0.0, soonest))
        back: list[tuple[_Task, list[Assessment] | None]] = []
        for reader in busy:
            task = reader.task
            assert task is not None  # noqa: S101 - that is what busy means
            if reader.line in ready:
                if not reader.seated and reader.sits_down(self._patience):
                    continue
                answers = reader.answers()
            elif time.monotonic() >= reader.until:
                answers = None
            else:
                continue
            if answers is None:
                log.warning("reader_lost", count=len(task.letters))
                self._dismiss(reader)
            back.append((task, answers))
        return back

    def _dismiss(self, reader: "_Reader") -> None:
        self._readers.remove(reader)
        reader.line.close()
        reader.end(within=0)


@dataclass
class _Task:
    start: int
    letters: Sequence[Words]
    tries: int = 0

    def failed(self) -> Generator[tuple[int, None]]:
        yield from ((place, None) for place in range(self.start, self.start + len(self.letters)))


@dataclass
class _Reader:
    """seated: it has loaded what it reads with. until: when it is overdue, by the monotonic clock."""

    process: BaseProcess
    line: Connection
    task: _Task | None = None
    seated: bool = False
    until: float = 0.0

    @staticmethod
    def start(open_tone: Callable[[], Tone]) -> "_Reader":
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_sit_down, args=(theirs, open_tone), daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Reader(process=process, line=ours)

    def take(self, task: _Task, patience: float) -> None:
        self.task, self.until = task, time.monotonic() + (patience if self.seated else _START_SECONDS)
        self.line.send(list(task.letters))

    def sits_down(self, patience: float) -> bool:
        """Hears that it has begun with its task; False where it never will."""
        try:
            self.seated = self.line.recv() is None
        except (EOFError, OSError):
            return False
        self.until = time.monotonic() + patience
        return self.seated

    def answers(self) -> list[Assessment] | None:
        """None where it was killed, or stumbled."""
        task, self.task = self.task, None
        if not self.seated:
            return None
        try:
            answers = self.line.recv()
        except (EOFError, OSError):
            return None
        complete = task is not None and isinstance(answers, list) and len(answers) == len(task.letters)
        return answers if complete else None

    def end(self, *, within: float) -> None:
        self.process.join(within)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


def reading_room(settings: Settings, at_hand: Tone | None) -> ReadingRoom:
    return ReadingRoom(partial(open_tone, settings), at_hand=at_hand)


def _sit_down(line: Connection, open_tone: Callable[[], Tone]) -> None:
    """What a reader does, until nobody is on the other end. Ctrl-C is the parent's matter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    # The cores are shared out already; read before numpy is loaded.
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    try:
        tone = open_tone()
        line.send(None)
        while True:
            line.send([tone.assess(text, language=language) for text, language in line.recv()])
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception:  # the parent tells of it; a traceback could carry what a supporter wrote
        os._exit(1)
