"""Backup while a courier writes, and the way back."""

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.adapters.database.backup import SqliteBackups
from dispatcher.adapters.database.types import Vault
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterId
from dispatcher.services.audit import audit
from dispatcher.services.backup import BackupNotPossible, Restored, RestoreNotPossible, restore
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import LogFilter
from dispatcher.settings import Settings
from tests.installation import NOON, OPENING, Installation, ScriptedTransport, installation

AT = datetime(2027, 9, 20, 12, tzinfo=UTC)
LATER = SimulatedClock(NOON + timedelta(days=3))


@pytest.fixture
def engine_name() -> str:
    return "sqlite"


def backups_of(settings: Settings) -> SqliteBackups:
    return SqliteBackups(url=settings.database_url, key=settings.secret_path)


@pytest.fixture
def backed_up(home: Installation, tmp_path: Path) -> Path:
    home.take(5)
    home.prepare()
    home.house.sealing.seal_all()
    file = tmp_path / "backup.sqlite3"
    backups_of(home.settings).save(file, at=AT)
    return file


@pytest.fixture
def bring_back(home: Installation, backed_up: Path, tmp_path: Path) -> Callable[..., Restored]:
    def bring(folder: Path = tmp_path / "new", *, anyway: bool = False, key: Path | None = None) -> Restored:
        return restore(backups_of(home.settings), backed_up, folder, key=key, clock=LATER, anyway=anyway)

    return bring


@contextmanager
def opened(folder: Path) -> Iterator[Installation]:
    """The restored installation, as it would be used."""
    with installation(folder, f"sqlite:///{folder / 'dispatcher.sqlite3'}") as found:
        yield found


def test_a_backup_is_one_private_file_without_the_key(home: Installation, backed_up: Path) -> None:
    assert stat.S_IMODE(backed_up.stat().st_mode) == 0o600
    key = home.settings.secret_path.read_bytes().strip()
    assert key not in backed_up.read_bytes()
    assert sorted(each.name for each in backed_up.parent.glob("backup*")) == ["backup.sqlite3"]
    with closing(sqlite3.connect(backed_up)) as copy:
        (fingerprint, head) = copy.execute("SELECT key, head FROM backup_note").fetchone()
    assert len(fingerprint) == 16 and head == home.audit().chain.head


def test_what_is_restored_is_the_installation_and_nothing_of_it_leaves(
    bring_back: Callable[..., Restored], home: Installation, tmp_path: Path
) -> None:
    done = bring_back()
    assert (done.kept, done.audit.ok, done.waiting, done.come_due) == (True, True, 5, 5)
    assert done.audit.chain.head == home.audit().chain.head
    folder = tmp_path / "new"
    assert sorted(each.name for each in folder.iterdir()) == ["dispatcher.sqlite3", "secret.key"]
    with opened(folder) as new:
        assert (new.letter(next(iter(_letter_ids(new)))).name or "").startswith("Jane Doe")
        transport = ScriptedTransport()
        new.live_through(new.courier(transport), NOON + timedelta(hours=3))
        assert transport.sent == []
        assert new.states() == {DeliveryState.HELD: 5}
        new.house.pausing.resume(PauseScope.ALL, by="Mina")
        new.live_through(new.courier(transport), NOON + timedelta(days=3))
        assert len(transport.sent) >= 5
        assert new.audit().ok


def _letter_ids(home: Installation) -> Iterator[LetterId]:
    with home.house.store.read() as work:
        yield from [row.delivery.letter for row in work.outbox.log(LogFilter())]


def test_a_backup_made_while_couriers_write_is_whole(home: Installation, tmp_path: Path) -> None:
    home.take(150)
    home.prepare()
    stop, faults = threading.Event(), []
    rounds = 0

    def send() -> None:
        nonlocal rounds
        courier = home.courier(batch=5)
        while not stop.is_set():
            try:
                home.work(courier, home.clock.now() + timedelta(minutes=2))
                home.house.sealing.seal()
                rounds += 1
            except Exception as fault:
                faults.append(fault)
                return

    home.clock.move_to(OPENING)
    sender = threading.Thread(target=send)
    sender.start()
    files = []
    try:
        for number in range(5):
            before = rounds
            while rounds == before and sender.is_alive():
                pass
            file = tmp_path / f"backup-{number}.sqlite3"
            backups_of(home.settings).save(file, at=AT)
            files.append(file)
    finally:
        stop.set()
        sender.join(30)
    assert faults == []
    seen = set()
    for number, file in enumerate(files):
        done = restore(backups_of(home.settings), file, tmp_path / f"new-{number}", key=None, clock=LATER)
        assert done.kept and done.audit.ok, done.audit.broken
        assert done.audit.approved == 150
        seen.add(done.audit.totals.get(DeliveryState.ACCEPTED, 0))
    assert len(seen) > 1, "the couriers stood still meanwhile"


def test_a_backup_replaces_no_file(home: Installation, backed_up: Path) -> None:
    before = backed_up.read_bytes()
    with pytest.raises(BackupNotPossible, match="exists already"):
        backups_of(home.settings).save(backed_up, at=AT)
    assert backed_up.read_bytes() == before


def test_postgresql_is_told_its_own_tool() -> None:
    backups = SqliteBackups(url="postgresql://user:secret@host/letters", key=Path("secret.key"))
    with pytest.raises(BackupNotPossible, match="pg_dump") as told:
        backups.save(Path("x"), at=AT)
    assert "secret@" not in str(told.value)


def test_another_key_restores_nothing(
    bring_back: Callable[..., Restored], tmp_path: Path, home: Installation
) -> None:
    other = tmp_path / "other.key"
    Vault.open(other)
    with pytest.raises(RestoreNotPossible, match="is another key"):
        bring_back(key=other)
    with pytest.raises(RestoreNotPossible, match="there is no key file"):
        bring_back(key=tmp_path / "none.key")
    assert not (tmp_path / "none.key").exists()
    assert not list((tmp_path / "new").glob("*"))


def test_a_damaged_backup_restores_nothing(
    bring_back: Callable[..., Restored], backed_up: Path, tmp_path: Path
) -> None:
    content = bytearray(backed_up.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(20_000)
    backed_up.write_bytes(content)
    with pytest.raises(RestoreNotPossible, match="no sound backup"):
        bring_back()
    assert not list((tmp_path / "new").glob("*"))


def test_a_file_that_is_no_backup_restores_nothing(
    bring_back: Callable[..., Restored], backed_up: Path
) -> None:
    backed_up.write_bytes(b"something else altogether")
    with pytest.raises(RestoreNotPossible, match="not a database"):
        bring_back()
    backed_up.unlink()
    with pytest.raises(RestoreNotPossible, match="there is no file"):
        bring_back()


def test_a_folder_in_use_is_left_alone(bring_back: Callable[..., Restored], tmp_path: Path) -> None:
    bring_back()
    with pytest.raises(RestoreNotPossible, match="has a database already"):
        bring_back()


def test_a_backup_that_was_tampered_with_is_kept_only_when_told_so(
    bring_back: Callable[..., Restored], backed_up: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(backed_up)) as copy:
        copy.execute("UPDATE moves SET at = at + 1 WHERE id = 2")
        copy.commit()
    done = bring_back()
    assert not done.kept and [each.rule for each in done.audit.broken] == ["seal"]
    assert not list((tmp_path / "new").glob("*"))
    assert bring_back(anyway=True).kept
    with opened(tmp_path / "new") as new, new.house.store.read() as work:
        assert not audit(work.ledger).ok
