"""The sealed log for somebody outside: what an export tells, and what can go wrong with its folder."""

from dataclasses import dataclass

from dispatcher.domain.errors import DispatcherError

# The script that lies beside the exported files and checks them.
SCRIPT = "verify_log.py"


class ExportFolderInUse(DispatcherError):
    """The folder {folder} is not empty. Name a new one for the export."""


class ExportFolderUnusable(DispatcherError):
    """The folder {folder} cannot be written to: {problem}. Name another one for the export."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """unsealed: rows after the last seal, which are not in the files."""

    blocks: int
    rows: int
    head: str
    unsealed: int
