"""kill -9 in mid-send, again and again: no letter twice, none lost, and what cannot be known is listed."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest

from dispatcher.domain.delivery import DeliveryState
from tests.acceptance.station import Running, Station, drafts, live, wait_for
from tests.lent_postgres import PostgresServer
from tests.servers.in_thread import in_thread
from tests.servers.receiving_smtp import ReceivingSmtp
from tests.servers.scripted_smtp import Act, ScriptedSmtp, say
from tests.torture.series import CONNECTIONS, Series

_LETTERS = 120
# So slow that a kill finds letters at every step: on the wire, behind the final dot, before the answer.
_SLOW: dict[str, Act] = {"rcpt": Act(after=0.01), "body": say("250 2.0.0 Ok: queued as Q1", after=0.04)}
# The same moments each time a failure is looked into; another one for each worker's day would be no test.
_SEED = 20270924
# Seconds; what the settings allow.
_SHORTEST_LEASE = 5


def _message_ids(server: ScriptedSmtp) -> Counter[str]:
    return Counter(str(message_from_bytes(each.content)["Message-ID"]) for each in server.received)


def _agrees(station: Station, server: ScriptedSmtp, count: int) -> None:
    """What the receiver has and what the log says: the promises, from outside."""
    found = station.audited()
    arrived = _message_ids(server)
    assert not [id for id, times in arrived.items() if times > 1], "a letter arrived twice"
    rows = {row.delivery.message_id: row.delivery for row in station.log()}
    assert set(arrived) <= set(rows)
    states = Counter(row.state for row in rows.values())
    assert set(states) <= {DeliveryState.ACCEPTED, DeliveryState.IN_DOUBT}, states
    assert sum(states.values()) == count == found["approved"]
    accepted = {id for id, row in rows.items() if row.state is DeliveryState.ACCEPTED}
    doubtful = {id for id, row in rows.items() if row.state is DeliveryState.IN_DOUBT}
    assert accepted <= set(arrived), "a letter counts as accepted that never arrived"
    assert set(arrived) - accepted <= doubtful
    listed = station.ask("doubt", "list", "--json").json
    assert {row["message_id"] for row in listed} == doubtful
    assert {row["reason"] for row in listed} <= {"courier_gone", "no_answer"}
    assert sorted(found["in_doubt"]) == sorted(row["delivery"] for row in listed)


def _kill_again_and_again(
    server: ScriptedSmtp, begin: Callable[[], Running], *, rounds: int, dice: random.Random
) -> None:
    for _ in range(rounds):
        running = begin()
        _wait_for_letters(server, len(server.received) + dice.randint(3, 30))
        time.sleep(dice.random() * 0.06)
        running.kill()


def _wait_for_letters(server: ScriptedSmtp, count: int) -> None:
    wait_for(lambda: len(server.received) >= count, "some letters to arrive")


def test_a_killed_serve_sends_nothing_twice_and_loses_nothing(station: Station, unused_port: int) -> None:
    """By lines that take one letter at a time."""
    with in_thread(ScriptedSmtp(always=_SLOW)) as server, ExitStack() as processes:
        here = live(station, server.port, WEB__PORT=str(unused_port))
        here.bring(drafts(_LETTERS))
        _kill_again_and_again(
            server,
            lambda: processes.enter_context(here.start("serve")),
            rounds=2,
            dice=random.Random(_SEED),
        )
        with here.start("serve") as last:
            here.settles()
            assert last.stop() < 10
        _agrees(here, server, _LETTERS)
        # Only what was truly between the final dot and the answer: a line has one letter there, or a few more where
        # the server takes commands ahead of its answers.
        assert here.count(DeliveryState.IN_DOUBT) <= 3 * 8


@pytest.mark.parametrize(("engine", "couriers"), [("sqlite", 1), ("postgresql", 2)])
def test_rounds_of_kills_under_load_lose_nothing_double_nothing_and_leave_little_in_doubt(
    engine: str, couriers: int, station: Station, request: pytest.FixtureRequest
) -> None:
    """A short run of `make torture`."""
    with ExitStack() as stack:
        receiver = stack.enter_context(in_thread(ReceivingSmtp(dice=random.Random(_SEED))))
        here = live(station, receiver.port, SMTP__CONNECTIONS=str(CONNECTIONS))
        if engine == "postgresql":
            url = stack.enter_context(_database(request.getfixturevalue("postgres")))
            here = here.with_settings(DATABASE__URL=url)
        dice = random.Random(_SEED)
        series = stack.enter_context(
            Series(station=here, receiver=receiver, couriers=couriers, dice=dice, supply=400)
        )
        for _ in range(3):
            series.round()
        series.finish()
        assert series.violations == []


@contextmanager
def _database(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.create()
    yield url
    postgres.drop(url)


def _has_ended(process: int | None) -> bool:
    """An orphan may wait for a moment to be fetched by whoever inherits it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


def test_lines_that_are_killed_under_a_courier_are_begun_anew_and_go_with_it(station: Station) -> None:
    """And when the courier itself is killed its lines end within a second, with nothing completed any more."""
    with in_thread(ScriptedSmtp(always=_SLOW)) as server:
        here = live(station, server.port)
        here.bring(drafts(_LETTERS))
        with here.start("courier") as courier:
            for _ in range(2):
                _wait_for_letters(server, len(server.received) + 8)
                lines = courier.lines
                assert lines is not None
                os.kill(lines, signal.SIGKILL)
                wait_for(lambda: courier.lines not in {None, lines}, "new lines")  # noqa: B023
                assert not Path(f"/proc/{lines}").exists(), "a zombie is left"
            _wait_for_letters(server, len(server.received) + 8)
            lines = courier.lines
            courier.kill()
            wait_for(lambda: _has_ended(lines), "the lines to end", seconds=1)
            arrived = len(server.received)
        with here.start("courier") as last:
            last.says("is at work")
            time.sleep(0.05)
            assert arrived < _LETTERS
            here.settles()
            # As a service manager, or Ctrl-C, ends both.
            lines = last.lines
            assert lines is not None
            for sign in (signal.SIGINT, signal.SIGTERM):
                os.kill(lines, sign)
            assert last.stop() < 10
            assert not Path(f"/proc/{lines}").exists()
        _agrees(here, server, _LETTERS)
        assert here.count(DeliveryState.IN_DOUBT) <= 3 * 8
        assert list((here.data / "journals").iterdir()) == []


def test_sigterm_lets_the_letters_under_way_finish_and_leaves_nothing_in_doubt(station: Station) -> None:
    with in_thread(ScriptedSmtp(always={"body": say("250 2.0.0 ok", after=0.2)})) as server:
        here = live(station, server.port)
        here.bring(drafts(80))
        with here.start("courier") as courier:
            wait_for(lambda: len(server.received) >= 6, "some letters to arrive")
            assert courier.stop() < 10
        arrived = len(server.received)
        assert arrived < 80
        assert here.count(DeliveryState.ACCEPTED) == arrived
        assert here.count(DeliveryState.QUEUED) == 80 - arrived
        here.audited()
        with here.start("courier"):
            here.settles()
        _agrees(here, server, 80)


@pytest.mark.parametrize("command", ["courier", "serve"])
def test_ctrl_c_lets_the_letters_under_way_finish_and_leaves_nothing_in_doubt(
    command: str, station: Station, unused_port: int
) -> None:
    with in_thread(ScriptedSmtp(always={"body": say("250 2.0.0 ok", after=0.2)})) as server:
        here = live(station, server.port, WEB__PORT=str(unused_port))
        here.bring(drafts(80))
        with here.start(command) as running:
            wait_for(lambda: len(server.received) >= 6, "some letters to arrive")
            lines = running.lines
            assert running.interrupt() < 10
        assert _has_ended(lines)
        arrived = len(server.received)
        assert arrived < 80
        assert here.count(DeliveryState.ACCEPTED) == arrived
        assert here.count(DeliveryState.QUEUED) == 80 - arrived
        here.audited()


def test_a_courier_that_stood_still_until_its_lease_was_over_goes_on_without_harm(station: Station) -> None:
    """A machine that was put to sleep: the other courier sends what waits and touches nothing of this one's."""
    with in_thread(ScriptedSmtp(always=_SLOW)) as server:
        here = live(station, server.port, COURIER__LEASE_SECONDS=str(_SHORTEST_LEASE))
        here.bring(drafts(_LETTERS))
        with here.start("courier") as sleeper:
            _wait_for_letters(server, 10)
            both = [sleeper.process.pid, sleeper.lines]
            for process in both:
                assert process is not None
                os.kill(process, signal.SIGSTOP)
            time.sleep(_SHORTEST_LEASE)
            with here.start("courier") as other:
                other.says("is at work")
                here.settles()
                assert 0 < here.count(DeliveryState.IN_DOUBT) < _LETTERS
                for process in both:
                    assert process is not None
                    os.kill(process, signal.SIGCONT)
                wait_for(
                    lambda: here.count(DeliveryState.ACCEPTED) == _LETTERS, "what the sleeper has to say"
                )
                assert other.stop() < 10
            assert sleeper.stop() < 10
        _agrees(here, server, _LETTERS)


def test_sigterm_does_not_wait_for_a_server_that_never_answers(station: Station) -> None:
    with in_thread(ScriptedSmtp(letters=[{"body": Act(silent=True)}])) as server:
        here = live(station, server.port, SMTP__CONNECTIONS="1")
        here.bring(drafts(3))
        with here.start("courier") as courier:
            wait_for(lambda: len(server.received) == 1, "the first letter")
            assert courier.stop() < 10
        rows = {row.delivery.id: row.delivery for row in here.log()}
        assert [rows[id].state for id in sorted(rows)] == [
            DeliveryState.IN_DOUBT,
            DeliveryState.QUEUED,
            DeliveryState.QUEUED,
        ]
        assert here.audited()["in_doubt"] == [min(rows)]
