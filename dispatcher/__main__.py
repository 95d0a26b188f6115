"""The command `dispatcher`, also as `python -m dispatcher`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

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

# ruff: noqa: PLC0415 - each part is loaded only when a command asks for it, so that `--help` answers at once


class Entrance:
    """See faces.cli.entrance.Entrance."""

    def settings(self) -> "Settings":
        from dispatcher.settings import load_settings

        return load_settings()

    def house(self, settings: "Settings", clock: "Clock | None" = None) -> "House":
        from dispatcher.wiring import open_house

        return open_house(settings, clock=clock)

    def lean_house(self, settings: "Settings") -> "House":
        from dispatcher.wiring_lean import open_lean_house

        return open_lean_house(settings)

    def migrate(self, settings: "Settings") -> bool:
        from dispatcher.wiring import bring_up_to_date

        return bring_up_to_date(settings)

    def tone(self, settings: "Settings") -> "Tone":
        from dispatcher.adapters.tone_layers import open_tone

        return open_tone(settings)

    def trainer(self) -> "Trainer":
        from dispatcher.adapters.sentence_model import training

        return training

    def letter_files(self) -> "LetterFiles":
        from dispatcher.adapters import letter_files

        return letter_files

    def directory_files(self) -> "DirectoryFiles":
        from dispatcher.adapters import directory_files

        return directory_files

    def pages(self) -> "PageBinder":
        from dispatcher.adapters import pdf_pages

        return pdf_pages

    def relay_log(self, house: "House", zone: tzinfo | None) -> "RelayLogFiles":
        from dispatcher.adapters.relay_log import PostfixLog

        domains = {each.from_address.rpartition("@")[2] for each in house.campaigns.all()}
        return PostfixLog(domains=domains, zone=zone)

    def rehearsal(self, settings: "Settings", day: date | None) -> "Rehearsal":
        from dispatcher.wiring import make_rehearsal

        return make_rehearsal(settings, day)

    def check(self, settings: "Settings", *, live: bool) -> "list[Finding]":
        from dispatcher.wiring_check import inspect

        return inspect(settings, live=live)

    def go_live_or_stop(self, settings: "Settings") -> None:
        from dispatcher.wiring_lean import go_live_or_stop

        go_live_or_stop(settings)

    def courier(self, house: "House", settings: "Settings") -> "Courier":
        from dispatcher.wiring import make_courier

        return make_courier(house, settings)

    @contextmanager
    def at_work(self, courier: "Courier", settings: "Settings") -> Iterator[None]:
        from dispatcher.wiring import at_work

        with at_work(courier, settings):
            yield

    def run(self, work: "Coroutine[Any, Any, None]") -> None:
        from dispatcher.adapters.event_loop import run

        run(work)

    def clock(self) -> "Clock":
        from dispatcher.adapters.clocks import SystemClock

        return SystemClock()

    def backups(self, settings: "Settings") -> "Backups":
        from dispatcher.adapters.database.backup import SqliteBackups

        return SqliteBackups(url=settings.database_url, key=settings.secret_path)

    def export_log(self, house: "House", folder: "Path") -> "Export":
        from dispatcher.adapters.log_files import export_log

        return export_log(house.store, folder)

    @contextmanager
    def ticking(self, house: "House") -> Iterator[None]:
        from dispatcher.wiring import ticking

        with ticking(house):
            yield


def main() -> None:
    from dispatcher.faces.cli.main import cli

    cli(obj=Entrance(), prog_name="dispatcher")


if __name__ == "__main__":
    main()
