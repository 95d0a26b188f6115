"""The lines in a process of their own, with real servers on loopback: what the courier hears, and who dies when."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from dispatcher.adapters.clocks import SystemClock
from dispatcher.adapters.courier_locks import CourierLock, dead_couriers
from dispatcher.adapters.journal import JournalFolder
from dispatcher.adapters.smtp_process import LinesMissing, SmtpProcess
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome
from dispatcher.services.journal import JournalUnwritable
from dispatcher.services.notebook import Heard, Notebook
from dispatcher.services.transport import Parcel
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import DROP, STALL, Act, ScriptedSmtp, say
from tests.servers.smtp_posting import ACCEPTED, DEFERRED, LETTER, REFUSED, UNKNOWN, parcel, run, until


class Strict(Notebook):
    """Holds the transport to its word: one answer a letter."""

    def _noted(self, going: Sequence[DeliveryId], heard: Heard) -> None:
        for id, outcome in heard:
            before = self._written.get(id)
            assert before is None or before.outcome.kind is outcome.kind, f"{id} was answered twice"
        super()._noted(going, heard)

    @property
    def outcomes(self) -> dict[int, Outcome]:
        return {id: attempt.outcome for id, attempt in self._written.items()}


def notebook(folder: Path, lease: str = "a-lease") -> Strict:
    page = JournalFolder(folder / "journals", "courier").open(lease)
    return Strict(page, clock=SystemClock(), started_at=SystemClock().now())


def pid(lines: SmtpProcess) -> int:
    assert lines._companion is not None
    return lines._companion.pid


def is_gone(process: int) -> bool:
    """Also no zombie."""
    return not Path(f"/proc/{process}").exists()


def _has_more(server: ScriptedSmtp, than: int) -> bool:
    return len(server.received) > than


@asynccontextmanager
async def working(folder: Path, port: int, connections: int = 1) -> AsyncIterator[SmtpProcess]:
    relay = {"host": "127.0.0.1", "port": port, "security": "none", "connections": connections}
    lines = SmtpProcess(relay, folder / "journals", "courier")
    try:
        yield lines
    finally:
        await lines.close()
        assert lines._companion is None or is_gone(pid(lines))


def test_each_letter_gets_its_one_answer_in_the_servers_own_words(tmp_path: Path) -> None:
    letters = [
        {},
        {"rcpt": say(b"550 5.1.1 unbekannt \xe4\r\n")},
        {"body": say("451 4.3.0 later")},
        {"body": DROP},
        {"rcpt": say("421 4.3.2 closing", drop=True)},
        {},
    ]

    async def work() -> None:
        async with ScriptedSmtp(letters=letters) as server, working(tmp_path, server.port) as lines:
            book = notebook(tmp_path)
            await lines.send([parcel(n) for n in range(1, 7)], book)
            said = book.outcomes
            kinds = [said[n].kind for n in range(1, 7)]
            assert kinds == [ACCEPTED, REFUSED, DEFERRED, UNKNOWN, DEFERRED, ACCEPTED]
            assert (said[1].code, said[1].enhanced_code, said[1].provider_ref) == (250, "2.0.0", "Q000001")
            assert said[2].reply.startswith("5.1.1 unbekannt") and said[2].code == 550
            assert [said[n].relay for n in range(1, 7)] == [False, False, False, False, True, False]
            assert book.gone == {1, 3, 4, 6}
            await lines.send([], notebook(tmp_path, "empty"))

    run(work())


def test_several_batches_and_several_processes_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            ScriptedSmtp() as server,
            working(tmp_path / "a", server.port, 2) as one,
            working(tmp_path / "b", server.port, 2) as two,
        ):
            books = [notebook(tmp_path / folder, f"lease-{n}") for folder in "ab" for n in range(3)]
            senders = [one] * 3 + [two] * 3
            each = [[parcel(100 * n + k) for k in range(20)] for n in range(6)]
            await asyncio.gather(*(s.send(p, b) for s, p, b in zip(senders, each, books, strict=True)))
            for parcels, book in zip(each, books, strict=True):
                assert {id: outcome.kind for id, outcome in book.outcomes.items()} == {
                    p.delivery: ACCEPTED for p in parcels
                }
            assert len(server.received) == 120

    run(work())


def test_large_letters_go_over_in_portions_and_are_made_only_as_they_are_needed(tmp_path: Path) -> None:
    content = LETTER + (b"x" * 76 + b"\r\n") * 40_000
    ahead: list[int] = []

    async def work() -> None:
        async with (
            ScriptedSmtp(extensions=("SIZE 100000000",)) as server,
            working(tmp_path, server.port) as lines,
        ):

            def made() -> Iterable[Parcel]:
                for n in range(1, 16):
                    ahead.append(n - len(server.received))
                    yield parcel(n, content if n > 1 else LETTER + content * 10)

            book = notebook(tmp_path)
            await lines.send(made(), book)
            assert {outcome.kind for outcome in book.outcomes.values()} == {ACCEPTED}
            assert len(server.received[0].content) > 30_000_000
            assert len(server.received) == 15
            assert max(ahead) <= 8

    run(work(), seconds=60)


def test_a_call_that_is_cancelled_waits_until_the_lines_have_let_go(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            ScriptedSmtp(letters=[{}, {"body": STALL}]) as server,
            working(tmp_path, server.port) as lines,
        ):
            await lines.send([parcel(9)], notebook(tmp_path, "before"))
            book = notebook(tmp_path)
            sending = asyncio.create_task(lines.send([parcel(1), parcel(2), parcel(3)], book))
            await until(lambda: server.began == 2 and len(server.received) == 2)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert [book.outcomes[n].kind for n in (1, 2, 3)] == [UNKNOWN, DEFERRED, DEFERRED]
            # At once, before the other process has taken its first step.
            for number in range(20):
                book = notebook(tmp_path, f"lease-{number}")
                sending = asyncio.create_task(lines.send([parcel(1), parcel(2)], book))
                await asyncio.sleep(0)
                sending.cancel()
                with suppress(asyncio.CancelledError):
                    await sending
                assert set(book.outcomes) <= {1, 2} and set(book.gone) <= set(book.outcomes)

    run(work())


def test_close_gives_what_is_on_the_wire_a_moment_and_defers_all_that_comes_later(tmp_path: Path) -> None:
    async def work() -> None:
        async with ScriptedSmtp(always={"body": Act(after=0.3)}) as server:
            async with working(tmp_path, server.port) as lines:
                book = notebook(tmp_path)
                sending = asyncio.create_task(lines.send([parcel(1), parcel(2)], book))
                await until(lambda: len(server.received) == 1)
                await asyncio.gather(lines.close(), lines.close())
                await sending
                assert [book.outcomes[n].kind for n in (1, 2)] == [ACCEPTED, DEFERRED]
                later = notebook(tmp_path, "later")
                await lines.send([parcel(3)], later)
                assert later.outcomes[3].kind is DEFERRED
            # While the other process is still starting.
            async with working(tmp_path, server.port) as lines:
                book = notebook(tmp_path, "starting")
                sending = asyncio.create_task(lines.send([parcel(4)], book))
                await asyncio.sleep(0.05)
                await lines.close()
                await sending
                assert book.outcomes[4].kind is DEFERRED
                assert len(server.received) == 1

    run(work())


def test_lines_that_are_killed_leave_what_their_journal_says_and_are_begun_anew(tmp_path: Path) -> None:
    dice = random.Random(7)

    async def work() -> None:
        slow = {"body": Act(after=0.005)}
        async with ScriptedSmtp(always=slow) as server, working(tmp_path, server.port, 4) as lines:
            for number in range(6):
                book = notebook(tmp_path, f"lease-{number}")
                began = len(server.received)
                letters = [parcel(1000 * number + n) for n in range(200)]
                sending = asyncio.create_task(lines.send(letters, book))
                await until(partial(_has_more, server, began))
                await asyncio.sleep(dice.random() * 0.1)
                killed = pid(lines)
                os.kill(killed, signal.SIGKILL)
                await sending
                assert is_gone(killed)
                page = JournalFolder(tmp_path / "journals", "courier").read(book.page.name)
                assert (set(book.outcomes), book.gone) == (set(page.answers), set(page.going))
                assert book.relay_faults and len(book.gone - set(book.outcomes)) <= 8
                arrived = {each.sender for each in server.received[began:]}
                assert arrived <= {f"bounce+{n}@campaign.example" for n in book.gone}
            # In between, while nothing is sent.
            await lines.send([parcel(1)], notebook(tmp_path, "whole"))
            os.kill(pid(lines), signal.SIGKILL)
            killed = pid(lines)
            await until(lambda: is_gone(killed))
            last = notebook(tmp_path, "last")
            await lines.send([parcel(2)], last)
            assert last.outcomes[2].kind is ACCEPTED

    run(work(), seconds=60)


def test_a_page_that_cannot_be_read_puts_all_its_letters_in_doubt(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            ScriptedSmtp(always={"body": STALL}) as server,
            working(tmp_path, server.port) as lines,
        ):
            book = notebook(tmp_path)
            sending = asyncio.create_task(lines.send([parcel(1), parcel(2)], book))
            await until(lambda: len(server.received) == 1)
            (tmp_path / "journals" / book.page.name).unlink()
            os.kill(pid(lines), signal.SIGKILL)
            await sending
            assert (book.gone, book.outcomes) == ({1, 2}, {})

    run(work())


def test_lines_that_cannot_be_started_leave_the_letters_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with ScriptedSmtp() as server, working(tmp_path, server.port) as lines:
            for broken in ("/bin/false", "/nowhere/python"):
                with monkeypatch.context() as patch:
                    patch.setattr(sys, "executable", broken)
                    with pytest.raises(LinesMissing):
                        lines.start()
                    book = notebook(tmp_path, broken.rpartition("/")[2])
                    await lines.send([parcel(1)], book)
                    assert (book.outcomes, book.gone, book.relay_faults) == ({}, set(), True)
            book = notebook(tmp_path)
            await lines.send([parcel(1)], book)
            assert book.outcomes[1].kind is ACCEPTED

    run(work())


def test_an_error_of_ours_ends_the_other_process_before_it_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError

    async def work() -> None:
        slow = {"body": Act(after=0.02)}
        async with ScriptedSmtp(always=slow) as server, working(tmp_path, server.port) as lines:
            lines._heard(("told", "courier.long-gone.journal", [], []))
            book = notebook(tmp_path)
            monkeypatch.setattr(book, "learn", fails)
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                await lines.send([parcel(n) for n in range(100)], book)
            assert is_gone(pid(lines))
            count = len(server.received)
            assert len(book.gone) in {count, count + 1}
            await asyncio.sleep(0.1)
            assert len(server.received) <= len(book.gone)

    run(work())


def test_a_journal_that_cannot_be_written_stops_the_letters_and_is_told(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")

    async def work() -> None:
        async with ScriptedSmtp() as server, working(tmp_path, server.port) as lines:
            await lines.send([parcel(0)], notebook(tmp_path, "before"))
            resource.prlimit(pid(lines), resource.RLIMIT_FSIZE, (400, 400))
            book = notebook(tmp_path)
            with pytest.raises(JournalUnwritable, match="File too large"):
                await lines.send([parcel(n) for n in range(1, 100)], book)
            accepted = [id for id, outcome in book.outcomes.items() if outcome.kind is ACCEPTED]
            assert len(accepted) == len(server.received) - 1 > 0
            assert set(book.outcomes) == set(range(1, 100))

    run(work())


def test_a_courier_that_is_slow_to_listen_hears_everything(tmp_path: Path) -> None:
    wordy = {"body": say("250 2.0.0 " + "x" * 480 + " queued as Q1")}
    with in_thread(ScriptedSmtp(always=wordy)) as server:

        async def work() -> None:
            async with working(tmp_path, server.port, 4) as lines:
                book = notebook(tmp_path)
                sending = asyncio.create_task(lines.send([parcel(n) for n in range(800)], book))
                await until(lambda: len(server.received) > 0)
                time.sleep(0.4)  # noqa: ASYNC251 - busy with something else
                await sending
                assert len(book.outcomes) == 800

        run(work())


def test_the_other_process_has_the_lock_and_no_secret_and_nothing_else_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCHER_SMTP__PASSWORD", "a-relays-password")
    monkeypatch.setenv("PGPASSWORD", "a-databases-password")
    odd = tmp_path / "ä 'ö\" $(x)\n%s"
    relay = {"host": "127.0.0.1", "port": 1, "security": "none", "connections": 1}
    lines = SmtpProcess(
        relay | {"username": "u", "password": "a-relays-password"}, odd / "journals", "courier"
    )
    lock = CourierLock(odd / "couriers", "courier").__enter__()
    with (tmp_path / "database").open("w") as database:
        os.set_inheritable(database.fileno(), True)
        lines.start(shared=[lock.descriptor])
        process = Path(f"/proc/{pid(lines)}")
        for name in ("cmdline", "environ"):
            assert b"password" not in (process / name).read_bytes().lower()
        theirs = {str(each.readlink()) for each in (process / "fd").iterdir()}
        ours = {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
        shared = {each for each in theirs & ours if each.startswith(str(tmp_path)) or "socket" in each}
        assert shared == {str(odd / "couriers" / "courier.lock")}
    # The courier dies, and the other process was stopped: as long as it lives nobody takes up what they left.
    os.kill(pid(lines), signal.SIGSTOP)
    os.close(lock.descriptor)
    with dead_couriers(odd / "couriers") as dead:
        assert dead == []
    lines.end()
    assert is_gone(pid(lines))
    with dead_couriers(odd / "couriers") as dead:
        assert dead == ["courier"]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such thing to ask for on this system")
def test_the_other_process_interrupts_nobody(tmp_path: Path) -> None:
    relay = {"host": "127.0.0.1", "port": 1, "security": "none", "connections": 1}
    lines = SmtpProcess(relay, tmp_path / "journals", "courier")
    lines.start()
    try:
        assert os.sched_getscheduler(pid(lines)) == os.SCHED_BATCH
    finally:
        lines.end()
