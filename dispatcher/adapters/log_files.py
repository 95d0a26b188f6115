"""The sealed log as files: lines of JSON, the seals over them, and a script that checks them.

Nothing personal is in them (see domain.sealing), and neither the key nor the database is needed to read them.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path

from dispatcher import verify_log
from dispatcher.domain.sealing import (
    BEGINNING,
    Seal,
    attempt_lines,
    delivery_lines,
    exported_seal,
    move_lines,
)
from dispatcher.services.log_export import SCRIPT, Export, ExportFolderInUse, ExportFolderUnusable
from dispatcher.services.store import Store


def export_log(store: Store, folder: Path) -> Export:
    """Writes everything that is sealed; makes the folder. Memory stays flat however long the log is.

    Raises ExportFolderInUse, ExportFolderUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ExportFolderInUse(folder=folder)
        return _write(store, folder)
    except OSError as error:
        raise ExportFolderUnusable(folder=folder, problem=error.strerror) from None


def _write(store: Store, folder: Path) -> Export:
    last: Seal | None = None
    rows = 0
    with ExitStack() as open_files, store.read() as work:
        moves, attempts, deliveries, seals = (
            open_files.enter_context((folder / f"{name}.jsonl").open("wb"))
            for name in ("moves", "attempts", "deliveries", "seals")
        )
        for seal in work.seals.all():
            pages = work.seals.rows(last.last if last else None, seal.last)
            moves.writelines(move_lines(page, seal.salt) for page in pages.moves)
            attempts.writelines(attempt_lines(page) for page in pages.attempts)
            deliveries.writelines(delivery_lines(page) for page in pages.deliveries)
            seals.write(exported_seal(seal))
            rows += seal.moves.rows + seal.attempts.rows + seal.deliveries.rows
            last = seal
        unsealed = sum(work.seals.horizon().reach) - (sum(last.last) if last else 0)
    shutil.copyfile(verify_log.__file__, folder / SCRIPT)
    return Export(
        blocks=last.number if last else 0,
        rows=rows,
        head=last.hash if last else BEGINNING,
        unsealed=unsealed,
    )
