"""Installations with letters waiting, and a courier that sends them: the service as an operator runs it."""

import json
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from sqlalchemy import make_url, text

from bench.machine import ROOT, Used, use_of
from bench.sink import SESSIONS, Sink, smtp_sink
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.audit import audit
from dispatcher.settings import load_settings
from dispatcher.wiring import open_database
from tests.acceptance.station import Station, live

# The pacing check runs, and lets everything through.
PACE = 1_000_000_000
_POLL_SECONDS = 0.01
_STUCK_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Sent:
    """cpu: microseconds a letter. peak: MB. bad: why the row must not be believed."""

    letters: int
    seconds: float
    cpu: float
    peak: float
    bad: str = ""

    @property
    def rate(self) -> float:
        return self.letters / self.seconds


@dataclass(frozen=True, kw_only=True)
class Outbox:
    """size: bytes of a mail. text: a letter's words, without its own sentence."""

    station: Station
    letters: int
    size: int
    text: str

    def copy(self, folder: Path, postgresql: str = "") -> "Outbox":
        """Another installation with the same letters waiting. postgresql: the server's address."""
        shutil.copytree(self.station.data, folder / "data", dirs_exist_ok=True)
        station = replace(self.station, data=folder / "data")
        if postgresql:
            station = station.with_settings(DATABASE__URL=_database(postgresql, folder.name, like=self._url))
        return replace(self, station=station)

    def remove(self, postgresql: str = "") -> None:
        """A copy that is not wanted any more. A server with many databases tidies them up while others are measured."""
        shutil.rmtree(self.station.data.parent)
        if postgresql:
            with psycopg.connect(postgresql, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{make_url(self._url).database}" WITH (FORCE)'.encode())

    @property
    def _url(self) -> str:
        return load_settings(self.station.environment).database_url

    def send(self, *, profile: bool = False) -> Sent:
        """All that waits, by one courier of eight lines, from the moment it is at work until the last letter is
        settled."""
        with smtp_sink() as sink:
            here = replace(self, station=self.station.with_settings(SMTP__PORT=str(sink.port)))
            seconds, used = here._work(sink, profile=profile)
            bad = "" if (count := sink.count()) == self.letters else f"the sink took {count:,} letters"
        return Sent(
            letters=self.letters,
            seconds=seconds,
            cpu=used.cpu / self.letters * 1e6,
            peak=used.peak,
            bad=bad or self._disagreement(),
        )

    def _work(self, sink: Sink, *, profile: bool) -> tuple[float, Used]:
        command = ["bench.profile_courier"] if profile else ["dispatcher", "courier"]
        with subprocess.Popen(
            [sys.executable, "-m", *command],
            env=self.station.environment,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                said = []
                while "is at work" not in (line := process.stderr.readline()):
                    said.append(line)
                    assert line, f"the courier did not start: {''.join(said)}"
                began, before = time.perf_counter(), use_of(process.pid)
                self._wait_until_settled(sink)
                seconds, after = time.perf_counter() - began, use_of(process.pid)
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=20)
                process.kill()
        return seconds, Used(cpu=after.cpu - before.cpu, peak=after.peak)

    def _wait_until_settled(self, sink: Sink) -> None:
        """The database is asked only when the last letter has been taken: to ask all the time would cost the courier."""
        end = time.monotonic() + _STUCK_SECONDS + self.letters / 1000
        while sink.taken() < self.letters:
            _rest_until(end)
        database = open_database(load_settings(self.station.environment))
        try:
            while self._settled(database) < self.letters:
                _rest_until(end)
        finally:
            database.close()

    def _settled(self, database: Database) -> int:
        with database.read() as connection:
            question = text("SELECT count(*) FROM outbox WHERE kind = 'letter' AND state = 'accepted'")
            count: int = connection.execute(question).scalar_one()
            return count

    def _disagreement(self) -> str:
        """What the audit has against the run."""
        database = open_database(load_settings(self.station.environment))
        with DatabaseStore(database).read() as work:
            found = audit(work.ledger)
        database.close()
        if found.ok and found.totals == {DeliveryState.ACCEPTED: self.letters}:
            return ""
        return f"the audit found {found.totals} and {len(found.broken)} rows that are broken"


def _rest_until(end: float) -> None:
    if time.monotonic() > end:
        raise TimeoutError("the courier does not come to an end")
    time.sleep(_POLL_SECONDS)


def fill(folder: Path, letters: int, *, postgresql: str = "", **settings: str) -> Outbox:
    """A new installation with so many letters, through intake. postgresql: the server's address."""
    station = live(Station(data=folder / "data"), 1, **settings).with_settings(
        SMTP__CONNECTIONS=str(SESSIONS),
        COURIER__BATCH="1000",
        CAMPAIGNS__LETTERS_PER_HOUR=str(PACE),
    )
    if postgresql:
        station = station.with_settings(DATABASE__URL=_database(postgresql, folder.name))
    done = subprocess.run(
        [sys.executable, "-m", "bench.letters", str(letters)],
        env=station.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(done.stdout)
    return Outbox(station=station, letters=letters, size=found["bytes"], text=found["text"])


def _database(server: str, name: str, *, like: str = "") -> str:
    template = f" TEMPLATE {make_url(like).database} STRATEGY file_copy" if like else ""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{template}'.encode())
    return make_url(server).set(database=name).render_as_string(hide_password=False)
