"""Rounds of `kill -9` at random moments under load, on one installation, watched from the receiver's side.

    with Series(station=..., receiver=..., couriers=2, dice=random.Random(1)) as series:
        for _ in range(25):
            series.round()
        series.finish()
    assert not series.violations

A round starts the couriers that are missing, lets them work for a moment, and kills one or all of them; in one
round of eight while they are still starting and take up what the dead ones left. After each the log is held
against what the receiver has taken, and audited.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from sqlalchemy import text

from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.audit import audit
from dispatcher.settings import load_settings
from dispatcher.wiring import open_database
from tests.acceptance.station import Running, Station, drafts, wait_for
from tests.servers.receiving_smtp import ReceivingSmtp

CONNECTIONS = 8
# A line has at most the letter whose answer it waits for and the one whose final dot is just leaving.
DOUBT_A_KILL = 2 * CONNECTIONS
# So many letters wait before a round, so that no courier runs dry in it; so many are brought at a time.
_SUPPLY = 2_000
_WORKING_SECONDS = 0.6
_STARTING_SECONDS = 0.9
_STARTING_SHARE = 1 / 8
# In such a share of the kills the process with the lines is killed first, and in such a share of those alone: then the
# courier goes on.
_LINES_SHARE = 1 / 2
_LINES_ALONE_SHARE = 1 / 2
_SETTLED = {DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT}


@dataclass(kw_only=True)
class Figures:
    """Of one series, or of many together. doubtful_at_most: letters in doubt for one killed courier."""

    rounds: int = 0
    kills: int = 0
    letters: int = 0
    taken: int = 0
    lost: int = 0
    doubled: int = 0
    doubtful: int = 0
    doubtful_at_most: float = 0.0

    def add(self, other: "Figures") -> None:
        for name in ("rounds", "kills", "letters", "taken", "lost", "doubled", "doubtful"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.doubtful_at_most = max(self.doubtful_at_most, other.doubtful_at_most)


@dataclass(kw_only=True)
class Series:
    """station: set to send to the receiver (see station.live), with CONNECTIONS lines a courier. violations:
    sentences, each a broken promise."""

    station: Station
    receiver: ReceivingSmtp
    couriers: int
    dice: random.Random
    supply: int = _SUPPLY
    figures: Figures = field(default_factory=Figures)
    violations: list[str] = field(default_factory=list)
    _open: ExitStack = field(default_factory=ExitStack)
    _working: list[Running] = field(default_factory=list)
    _unmeasured_kills: int = 0

    def __enter__(self) -> Self:
        self._provide()  # which makes the database, where there is none yet
        self._database: Database = open_database(load_settings(self.station.environment))
        self._open.callback(self._database.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def round(self) -> None:
        self._provide()
        began = len(self.receiver.taken)
        self._start_the_missing()
        if self.dice.random() < _STARTING_SHARE:
            time.sleep(self.dice.random() * _STARTING_SECONDS)
        else:
            self._wait_for_all()
            wait_for(lambda: len(self.receiver.taken) > began, "a first letter to arrive")
            time.sleep(self.dice.random() * _WORKING_SECONDS)
        one = len(self._working) > 1 and self.dice.random() < 0.5
        self._kill([self.dice.choice(self._working)] if one else list(self._working))
        self.figures.rounds += 1
        self._look(finished=False)

    def lose_database(self, gone: AbstractContextManager[None], seconds: float) -> None:
        """While the couriers work the database goes away for so long. They wait, and forget no answer."""
        self._start_the_missing()
        self._wait_for_all()
        began = len(self.receiver.taken)
        wait_for(lambda: len(self.receiver.taken) > began + CONNECTIONS, "some letters to arrive")
        with gone:
            time.sleep(seconds)
        for running in self._working:
            if running.process.poll() is not None:
                self._broken(f"a courier ended for want of its database: {running.err[-500:]}")
        self.figures.rounds += 1
        self._look(finished=False)

    def finish(self) -> None:
        """Lets the couriers send the rest and leave in good order; then nothing may be open."""
        self._start_the_missing()
        self._wait_for_all()
        self.station.settles(seconds=180)
        self._measure_doubt()
        for running in self._working:
            running.stop()
        self._working.clear()
        self._look(finished=True)

    def _provide(self) -> None:
        while self.figures.letters - len(self.receiver.taken) < self.supply:
            self.station.bring(drafts(self.supply, start=self.figures.letters))
            self.figures.letters += self.supply

    def _start_the_missing(self) -> None:
        while len(self._working) < self.couriers:
            self._working.append(self._open.enter_context(self.station.start("courier")))

    def _wait_for_all(self) -> None:
        """Then all that dead couriers left has been taken up, and what is in doubt can be counted."""
        for running in self._working:
            running.says("is at work")
        self._measure_doubt()

    def _measure_doubt(self) -> None:
        doubtful = self._doubtful()
        new = doubtful - self.figures.doubtful
        self.figures.doubtful = doubtful
        if self._unmeasured_kills:
            a_kill = new / self._unmeasured_kills
            self.figures.doubtful_at_most = max(self.figures.doubtful_at_most, a_kill)
            if a_kill > DOUBT_A_KILL:
                self._broken(f"{new} letters are in doubt after {self._unmeasured_kills} kills")
        elif new:
            self._broken(f"{new} letters are in doubt though nothing was killed")
        self._unmeasured_kills = 0

    def _kill(self, chosen: list[Running]) -> None:
        for running in chosen:
            if running.process.poll() is not None:
                self._broken(f"a courier ended by itself: {running.err[-500:]}")
            lines = running.lines
            if lines is not None and self.dice.random() < _LINES_SHARE:
                os.kill(lines, signal.SIGKILL)
                if self.dice.random() < _LINES_ALONE_SHARE:
                    self.figures.kills += 1
                    self._unmeasured_kills += 1
                    # By then it has settled what the dead ones left. It opens no new ones where another courier has sent
                    # all the rest meanwhile.
                    wait_for(
                        lambda: running.lines not in {None, lines} or self._all_settled(),  # noqa: B023
                        "new lines to the relay",
                    )
                    continue
            running.kill()
            self._working.remove(running)
            self.figures.kills += 1
            self._unmeasured_kills += 1

    def _all_settled(self) -> bool:
        with self._database.read() as connection:
            left = text("SELECT 1 FROM outbox WHERE kind = 'letter' AND state = 'queued' LIMIT 1")
            return connection.execute(left).first() is None

    def _doubtful(self) -> int:
        return sum(state == DeliveryState.IN_DOUBT for state in self._states().values())

    def _states(self) -> dict[str, str]:
        """By Message-ID. Asked for in words of our own, for the service's log opens every attempt's seal."""
        with self._database.read() as connection:
            rows = connection.execute(text("SELECT message_id, state FROM outbox WHERE kind = 'letter'"))
            return {row.message_id: row.state for row in rows}

    def _look(self, *, finished: bool) -> None:
        """The log first, then the receiver: what one that lives sends in between is no contradiction."""
        with DatabaseStore(self._database).read() as work:
            found = audit(work.ledger)
        rows = self._states()
        taken = dict(self.receiver.taken)
        self.figures.taken = len(taken)
        if not found.ok:
            self._broken(f"the audit found: {found.document()['broken'][:3]}")
        if found.approved != self.figures.letters or len(rows) != self.figures.letters:
            self._broken(
                f"of {self.figures.letters} letters {found.approved} are approved, {len(rows)} in the log"
            )
        never_came = [id for id, state in rows.items() if state == DeliveryState.ACCEPTED and id not in taken]
        missing = [id for id in rows if finished and id not in taken and rows[id] != DeliveryState.IN_DOUBT]
        twice = [id for id, times in taken.items() if times > 1]
        unknown = [id for id in taken if finished and rows.get(id) not in _SETTLED]
        self._count("lost", {*never_came, *missing}, "count as accepted, or are settled, and never arrived")
        self._count("doubled", set(twice), "arrived twice")
        if unknown:
            self._broken(f"{len(unknown)} letters arrived and the log does not know, such as {unknown[0]}")

    def _count(self, what: str, letters: set[str], words: str) -> None:
        """Counts each letter once, however many rounds follow."""
        new = len(letters) - getattr(self.figures, what)
        if new > 0:
            self._broken(f"{new} letters {words}, such as {min(letters)}")
            setattr(self.figures, what, len(letters))

    def _broken(self, words: str) -> None:
        self.violations.append(f"round {self.figures.rounds}: {words}")


@contextmanager
def locked_sqlite(station: Station) -> Iterator[None]:
    """Another program holds the write lock until the block ends."""
    with closing(station.sqlite()) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
