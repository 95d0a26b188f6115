"""Stations with the shipped directory. It is imported once a worker; each test gets a copy."""

import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.station import Station


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after the first start. Not to be written to."""
    data = tmp_path_factory.mktemp("furnished") / "data"
    with Station(data=data).house():
        pass
    return data


@pytest.fixture
def make_station(furnished: Path, tmp_path: Path) -> Iterator[Callable[[str], Station]]:
    def make(name: str) -> Station:
        folder = tmp_path / name / "data"
        shutil.copytree(furnished, folder)
        return Station(data=folder)

    yield make


@pytest.fixture
def station(make_station: Callable[[str], Station]) -> Station:
    return make_station("station")


@pytest.fixture
def unused_port() -> int:
    """One that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def furnished_station(furnished: Path) -> Station:
    """For commands that change nothing."""
    return Station(data=furnished)
