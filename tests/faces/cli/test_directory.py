"""`dispatcher missions`: a newer directory, and contacts that a person has looked at."""

import json
import shutil
from pathlib import Path

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.store import LogRow
from dispatcher.shelf import resource
from tests.acceptance.station import drafts
from tests.faces.cli.conftest import Desk

_OTTAWA = "cn-ca-ottawa"


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    folder = tmp_path / "newer"
    shutil.copytree(resource("config", "missions"), folder)
    return folder


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def _mailbox(desk: Desk) -> str:
    contacts = desk.run("route", "--country", "CA", "--city", "Ottawa", "--json").json["channels"]
    value: str = contacts[0]["contact"]
    return value


def _live_rows(desk: Desk) -> list[LogRow]:
    ended = {DeliveryState.CANCELLED, DeliveryState.FAILED}
    return [row for row in desk.station.log() if row.delivery.state not in ended]


def test_a_newer_directory_shows_its_difference_and_reroutes_what_waits(desk: Desk, newer: Path) -> None:
    old = _mailbox(desk)
    desk.station.bring(drafts(3))
    _replace(newer / "contacts.csv", old, "new-mailbox@mfa.gov.cn")
    _replace(newer / "missions.csv", old, "new-mailbox@mfa.gov.cn")
    shown = desk.run("missions", "import", newer, stdin="n\n", code=1)
    assert _OTTAWA in shown.out and "new-mailbox@mfa.gov.cn" in shown.out and old in shown.out
    assert shown.out.rstrip().endswith("Nothing was changed.")
    assert {row.delivery.recipient for row in _live_rows(desk)} == {old}
    taken = desk.run("missions", "import", newer, "--yes")
    assert "Taken. 3 waiting letters were sent another way." in taken.out
    assert {row.delivery.recipient for row in _live_rows(desk)} == {"new-mailbox@mfa.gov.cn"}
    assert len(_live_rows(desk)) == 3
    assert desk.run("missions", "import", newer).out == "nothing changes\n"
    assert desk.run("audit", "--json").json["ok"]


def test_one_file_of_a_directory_is_enough(desk: Desk, newer: Path) -> None:
    old = _mailbox(desk)
    _replace(newer / "contacts.csv", old, "new-mailbox@mfa.gov.cn")
    (newer / "contacts.csv").rename(newer / "from a friend.csv")
    shown = desk.run("missions", "import", newer / "from a friend.csv", "--yes")
    assert "new-mailbox@mfa.gov.cn" in shown.out
    assert "Taken." in shown.out


def test_files_with_faults_are_refused_with_file_and_line_all_at_once(desk: Desk, newer: Path) -> None:
    contacts = newer / "contacts.csv"
    lines = contacts.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    lines.append(",".join(["cn-xx-nowhere", *cells[1:]]))
    lines.append(",".join([cells[0], "pigeon", *cells[2:]]))
    contacts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (newer / "jurisdictions.csv").open("a", encoding="utf-8") as file:
        file.write("cn-us-washington,US,US-QQ,S11\n")
    (newer / "sources.csv").write_bytes(b"source,what,date,licence\n\xff\xfe,x,y,z\n")
    before = desk.run("missions", "list").out
    done = desk.run("missions", "import", newer, "--yes", code=2)
    for place in (
        f"contacts.csv line {len(lines) - 1}:",
        f"contacts.csv line {len(lines)}:",
        "jurisdictions.csv line ",
        "sources.csv line 2: is not UTF-8",
    ):
        assert place in done.err, done.err
    assert done.out == ""
    assert desk.run("missions", "list").out == before


def test_a_first_start_with_a_broken_directory_says_where(desk: Desk, newer: Path, tmp_path: Path) -> None:
    (newer / "missions.csv").unlink()
    other = desk.station.with_settings(MISSIONS__PATH=str(newer), DATA=str(tmp_path / "fresh"))
    done = Desk(station=other, folder=tmp_path).run("report", code=2)
    assert "missions.csv" in done.err


def test_a_contact_set_by_hand_is_used_and_survives_the_next_import(desk: Desk, newer: Path) -> None:
    desk.station.bring(drafts(2))
    said = desk.run("missions", "set", _OTTAWA, "--email", "Head@Mission.gov.cn", "--source", "a phone call")
    assert "2 waiting letters were sent another way" in said.out
    shown = desk.run("missions", "show", _OTTAWA, "--json").json
    (contact,) = [each for each in shown["contacts"] if each["value"].casefold() == "head@mission.gov.cn"]
    assert contact["source"].startswith("a phone call (operator ")
    assert (contact["grade"], contact["health"]) == ("A", "verified")
    assert contact["value"] in desk.run("missions", "show", _OTTAWA).out
    assert _mailbox(desk) == contact["value"]
    _replace(newer / "contacts.csv", "Abu Dhabi" if False else "mobile", "a mobile")
    desk.run("missions", "import", newer, "--yes")
    assert _mailbox(desk) == contact["value"]
    assert {row.delivery.recipient for row in _live_rows(desk)} == {contact["value"]}


def test_a_contact_that_a_person_found_dead_is_not_used_again(desk: Desk) -> None:
    desk.station.bring(drafts(2))
    dead = _mailbox(desk)
    assert "noted as checked" in desk.run("missions", "verify", _OTTAWA, dead).out
    said = desk.run("missions", "verify", _OTTAWA, dead, "--dead").out
    assert said == f"{dead} is not used any more; 2 waiting letters were sent another way.\n"
    assert dead not in {row.delivery.recipient for row in _live_rows(desk)}
    considered = desk.run("route", "--country", "CA", "--city", "Ottawa", "--json").json["considered"]
    (why,) = [each["why"] for each in considered if each["contact"] == dead]
    assert why
    assert desk.run("audit", "--json").json["ok"]


def test_the_list_is_for_people_and_for_programs(desk: Desk) -> None:
    assert desk.run("missions", "list").out.endswith("281 missions.\n")
    assert len(desk.run("missions", "list", "--json").json) == 281
    germans = desk.run("missions", "list", "--country", "Deutschland", "--json").json
    assert {each["country"] for each in germans} == {"DE"}
    without = desk.run("missions", "list", "--without-contact", "--json").json
    assert 0 < len(without) < 281
    assert json.dumps(without)
