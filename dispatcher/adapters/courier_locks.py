"""Which couriers of this data folder are alive: each holds a lock on a file of its own, which the operating
system lets go the moment the process is gone, however it went."""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class CourierLock:
    """Held as long as the courier lives."""

    def __init__(self, folder: Path, courier: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{courier}.lock"
        self._descriptor = -1

    def __enter__(self) -> "CourierLock":
        # Named only when it is held: another courier that starts just now would take it for a dead one's.
        unnamed = self._path.with_suffix(".new")
        self._descriptor = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def dead_couriers(folder: Path) -> list[str]:
    """The couriers whose file is left without a holder. Their files stay until `forget`, so that a process that
    dies in the middle of the recovery leaves the work to the next one."""
    return [path.stem for path in sorted(folder.glob("*.lock")) if _is_free(path)]


def forget(folder: Path, couriers: list[str]) -> None:
    for courier in couriers:
        (folder / f"{courier}.lock").unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return path.exists()  # it may have left in good order just now
