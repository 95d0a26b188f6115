"""The command line in this process: the same commands, errors and exit codes, without a start of Python each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from dispatcher.__main__ import Entrance
from dispatcher.faces.cli.main import cli
from dispatcher.services.clock import Clock
from dispatcher.services.house import House
from dispatcher.settings import Settings
from tests.installation import shut


@dataclass(frozen=True, kw_only=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)


def at_hand(*command: str | Path, environment: Mapping[str, str], code: int = 0, stdin: str = "") -> Done:
    """One command, whose exit code must be the expected one."""
    entrance = _TidyEntrance()
    try:
        result = CliRunner().invoke(
            cli,
            [str(word) for word in command],
            obj=entrance,
            input=stdin,
            env=environment,
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


class _TidyEntrance(Entrance):
    """Closes what the end of a process closes otherwise."""

    def __init__(self) -> None:
        self._houses: list[House] = []

    def house(self, settings: Settings, clock: Clock | None = None) -> House:
        self._houses.append(super().house(settings, clock))
        return self._houses[-1]

    def close(self) -> None:
        for house in self._houses:
            shut(house)
