"""A newer directory, from files."""

import shutil
from pathlib import Path

import pytest

from dispatcher.adapters import directory_files
from dispatcher.domain.errors import FileProblems
from dispatcher.services.directory_update import DirectoryUpdate
from dispatcher.shelf import resource
from tests.installation import Installation


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return shutil.copytree(resource("config", "missions"), tmp_path / "missions")


def update(home: Installation, files: Path) -> DirectoryUpdate:
    return DirectoryUpdate(house=home.house, files=directory_files, clock=home.clock, base=files)


def test_an_import_shows_its_difference_first_and_moves_waiting_letters(
    home: Installation, files: Path
) -> None:
    (id,) = home.take(country="NL")
    assert home.delivery(id).recipient == "embassy@nl.mission.example"
    importing = update(home, files)
    assert importing.difference(files).lines()
    assert home.delivery(id).recipient == "embassy@nl.mission.example"  # nothing was taken yet
    assert importing.take(files) == 1
    assert home.delivery(id).recipient != "embassy@nl.mission.example"
    assert importing.take(files) == 0
    with home.house.store.read() as work:
        assert work.directory.digest() == directory_files.folder_digest(files)
    assert home.audit().ok


def test_files_with_faults_change_nothing(home: Installation, files: Path) -> None:
    (id,) = home.take(country="NL")
    with (files / "missions.csv").open("a") as file:
        file.write("broken row\n")
    with pytest.raises(FileProblems, match=r"missions\.csv"):
        update(home, files).take(files)
    assert home.delivery(id).recipient == "embassy@nl.mission.example"
