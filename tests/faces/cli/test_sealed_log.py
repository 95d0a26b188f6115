"""`dispatcher audit --head`, `log --export`, `backup`, `restore`: as an operator uses them."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.faces.cli.conftest import Desk


@pytest.fixture
def exported(desk: Desk) -> tuple[Desk, Path, str]:
    """A desk with a letter in its log, the log's export, and the head that was told."""
    letters = desk.file(
        "letters.jsonl",
        json.dumps(
            {
                "name": "Jane Doe",
                "email": "jane@example.org",
                "country": "CA",
                "letter": "Please let them go on. " * 5,
            }
        ),
    )
    desk.run("import", letters, "--confirmed")
    folder = desk.folder / "export"
    told = desk.run("log", "--export", folder).out
    (head,) = re.findall(r"Head of the chain: ([0-9a-f]{64})", told)
    return desk, folder, head


def tamper(desk: Desk, statement: str) -> None:
    with closing(sqlite3.connect(desk.station.data / "dispatcher.sqlite3")) as database:
        database.execute(statement)
        database.commit()


def test_an_edited_row_makes_the_audit_fail_and_name_the_block(exported: tuple[Desk, Path, str]) -> None:
    desk, _, head = exported
    assert head in desk.run("audit", "--head", head).out
    tamper(desk, "UPDATE moves SET at = at - 1 WHERE id = 1")
    words = desk.run("audit", code=1).out
    assert "BROKEN (seal): block 1 " in words
    assert desk.run("audit", "--json", code=1).json["ok"] is False


def test_a_head_that_the_chain_does_not_know_makes_the_audit_fail(exported: tuple[Desk, Path, str]) -> None:
    desk, _, _ = exported
    assert "cut off" in desk.run("audit", "--head", "a" * 64, code=1).out


def test_the_audit_shows_each_mission_and_channel(exported: tuple[Desk, Path, str]) -> None:
    desk, _, _ = exported
    assert re.search(r"cn-ca-\w+ +email +1", desk.run("audit").out)


def test_the_exported_script_agrees_alone_and_refuses_a_change(exported: tuple[Desk, Path, str]) -> None:
    _, folder, head = exported
    command = [sys.executable, "-I", str(folder / "verify_log.py"), "--head", head]
    assert "Blocks that agree" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    moves = folder / "moves.jsonl"
    moves.write_text(moves.read_text().replace('"queued"', '"failed"', 1))
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "BROKEN: block 1" in refused.stdout


def test_an_export_takes_a_new_folder_and_no_filter(exported: tuple[Desk, Path, str]) -> None:
    desk, folder, _ = exported
    assert "not empty" in desk.refused("log", "--export", folder)
    assert "give it alone" in desk.refused("log", "--export", desk.folder / "x", "--json")


def test_a_backup_comes_back_paused(exported: tuple[Desk, Path, str]) -> None:
    desk, _, head = exported
    file, folder = desk.folder / "backup.sqlite3", desk.folder / "new"
    told = desk.run("backup", file).out
    assert "secret.key" in told and head in told
    assert "All sending is paused" in desk.run("restore", file, "--into", folder).out
    there = Desk(station=desk.station, folder=desk.folder, settings={"DISPATCHER_DATA": str(folder)})
    (row,) = there.run("log", "--json").json
    assert (row["state"], row["reason"]) == ("held", "all_paused")
    assert there.run("audit", "--head", head, "--json").json["ok"]
    assert "exists already" in desk.refused("backup", file)
    assert "has a database already" in desk.refused("restore", file, "--into", folder)
