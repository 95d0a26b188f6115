"""The command line in this process: the same commands, errors and exit codes, without a start of Python each.

desk.run("audit")        one command; its exit code must be the expected one
desk.refused("audit")    one that must fail with one sentence
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.acceptance.conftest import furnished, furnished_station, make_station, station
from tests.acceptance.station import Station
from tests.command_line import Done, at_hand

__all__ = ["furnished", "furnished_station", "make_station", "station"]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """folder: for files of the test's own."""

    station: Station
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str | Path, code: int = 0, stdin: str = "") -> Done:
        environment = {**self.station.environment, **self.settings}
        return at_hand(*command, environment=environment, code=code, stdin=stdin)

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
