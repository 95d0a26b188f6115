"""A database that is locked, read-only or gone, and a disk that is full: one sentence, exit 2, nothing lost."""

import ctypes
import json
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatcher.domain.delivery import DeliveryState
from tests.acceptance.station import LETTER, Station, drafts, live, wait_for
from tests.servers.in_thread import in_thread
from tests.servers.postgres_server import postgres_server
from tests.servers.receiving_smtp import ReceivingSmtp
from tests.servers.scripted_smtp import ScriptedSmtp, say
from tests.torture.series import Series, locked_sqlite

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def _obey_file_modes() -> None:
    """Root may write whatever the mode says, unless it loses these two capabilities (capabilities(7))."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _letters(folder: Path, count: int) -> Path:
    path = folder / "letters.jsonl"
    rows = [
        {"name": f"Writer {n}", "email": f"writer-{n}@example.org", "country": "CA", "letter": LETTER}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_data_folder_is_told(what: str, station: Station, tmp_path: Path) -> None:
    station.bring(drafts(2))
    files = list(station.data.iterdir())
    closed = [station.data] if what == "folder" else [each for each in files if each.is_file()]
    for path in closed:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        words = station.refused("import", _letters(tmp_path, 3), "--confirmed", before=_obey_file_modes)
    finally:
        for path in closed:
            path.chmod(0o755 if path.is_dir() else 0o600)
    assert "read-only" in words or "cannot be opened" in words or "denied" in words
    assert station.audited()["approved"] == 2


def test_a_data_folder_that_cannot_be_made_is_told(station: Station, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    words = Station(data=file / "data").refused("audit")
    assert str(file / "data") in words
    assert "DISPATCHER_DATA" in words


def test_a_database_that_is_none_is_told(station: Station) -> None:
    database = station.data / "dispatcher.sqlite3"
    database.write_bytes(b"this is no database at all " * 1000)
    assert "not a database" in station.refused("audit")


def test_a_damaged_key_is_told(station: Station) -> None:
    station.bring(drafts(1))
    key = station.data / "secret.key"
    kept = key.read_bytes()
    key.write_bytes(b"nonsense\n")
    words = station.refused("audit")
    assert str(key) in words and "backup" in words
    key.write_bytes(kept)
    assert station.audited()["approved"] == 1


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own; only root may mount one."""
    folder.mkdir(exist_ok=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "dispatcher-test", folder],
        capture_output=True,
        check=False,
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_nothing_is_lost(furnished: Path, tmp_path: Path) -> None:
    """Letters come in until the disk is full; those that were taken stand, the others are told not to be."""
    with _small_disk(tmp_path / "disk", 6):
        data = tmp_path / "disk" / "data"
        data.mkdir()
        for path in furnished.iterdir():
            if path.is_file():
                (data / path.name).write_bytes(path.read_bytes())
        station = Station(data=data)
        letters = _letters(tmp_path, 4000)
        words = station.refused("import", letters, "--confirmed")
        assert "the disk is full" in words or "could not be read or written" in words
        station.audited()
        with station.house() as house, house.store.read() as work:
            taken = sum(work.letters.count().values())
        assert 0 < taken < 4000
        assert taken % 500 == 0  # whole transactions only
        with station.sqlite() as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()


def test_a_postgresql_that_stops_is_told_and_waited_for_by_a_courier(
    station: Station, tmp_path: Path
) -> None:
    always = {"body": say("250 2.0.0 ok", after=0.15)}
    with postgres_server() as database, in_thread(ScriptedSmtp(always=always)) as server:
        here = live(station, server.port, DATABASE__URL=database.url)
        here.bring(drafts(60))
        with here.start("courier") as courier:
            wait_for(lambda: len(server.received) > 8, "some letters")
            with database.stopped():
                words = here.refused("audit")
                assert "its server" in words
                assert courier.process.poll() is None
            here.settles(seconds=45)
            assert courier.stop() < 10
        assert len(server.received) == 60
        assert len({each.content for each in server.received}) == 60
        found = here.audited()
        assert found["approved"] == 60
        assert here.count(DeliveryState.ACCEPTED) + here.count(DeliveryState.IN_DOUBT) == 60
        assert here.count(DeliveryState.IN_DOUBT) == 0, "the courier knew every answer"


def test_a_locked_sqlite_file_is_waited_for_by_a_courier(station: Station) -> None:
    """`make torture` locks it for longer than a writer's patience."""
    with in_thread(ReceivingSmtp(dice=random.Random(1))) as receiver:
        here = live(station, receiver.port, SMTP__CONNECTIONS="8")
        with Series(station=here, receiver=receiver, couriers=1, dice=random.Random(1), supply=500) as series:
            series.lose_database(locked_sqlite(here), 2.0)
            series.finish()
    assert series.violations == []
