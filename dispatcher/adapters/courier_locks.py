"""Which couriers of this data folder are alive: each holds a lock on a file of its own, which the operating
system lets go the moment the process is gone, however it went."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class CourierLock:
    """Held as long as the courier lives, and every process that it shares the descriptor with."""

    def __init__(self, folder: Path, courier: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{courier}.lock"
        self.descriptor = -1

    def __enter__(self) -> "CourierLock":
        # Named only when it is held: another courier that starts just now would take it for a dead one's.
        unnamed = self._path.with_suffix(".new")
        self.descriptor = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self.descriptor)


@contextmanager
def dead_couriers(folder: Path) -> Iterator[list[str]]:
    """The couriers whose file is left without a holder. Until the block ends they are ours alone: of two processes
    that start together only one takes up what a dead courier left. Then their files go; they stay when the block
    fails or its process dies, and leave the work to the next one."""
    held = {path: descriptor for path in sorted(folder.glob("*.lock")) if (descriptor := _grasp(path)) >= 0}
    try:
        yield [path.stem for path in held]
        for path in held:
            path.unlink(missing_ok=True)
    finally:
        for descriptor in held.values():
            os.close(descriptor)


def _grasp(path: Path) -> int:
    """The file's descriptor with its lock held; -1 when another process has it, or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return -1
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return -1
    if not os.fstat(descriptor).st_nlink:  # it has left in good order, or was taken up, just now
        os.close(descriptor)
        return -1
    return descriptor
