"""The built wheel stands alone: code, templates, configuration and migrations travel together."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_routes_a_letter_without_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    assert not (unpacked / "tests").exists()

    clean = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER_")}
    # -P and PYTHONPATH: the unpacked wheel is found before the checkout that this virtual environment points to.
    answer = subprocess.run(
        [sys.executable, "-P", "-m", "dispatcher", "route", "--country", "CA", "--json"],
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(unpacked), "DISPATCHER_DATA": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"mission": "cn-ca-ottawa"' in answer.stdout

    where = "import dispatcher.shelf as s; print(s.resource('templates', 'letters'))"
    shelf = subprocess.run(
        [sys.executable, "-P", "-c", where],
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(shelf.stdout.strip()) == unpacked / "dispatcher" / "resources" / "templates" / "letters"
