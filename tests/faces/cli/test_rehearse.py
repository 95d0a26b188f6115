"""`dispatcher rehearse`, `packet`, `organizer`, `release`, `erase`."""

import csv
import io
import re
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dispatcher.adapters import reading_room
from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.intake import Tally
from tests.acceptance.station import CAMPAIGN, LETTER, drafts
from tests.faces.cli.conftest import Desk


def _file_of(desk: Desk, count: int, country: str) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "email", "country", "letter"])
    for number in range(count):
        writer.writerow([f"Writer {number}", f"w-{number}@example.org", country, LETTER])
    return desk.file("many.csv", text.getvalue())


def test_it_warns_of_a_mission_whose_letters_do_not_fit_and_says_when_they_finish(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 letters at 30 an hour need ten hours; the office has eight. 29 October 2027 is a Friday."""
    monkeypatch.setattr(reading_room, "WORTH_A_ROOM", 1_000)
    paced = replace(desk, settings={"DISPATCHER_CAMPAIGNS__LETTERS_PER_HOUR": "30"})
    paced.run("import", _file_of(desk, 300, "Canada"), "--confirmed", "--read")
    done = paced.run("rehearse", "--day", "2027-10-29", "--no-log")
    assert "Rehearsal of Friday, 29 October 2027 with 300 letters of yours" in done.out
    assert "These missions' letters do not all fit into the day at this pace:" in done.out
    (line,) = [each for each in done.out.splitlines() if "on the day; the last leaves on" in each]
    found = re.search(
        r"in Canada: (\d+) of 300 on the day; the last leaves on Monday 01 November (\d\d):\d\d UTC", line
    )
    assert found, line
    assert 230 <= int(found[1]) <= 241
    assert int(found[2]) in {14, 15}  # Ottawa is at UTC-4 still, until 7 November
    # The letters themselves are untouched.
    assert {row["state"] for row in paced.run("log", "--json").json} == {"queued"}


def test_made_up_letters_are_as_many_as_asked_for(desk: Desk) -> None:
    done = desk.run("rehearse", "--letters", "120", "--day", "2027-10-29", "--no-log")
    assert "with 120 made-up letters" in done.out
    found = re.search(
        r"([\d,]+) letters were taken, ([\d,]+) of them wait for a person, ([\d,]+) go back", done.out
    )
    assert found
    taken, _, back = (int(each.replace(",", "")) for each in found.groups())
    assert taken + back == 120
    assert taken > 90


def test_it_empties_only_a_folder_that_it_made_itself(desk: Desk) -> None:
    folder = desk.station.data / "rehearsal"
    folder.mkdir()
    precious = folder / "thesis.txt"
    precious.write_text("ten years of work")
    assert "it is not a rehearsal's folder, so it is not emptied" in desk.refused("rehearse")
    assert precious.read_text() == "ten years of work"


def test_the_packet_has_the_letters_that_wait_for_paper(desk: Desk) -> None:
    live = replace(desk, settings={"DISPATCHER_MODE": "live"})
    papery = [
        each["id"]
        for each in desk.run("missions", "list", "--json").json
        if {c["kind"] for c in each["contacts"] if c["used"]} == {"address"} and each["kind"] == "embassy"
    ]
    countries = {each["id"]: each["country"] for each in desk.run("missions", "list", "--json").json}
    for mission in papery:
        route = desk.run("route", "--country", countries[mission], "--json").json
        if route["mission"] == mission and route["channels"]:
            break
    with replace(desk.station, settings=live.settings).house() as house:
        house.intake.take_batch(
            list(enumerate(drafts(2, country=countries[mission]))), Tally(), confirmed=True
        )
    target = desk.folder / "packet.pdf"
    said = live.run("packet", "--mission", mission, "--out", target).out
    assert re.fullmatch(r"2 letters on \d+ pages are in .*packet.pdf\.\n", said)
    assert target.read_bytes().startswith(b"%PDF-")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert {row["reason"] for row in live.run("log", "--json").json} == {"no_carrier"}
    assert live.run("packet", "--mission", "cn-nl-the-hague").out == "No letter waits for paper there.\n"


def test_an_organizer_gets_a_link_and_loses_it(desk: Desk) -> None:
    first = desk.run("organizer", "add", "ann", "--role", "moderator").out.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/console/enter/\S{20,}", first)
    second = desk.run("organizer", "link", "ann").out.strip()
    assert second != first
    assert "already" in desk.refused("organizer", "add", "ann")
    assert desk.run("organizer", "list").out == "ann  moderator\n"
    assert desk.run("organizer", "disable", "ann").out == "ann can no longer sign in.\n"
    assert desk.run("organizer", "list").out == "ann  moderator  (disabled)\n"
    desk.refused("organizer", "link", "ann")


def test_release_gives_the_letters_their_hour(desk: Desk) -> None:
    desk.run("import", _file_of(desk, 3, "NL"), "--confirmed")
    due = {row["due_at"] for row in desk.run("log", "--json").json}
    assert all("-09-2" in each for each in due)
    assert desk.run("release", "--campaign", CAMPAIGN).out.startswith(
        "3 letters have their hour; by the timetable"
    )
    assert {row["due_at"] for row in desk.run("log", "--json").json} == due
    assert desk.run("release", "--campaign", CAMPAIGN, "--now").out.startswith(
        "3 letters have their hour; from now on"
    )
    now = time.strftime("%Y-%m-%dT%H", time.gmtime())
    assert any(row["due_at"].startswith(now) for row in desk.run("log", "--json").json)


def test_a_pause_holds_and_resume_lets_go(desk: Desk) -> None:
    desk.station.bring([*drafts(2), *drafts(1, start=5, country="NL", city="", region="")])
    said = desk.run("pause", "--mission", "cn-ca-ottawa", "--reason", "a call from the mission").out
    assert said == "Mission cn-ca-ottawa is paused; 2 letters are held.\n"
    assert sorted(row["reason"] or "" for row in desk.run("log", "--json").json) == [
        "",
        "mission_paused",
        "mission_paused",
    ]
    assert "1 letters are held" in desk.run("pause", "--all").out
    assert "0 letters are queued again" in desk.run("resume", "--mission", "cn-ca-ottawa").out
    desk.run("resume", "--all")
    assert desk.station.count(DeliveryState.QUEUED) == 3
    assert "was not paused" in desk.run("resume", "--all").out
    assert desk.run("audit", "--json").json["ok"]


def test_a_supporter_is_erased_and_the_log_keeps_its_rows(desk: Desk) -> None:
    desk.station.bring(drafts(2))
    assert (
        desk.run("erase", "--supporter", "writer-0@example.org").out
        == "1 letters of this supporter erased.\n"
    )
    assert desk.run("erase", "--supporter", "WRITER-0@example.org", code=1).out
    assert len(desk.run("log", "--json").json) == 2
    assert desk.run("audit", "--json").json["ok"]
    assert desk.run("erase", "--due").out == "0 letters erased.\n"
