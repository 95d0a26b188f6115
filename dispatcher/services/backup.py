"""A copy of the database while everything runs, and the way back from it.

A backup is older than the present: letters that wait in it may have left since. So a restored installation is paused
altogether until a person has looked, and the key is never in a backup: who has both could read every letter.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.audit import Audit, audit
from dispatcher.services.clock import Clock
from dispatcher.services.pauses import Pause, PauseScope
from dispatcher.services.pausing import EVERYTHING
from dispatcher.services.store import Store

_BY = "restore"


class BackupNotPossible(DispatcherError):
    """No backup was made: {problem}"""


class RestoreNotPossible(DispatcherError):
    """Nothing was restored from this backup: {problem}"""


@dataclass(frozen=True, kw_only=True)
class BackupNote:
    """What stands in a backup beside the data. key: the fingerprint of the key that opens it. blocks and head: the
    seals of its log."""

    at: datetime
    version: str
    key: str
    blocks: int
    head: str


class Unpacked(Protocol):
    """A backup laid out in its new folder, checked and brought to the newest form, but not in use yet."""

    @property
    def note(self) -> BackupNote: ...
    @property
    def store(self) -> Store: ...

    def keep(self) -> None:
        """Puts it into use; otherwise it is thrown away."""


class Backups(Protocol):
    def save(self, file: Path, *, at: datetime) -> BackupNote:
        """A consistent copy, whole or not at all. Raises BackupNotPossible."""

    def unpack(self, file: Path, folder: Path, *, key: Path | None) -> AbstractContextManager[Unpacked]:
        """key: where the key is; by default in the new folder, or where the settings say.

        Raises RestoreNotPossible where the file is damaged, the key is another one, or the folder is in use."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """kept: False where the audit found something and it was not wanted anyway. waiting: letters that had not left
    when the backup was made; those of them whose hour has come since may have left."""

    note: BackupNote
    audit: Audit
    kept: bool
    waiting: int
    come_due: int


def restore(
    backups: Backups, file: Path, folder: Path, *, key: Path | None, clock: Clock, anyway: bool = False
) -> Restored:
    """Lays the backup out in the folder, audits it, and pauses everything. Raises RestoreNotPossible."""
    with backups.unpack(file, folder, key=key) as unpacked:
        now = clock.now()
        with unpacked.store.read() as work:
            result = audit(work.ledger)
            rows = work.outbox.waiting()
        kept = result.ok or anyway
        if kept:
            with unpacked.store.write() as work:
                work.pauses.set(
                    Pause(
                        scope=PauseScope.ALL,
                        key=EVERYTHING,
                        since=now,
                        by=_BY,
                        reason=f"restored from the backup of {unpacked.note.at:%Y-%m-%d %H:%M} UTC",
                    )
                )
                work.outbox.apply_pauses(at=now, by=_BY)
            unpacked.keep()
        return Restored(
            note=unpacked.note,
            audit=result,
            kept=kept,
            waiting=len(rows),
            come_due=sum(row.state is DeliveryState.QUEUED and row.due_at <= now for row in rows),
        )
