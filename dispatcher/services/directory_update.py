"""A newer directory: the difference is shown first, and letters that wait are sent to where they would go now."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dispatcher.domain.directory import Directory
from dispatcher.domain.directory_difference import DirectoryDifference, compare
from dispatcher.domain.mission import ContactKind
from dispatcher.services.clock import Clock
from dispatcher.services.house import House


class DirectoryFiles(Protocol):
    def read_directory(self, folder: Path, base: Path | None = None) -> Directory:
        """Files that `folder` lacks are taken from `base`. Raises FileProblems with every problem of every file."""

    def folder_digest(self, folder: Path) -> str: ...

    def contact_value(self, kind: ContactKind, typed: str) -> str:
        """The normal form of a mailbox, number or address. Raises a DispatcherError that says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class DirectoryUpdate:
    house: House
    files: DirectoryFiles
    clock: Clock
    base: Path

    def difference(self, folder: Path) -> DirectoryDifference:
        """What an import of this folder would change."""
        new = self.files.read_directory(folder, self.base)
        with self.house.store.read() as work:
            old = work.directory.load(by_hand=False)
        return compare(old or Directory(missions=()), new)

    def take(self, folder: Path) -> int:
        """Imports the folder; answers how many waiting deliveries were routed anew."""
        new = self.files.read_directory(folder, self.base)
        digest = self.files.folder_digest(self.base)
        now = self.clock.now()
        with self.house.store.write() as work:
            old = work.directory.load(by_hand=False) or Directory(missions=())
            summary = f"import: {len(compare(old, new).lines())} changes"
            work.directory.replace(new, digest=digest, summary=summary, at=now)
            return self.house.dispatch.reroute(work, at=now)
