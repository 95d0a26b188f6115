"""An installation as an operator has it: a data folder, settings in the environment, and the command line.

station.run("audit")                       one command in a process of its own, to its end
station.ask("audit")                       the same in this process, for what is not about processes
with station.start("courier") as courier:  a process that stays; killed at the end of the block if need be
"""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.courier import Courier
from dispatcher.services.house import House
from dispatcher.services.intake import Draft, Tally
from dispatcher.services.second_reading import ReaderAtHand
from dispatcher.services.store import LogFilter, LogRow
from dispatcher.settings import load_settings
from dispatcher.wiring import at_work, make_courier, open_house
from tests.command_line import Done, at_hand
from tests.installation import shut

CAMPAIGN = "save-north-korean-refugees-day"
LETTER = "Your Excellency,\n\nplease let the people who have fled travel on in safety.\n\nWith respect,"
# A domain that nobody can own (ICANN, 2024), yet not one of those that live mode takes for an example.
SENDER_DOMAIN = "save-nk.internal"
# What live mode warns of in a test: it was seen and is taken.
WARNINGS = ("letterhead", "public-url", "dns-spf", "dns-dkim", "dns-dmarc", "missions-without-contact")
_PATIENCE = 60.0
_OPEN = {DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.SENDING}


@dataclass(kw_only=True)
class Running:
    """A process of ours that stays. out, err: what it has said so far."""

    process: subprocess.Popen[bytes]
    files: tuple[Path, Path]

    @property
    def out(self) -> str:
        return self.files[0].read_text()

    @property
    def err(self) -> str:
        return self.files[1].read_text()

    def says(self, words: str) -> None:
        """Waits until it has said this."""
        wait_for(lambda: words in self.out + self.err or self._gone(words), f"the words {words!r}")

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.wait(_PATIENCE)

    @property
    def lines(self) -> int | None:
        """The process that has a courier's lines to the relay."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        for each in " ".join(path.read_text() for path in children).split():
            with suppress(OSError):
                if b"smtp_lines" in Path(f"/proc/{each}/cmdline").read_bytes():
                    return int(each)
        return None

    def stop(self) -> float:
        """SIGTERM; answers how many seconds it took to leave. It must leave in good order."""
        return self._leaves(lambda: self.process.send_signal(signal.SIGTERM), {0, -signal.SIGTERM})

    def interrupt(self) -> float:
        """As Ctrl-C does, which reaches all processes of the group; as `stop`."""
        return self._leaves(lambda: os.killpg(self.process.pid, signal.SIGINT), {0})

    def _leaves(self, told: Callable[[], None], codes: Set[int]) -> float:
        began = time.monotonic()
        told()
        code = self.process.wait(_PATIENCE)
        assert code in codes, f"left with {code}: {self.err}"
        assert "Traceback" not in self.err, self.err
        return time.monotonic() - began

    def _gone(self, words: str) -> bool:
        assert self.process.poll() is None, f"it ended before it said {words!r}:\n{self.out}\n{self.err}"
        return False


@dataclass(frozen=True, kw_only=True)
class Station:
    """data: the data folder. settings: the environment's DISPATCHER_ variables besides."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def with_settings(self, **more: str) -> "Station":
        """Names without their DISPATCHER_."""
        return replace(self, settings={**self.settings, **{f"DISPATCHER_{k}": v for k, v in more.items()}})

    @property
    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER_")}
        # As on a terminal without colours, in UTF-8 whatever the machine's own setting.
        fixed = {"PYTHONUTF8": "1", "TZ": "UTC", "DISPATCHER_DATA": str(self.data)}
        # Each process would take seconds to load the large model; the tests that are about it ask for it.
        fixed["DISPATCHER_TONE__SMALL"] = "true"
        return {**others, **fixed, **self.settings}

    def run(
        self,
        *command: str | Path,
        code: int = 0,
        stdin: str | bytes = b"",
        before: Callable[[], None] | None = None,
    ) -> Done:
        """before: is called in the new process before the program begins."""
        ended = subprocess.run(
            [sys.executable, "-m", "dispatcher", *map(str, command)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env=self.environment,
            cwd=next(folder for folder in self.data.parents if folder.is_dir()),
            timeout=_PATIENCE,
            preexec_fn=before,
            check=False,
        )
        done = Done(code=ended.returncode, out=ended.stdout.decode(), err=ended.stderr.decode())
        assert done.code == code, f"{command} ended with {done.code}\n{done.out[-3000:]}\n{done.err[-3000:]}"
        assert "Traceback" not in done.out + done.err, done.err
        assert "Something in dispatcher itself is wrong" not in done.err, done.err
        return done

    def ask(self, *command: str | Path, stdin: str = "") -> Done:
        return at_hand(*command, environment=self.environment, stdin=stdin)

    def refused(self, *command: str | Path, before: Callable[[], None] | None = None) -> str:
        """Runs what must fail for wrong use or a broken machine: exit 2, nothing on stdout, and on stderr (besides
        lines of the service's own log) one sentence, which is the answer."""
        done = self.run(*command, code=2, before=before)
        assert done.out == ""
        lines = [line for line in done.err.splitlines() if not line.startswith('{"')]
        assert len(lines) == 1 and lines[0].endswith("."), done.err
        return lines[0]

    @contextmanager
    def start(self, *command: str) -> Iterator[Running]:
        number = len(list(self.data.parent.glob("*.out")))
        files = self.data.parent / f"{number}.out", self.data.parent / f"{number}.err"
        with files[0].open("wb") as out, files[1].open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "dispatcher", *command],
                stdout=out,
                stderr=err,
                env={**self.environment, "PYTHONUNBUFFERED": "1"},
                cwd=self.data.parent,
                process_group=0,
            )
        try:
            yield Running(process=process, files=files)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(_PATIENCE)

    @contextmanager
    def house(self) -> Iterator[House]:
        """The same installation in this process, to set a scene or to look into it."""
        house = open_house(load_settings(self.environment))
        try:
            yield house
        finally:
            shut(house)

    def bring(self, drafts: Sequence[Draft]) -> None:
        """Letters whose writers' consent is on paper, released to leave at once, rendered."""
        with self.house() as house:
            tally = Tally()
            house.intake.take_batch(list(enumerate(drafts)), tally, confirmed=True)
            assert tally.taken == len(drafts), tally
            replace(house.second_reading, reader=ReaderAtHand(house.tone)).finish()
            with house.store.write() as work:
                house.dispatch.release(work, house.campaigns.active, at=house.clock.now(), now=True)
            house.preparation.prepare_all()

    def log(self) -> list[LogRow]:
        with self.house() as house, house.store.read() as work:
            return list(work.outbox.log(LogFilter()))

    def count(self, *states: DeliveryState) -> int:
        return sum(row.delivery.state in states for row in self.log())

    def settles(self, *, seconds: float = 30.0) -> None:
        """Waits until every delivery is where it ends, is held, or is in doubt."""
        self.reaches(lambda states: not _OPEN & {each for each, count in states.items() if count}, seconds)

    def reaches(self, true: Callable[[Mapping[DeliveryState, int]], bool], seconds: float = 30.0) -> None:
        """Waits until this holds of the number of deliveries by state."""
        with self.house() as house:

            def holds() -> bool:
                with house.store.read() as work:
                    return true(work.outbox.totals())

            wait_for(holds, "the deliveries to get there", seconds=seconds)

    def audited(self) -> dict[str, Any]:
        """The audit, which must find nothing."""
        found: dict[str, Any] = self.ask("audit", "--json").json
        assert found["ok"] is True and found["broken"] == []
        return found

    def sqlite(self) -> sqlite3.Connection:
        return sqlite3.connect(self.data / "dispatcher.sqlite3")


def live(station: Station, port: int, **more: str) -> Station:
    """The station set to send in earnest to a server on this machine, without a pace to speak of."""
    return station.with_settings(
        MODE="live",
        SMTP__HOST="127.0.0.1",
        SMTP__PORT=str(port),
        SMTP__SECURITY="none",
        CAMPAIGNS__FROM_ADDRESS=f"letters@{SENDER_DOMAIN}",
        CAMPAIGNS__BOUNCE_DOMAIN=f"bounces.{SENDER_DOMAIN}",
        CAMPAIGNS__LETTERS_PER_HOUR="1000000",
        CHECK__ACCEPT=",".join(WARNINGS),
        **more,
    )


def drafts(count: int, *, country: str = "CA", start: int = 0, **fields: Any) -> list[Draft]:
    """Letters of so many people, from a country whose embassy has a mailbox, a fax and an address (Ottawa)."""
    usual = {"city": "Ottawa", "region": "CA-ON"} if country == "CA" else {}
    return [
        Draft(
            name=f"Writer {number}",
            email=f"writer-{number}@example.org",
            country=country,
            language="en",
            letter=LETTER,
            **{**usual, **fields},
        )
        for number in range(start, start + count)
    ]


def send_here(station: Station, until: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """A courier in this process, for what need not be killed: works until this holds, then stops in good order."""

    async def work(courier: Courier) -> None:
        working = asyncio.create_task(courier.run())
        try:
            async with asyncio.timeout(seconds):
                while not until():  # noqa: ASYNC110 - what is waited for happens elsewhere
                    await asyncio.sleep(0.02)
        finally:
            courier.stop()
            await working

    with station.house() as house:
        settings = load_settings(station.environment)
        courier = make_courier(house, settings)
        with at_work(courier, settings):
            asyncio.run(work(courier))


def wait_for(true: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.03)
