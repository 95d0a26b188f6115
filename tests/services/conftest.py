import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation, installation


@pytest.fixture(scope="session")
def reader(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that tests only ask and never change."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copyfile(sqlite_template, folder / "d.sqlite3")
    with installation(folder / "data", f"sqlite:///{folder / 'd.sqlite3'}") as found:
        yield found
