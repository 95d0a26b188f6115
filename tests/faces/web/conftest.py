import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faces.web.household import Household, open_household


@pytest.fixture(scope="session")
def fresh_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with database and directory: copying it is quicker than making each test its own."""
    folder = tmp_path_factory.mktemp("household") / "data"
    with open_household(folder):
        return folder


@pytest.fixture
def household(tmp_path: Path, fresh_folder: Path) -> Iterator[Household]:
    with open_household(shutil.copytree(fresh_folder, tmp_path / "data")) as found:
        yield found
