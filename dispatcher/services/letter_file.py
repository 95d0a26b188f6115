"""A file of letters that were collected elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dispatcher.services.intake import Draft, drafted


@dataclass(frozen=True, kw_only=True)
class FileRow:
    """line: where it starts, the first line is 1. cells: as they stand. problem: why it is no row of letters."""

    line: int
    cells: Mapping[str, str]
    problem: str | None = None

    @property
    def draft(self) -> Draft:
        return drafted(self.cells)


@dataclass(kw_only=True)
class LetterFile:
    """rows are read as they are asked for. ignored: columns that mean nothing here. size: bytes, for progress."""

    path: Path
    rows: Iterator[FileRow]
    ignored: tuple[str, ...] = ()
    size: int = 0
    columns: list[str] = field(default_factory=list)


class LetterFiles(Protocol):
    def read_letters(self, path: Path) -> LetterFile:
        """Raises a DispatcherError when nothing of the file can be used."""

    def write_rejects(
        self, path: Path, columns: Iterable[str], rejects: Iterable[tuple[FileRow, str]]
    ) -> None:
        """The rejected rows with line and reason in front."""
