"""An export is checked by the script that lies in it, run as a stranger would: alone, with nothing installed."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher.adapters.database import seals as seals_module
from dispatcher.adapters.log_files import export_log
from dispatcher.services import sealing as sealing_module
from dispatcher.services.doubt import Doubt
from dispatcher.services.log_export import Export, ExportFolderInUse
from dispatcher.services.store import LogFilter
from tests.installation import (
    NO_ANSWER,
    NOON,
    REFUSED,
    Installation,
    ScriptedTransport,
    in_turn,
    installation,
)

PERSONAL = ("jane", "doe", "supporters.example", "please let", "mina", "on paper", "by policy")


@pytest.fixture
def exported(home: Installation, tmp_path: Path) -> tuple[Installation, Path, Export]:
    folder = tmp_path / "export"
    return home, folder, _export(home, folder)


@pytest.fixture(scope="module")
def one_export(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Export]:
    """Not to be changed. In an export nothing tells any more which engine the log lay on."""
    folder = tmp_path_factory.mktemp("log")
    shutil.copyfile(sqlite_template, folder / "d.sqlite3")
    with installation(folder / "data", f"sqlite:///{folder / 'd.sqlite3'}") as home:
        return folder / "export", _export(home, folder / "export")


@pytest.fixture
def copied(one_export: tuple[Path, Export], tmp_path: Path) -> tuple[Path, Export]:
    folder, export = one_export
    return shutil.copytree(folder, tmp_path / "export"), export


def _export(home: Installation, folder: Path) -> Export:
    home.take(8)
    home.prepare()
    home.live_through(
        home.courier(ScriptedTransport(answer=in_turn(None, REFUSED, NO_ANSWER))), NOON + timedelta(hours=8)
    )
    house = home.house
    doubt = Doubt(store=house.store, clock=house.clock)
    (row,) = doubt.all()
    doubt.sent(row.delivery.id, reason="on paper", by="Mina")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seals_module, "_MARGIN_SECONDS", 0.0)
        patch.setattr(sealing_module, "BLOCK_ROWS", 12)
        house.sealing.seal_all()
    return export_log(house.store, folder)


def verify(folder: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "verify_log.py"), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder.parent,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_the_export_agrees_and_counts_what_stands_in_the_outbox(
    exported: tuple[Installation, Path, Export],
) -> None:
    home, folder, export = exported
    code, words = verify(folder, "--json", "--head", export.head)
    document = json.loads(words)
    assert (code, document["ok"], document["broken"]) == (0, True, [])
    assert (document["blocks"], document["head"]) == (export.blocks, export.head)
    assert export.blocks >= 3 and export.unsealed == 0
    stated = {(row["mission"], row["channel"]): row["totals"] for row in document["by_mission"]}
    with home.house.store.read() as work:
        rows = work.outbox.log(LogFilter())
    counted = Counter(
        (str(r.delivery.mission), str(r.delivery.channel), r.delivery.state.value) for r in rows
    )
    assert {(m, c, state): n for (m, c), each in stated.items() for state, n in each.items()} == counted


def test_nothing_personal_is_in_an_export(exported: tuple[Installation, Path, Export]) -> None:
    _, folder, _ = exported
    for file in folder.glob("*.jsonl"):
        text = file.read_text(encoding="ascii").lower()
        assert text
        assert not [word for word in PERSONAL if word in text], file.name


def edit(folder: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    file = folder / f"{name}.jsonl"
    file.write_text("".join(change(file.read_text().splitlines(keepends=True))))


CHANGES: dict[str, Callable[[Path], None]] = {
    "a state": lambda f: edit(
        f, "moves", lambda rows: [row.replace('"approved"', '"rejected"') for row in rows]
    ),
    "a mission": lambda f: edit(f, "deliveries", lambda rows: [rows[0].replace("cn-nl", "cn-jp"), *rows[1:]]),
    "an outcome": lambda f: edit(f, "attempts", lambda rows: [rows[0].replace("250", "251"), *rows[1:]]),
    "a line taken out": lambda f: edit(f, "attempts", lambda rows: rows[1:]),
    "a line slipped in": lambda f: edit(f, "moves", lambda rows: [rows[0], *rows]),
    "a line put at the end": lambda f: edit(
        f, "moves", lambda rows: [*rows, rows[-1].replace('"id":', '"id":9')]
    ),
    "a seal's hour": lambda f: edit(f, "seals", lambda rows: [rows[0].replace('"at":', '"at":1'), *rows[1:]]),
    "a seal taken out": lambda f: edit(f, "seals", lambda rows: [rows[0], *rows[2:]]),
    "a seal that is none": lambda f: edit(f, "seals", lambda rows: ["{}\n", *rows]),
}


@pytest.mark.parametrize("way", CHANGES)
def test_an_export_that_was_changed_is_refused(copied: tuple[Path, Export], way: str) -> None:
    folder, _ = copied
    before = _texts(folder)
    CHANGES[way](folder)
    assert _texts(folder) != before
    code, words = verify(folder)
    assert code == 1
    assert "BROKEN: block" in words or "goes on after block" in words
    assert "Blocks that agree" not in words


def _texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.glob("*.jsonl")}


def _cut_off(folder: Path, name: str, rows: int) -> None:
    edit(folder, name, lambda lines: lines[: len(lines) - rows])


def test_an_export_that_was_cut_off_is_refused_by_who_knows_the_head(copied: tuple[Path, Export]) -> None:
    folder, export = copied
    last = json.loads((folder / "seals.jsonl").read_text().splitlines()[-1])
    edit(folder, "seals", lambda rows: rows[:-1])
    for name in ("moves", "attempts", "deliveries"):
        _cut_off(folder, name, last[name][2])
    assert verify(folder)[0] == 0
    code, words = verify(folder, "--head", export.head)
    assert code == 1 and "was cut off" in words


def test_a_folder_with_something_in_it_is_left_alone(home: Installation, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ExportFolderInUse):
        export_log(home.house.store, tmp_path)
