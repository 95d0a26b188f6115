"""What the commands are given by the composition root."""

from collections.abc import Coroutine
from contextlib import AbstractContextManager
from datetime import date, tzinfo
from pathlib import Path
from typing import Any, Protocol

from dispatcher.services.backup import Backups
from dispatcher.services.clock import Clock
from dispatcher.services.courier import Courier
from dispatcher.services.directory_update import DirectoryFiles
from dispatcher.services.going_live import Finding
from dispatcher.services.house import House
from dispatcher.services.letter_file import LetterFiles
from dispatcher.services.log_export import Export
from dispatcher.services.packet import PageBinder
from dispatcher.services.rehearsal import Rehearsal
from dispatcher.services.relay_evidence import RelayLogFiles
from dispatcher.services.review import Tone
from dispatcher.services.tone_training import Trainer
from dispatcher.settings import Settings


class Entrance(Protocol):
    def settings(self) -> Settings: ...

    def house(self, settings: Settings, clock: Clock | None = None) -> House:
        """Opens the installation; makes and fills what is missing."""

    def lean_house(self, settings: Settings) -> House:
        """The same for a process that stays: with as little in memory as can be."""

    def migrate(self, settings: Settings) -> bool:
        """Brings the database to the newest form; answers whether there was anything to do."""

    def tone(self, settings: Settings) -> Tone:
        """The tone check alone; it needs no installation."""

    def trainer(self) -> Trainer:
        """Of the tone check's learned layer."""

    def letter_files(self) -> LetterFiles: ...

    def directory_files(self) -> DirectoryFiles: ...

    def pages(self) -> PageBinder: ...

    def relay_log(self, house: House, zone: tzinfo | None) -> RelayLogFiles:
        """zone: of stamps that do not name one; this machine's where None."""

    def rehearsal(self, settings: Settings, day: date | None) -> Rehearsal:
        """A rehearsal of this action day (the next one where None), in a folder of its own."""

    def check(self, settings: Settings, *, live: bool) -> list[Finding]: ...

    def go_live_or_stop(self, settings: Settings) -> None:
        """In live mode, raises NotReady unless every check passes; a rehearsal may always start."""

    def courier(self, house: House, settings: Settings) -> Courier: ...

    def at_work(self, courier: Courier, settings: Settings) -> AbstractContextManager[None]:
        """Holds the courier's lock; takes up first what dead couriers have left."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """To its end, on the quickest event loop there is."""

    def clock(self) -> Clock: ...

    def backups(self, settings: Settings) -> Backups:
        """Opens nothing: a restore must not depend on an installation."""

    def export_log(self, house: House, folder: Path) -> Export:
        """Writes what is sealed of the log. Raises ExportFolderInUse, ExportFolderUnusable."""

    def ticking(self, house: House) -> AbstractContextManager[None]:
        """The clock runs inside the block."""
