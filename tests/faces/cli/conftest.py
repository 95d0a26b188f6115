"""The command line in this process: the same commands, errors and exit codes, without a start of Python each.

desk.run("audit")        one command; its exit code must be the expected one
desk.refused("audit")    one that must fail with one sentence
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from dispatcher.__main__ import Entrance
from dispatcher.faces.cli.main import cli
from dispatcher.services.clock import Clock
from dispatcher.services.house import House
from dispatcher.settings import Settings
from tests.acceptance.conftest import furnished, furnished_station, make_station, station
from tests.acceptance.station import Done, Station

__all__ = ["furnished", "furnished_station", "make_station", "station"]


class _TidyEntrance(Entrance):
    """Closes what the end of a process closes otherwise."""

    def __init__(self) -> None:
        self._houses: list[House] = []

    def house(self, settings: Settings, clock: Clock | None = None) -> House:
        self._houses.append(super().house(settings, clock))
        return self._houses[-1]

    def close(self) -> None:
        for house in self._houses:
            house.store.database.close()  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """folder: for files of the test's own."""

    station: Station
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str | Path, code: int = 0, stdin: str = "") -> Done:
        entrance = _TidyEntrance()
        try:
            result = CliRunner().invoke(
                cli,
                [str(word) for word in command],
                obj=entrance,
                input=stdin,
                env={**self.station.environment, **self.settings},
                prog_name="dispatcher",
            )
        finally:
            entrance.close()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        done = Done(code=result.exit_code, out=result.stdout, err=result.stderr)
        assert done.code == code, f"{command} ended with {done.code}\n{done.out}\n{done.err}"
        assert "Something in dispatcher itself is wrong" not in done.err, done.err
        return done

    def refused(self, *command: str | Path, stdin: str = "") -> str:
        """Exit 2, nothing on stdout; answers what stderr says, less click's line of usage."""
        done = self.run(*command, code=2, stdin=stdin)
        assert done.out == ""
        assert "Traceback" not in done.err
        return done.err.strip()

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@pytest.fixture
def desk(station: Station, tmp_path: Path) -> Iterator[Desk]:
    yield Desk(station=station, folder=tmp_path)
