"""Files of letters as people really save them. Whatever is wrong with one, the others come in."""

import csv
import io
import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from dispatcher.adapters.database import engine
from dispatcher.faces.cli import letters
from tests.acceptance.station import LETTER
from tests.faces.cli.conftest import Desk

HEADER = ["name", "email", "country", "region", "city", "organisation", "language", "shielded", "letter"]


def _rows(*changes: dict[str, str]) -> list[dict[str, str]]:
    usual = {"name": "Jane Doe", "country": "NL", "language": "en", "letter": LETTER}
    return [
        {**usual, "email": f"jane-{number}@example.org", **change} for number, change in enumerate(changes)
    ]


def _csv(rows: list[dict[str, str]], columns: list[str] | None = None, **dialect: Any) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns or HEADER, restval="", **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


_THREE = _csv(
    _rows({}, {"name": "김서연", "country": "대한민국"}, {"name": "Íñigo Muñoz", "country": "España"})
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(_THREE.encode(), id="utf-8"),
        pytest.param(_THREE.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(_THREE.replace("\r\n", "\n").encode(), id="line feeds"),
        pytest.param(
            _THREE.replace("\r\n", "\n").replace("\n", "\r\n").encode(), id="crlf also in the letters"
        ),
        pytest.param(_THREE.replace("\r\n", "\n").replace("\n", "\r").encode(), id="old macintosh"),
        pytest.param(_THREE.encode("utf-16"), id="utf-16 as Excel saves Unicode text"),
        pytest.param(_THREE.encode("utf-16-be").join([b"\xfe\xff", b""]), id="utf-16, big end first"),
        pytest.param((_THREE + "\r\n\r\n,,,,,,,,\r\n").encode(), id="empty rows at the end"),
        pytest.param(_THREE.replace("name,email", "Name , EMAIL", 1).encode(), id="capitals and blanks"),
    ],
)
def test_a_file_is_read_whatever_program_saved_it(content: bytes, desk: Desk) -> None:
    done = desk.run("import", desk.file("letters.csv", content), "--confirmed", "--json")
    assert done.json["rows"] == done.json["taken"] == 3
    assert done.json["rejected"] == [] and done.json["rejected_file"] is None
    assert _names(desk) == ["Jane Doe", "김서연", "Íñigo Muñoz"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_file_with_semicolons_or_tabs_is_read(delimiter: str, desk: Desk) -> None:
    text = _csv(_rows({}, {"letter": "Dear Sir; please,\tlet them go."}), delimiter=delimiter)
    assert desk.run("import", desk.file("letters.csv", text), "--json").json["taken"] == 2


def test_json_lines_are_read_and_broken_lines_told(desk: Desk) -> None:
    lines = [
        json.dumps(row, ensure_ascii=False) for row in _rows({}, {"name": "田中 美咲", "country": "日本"})
    ]
    text = "\n".join(
        [*lines, "{broken", "[1, 2]", '{"name": 5, "email": null, "country": [], "letter": {}}', ""]
    )
    found = desk.run("import", desk.file("letters.jsonl", text), "--json", code=1).json
    assert found["taken"] == 2
    assert [each["line"] for each in found["rejected"]] == [3, 4, 5]


def test_bytes_that_are_no_utf8_cost_their_own_row_only(desk: Desk) -> None:
    content = _csv(_rows({}, {"name": "Señora Ruiz"}, {})).encode().replace("ñ".encode(), b"\xf1")
    path = desk.file("letters.csv", content)
    found = desk.run("import", path, "--json", code=1).json
    assert found["taken"] == 2
    (rejected,) = found["rejected"]
    assert "UTF-8" in rejected["reason"]
    assert rejected["line"] == 7  # a letter has five lines
    assert Path(found["rejected_file"]).read_text(encoding="utf-8")


def test_missing_columns_are_named_and_nothing_is_taken(desk: Desk) -> None:
    text = _csv([{"name": "Jane", "email": "jane@example.org"}], ["name", "email"])
    words = desk.refused("import", desk.file("letters.csv", text))
    assert "country, letter are missing" in words
    assert words.endswith(".") and "\n" not in words


def test_unknown_columns_are_told_and_ignored(desk: Desk) -> None:
    rows = [{**row, "telephone": "1", "shoe size": "44"} for row in _rows({})]
    path = desk.file("letters.csv", _csv(rows, [*HEADER, "telephone", "shoe size"]))
    assert desk.run("import", path, "--json").json["ignored_columns"] == ["telephone", "shoe size"]
    desk.file("letters.csv", _csv(_rows({"email": "other@example.org"}), [*HEADER, "telephone"]))
    assert "telephone" in desk.run("import", path).out


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row_only(desk: Desk) -> None:
    good = _csv(_rows({}, {"country": "FR"}), HEADER).splitlines(keepends=True)
    broken = 'Eve,eve@example.org,NL,,,,en,,"a letter without an end\r\n'
    text = "".join([good[0], broken, *good[1:]])
    found = desk.run("import", desk.file("letters.csv", text), "--json", code=1).json
    assert found["taken"] == 2
    assert [each["line"] for each in found["rejected"]] == [2]
    assert "never closed" in found["rejected"][0]["reason"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"country": "Atlantis"}, "The country is not known by that name."),
        ({"country": ""}, "The country is missing."),
        ({"country": "NL", "region": "US-TX"}, "The region is not known in NL."),
        ({"email": "no address"}, "The email address is not usable"),
        ({"email": ""}, "The email address is missing."),
        ({"name": ""}, "name"),
        ({"letter": ""}, "The letter is empty."),
        ({"language": "xx"}, "Letters can be read in these languages"),
        ({"shielded": "perhaps"}, "yes"),
        ({"name": "x" * 10_000}, "name"),
    ],
)
def test_a_row_that_cannot_be_taken_says_why(change: dict[str, str], words: str, desk: Desk) -> None:
    path = desk.file("letters.csv", _csv(_rows(change, {})))
    found = desk.run("import", path, "--json", code=1).json
    assert found["taken"] == 1
    (rejected,) = found["rejected"]
    assert rejected["line"] == 2
    assert words in rejected["reason"]


@pytest.mark.parametrize("column", [name for name in HEADER if name != "letter"])
@pytest.mark.parametrize(
    "injected", ["{}\r\nBcc: victim@example.com", "{}\nSubject: x\n\nbody", "{}\x00", "{}\x0bx"]
)
def test_a_header_cannot_be_smuggled_in_by_any_field(column: str, injected: str, desk: Desk) -> None:
    usual = {
        "name": "Jane Doe",
        "email": "jane@example.org",
        "country": "NL",
        "region": "NL-ZH",
        "city": "Delft",
    }
    usual |= {"organisation": "Helpers", "language": "en", "shielded": "no"}
    (row,) = _rows({**usual, column: injected.format(usual[column])})
    path = desk.file("letters.jsonl", json.dumps(row))
    found = desk.run("import", path, "--confirmed", "--json", code=1).json
    assert found["taken"] == 0
    assert found["rejected"][0]["reason"]


def test_a_letter_may_have_lines_that_look_like_headers(desk: Desk) -> None:
    text = _csv(_rows({"letter": f"Bcc: victim@example.com\r\n\r\n.\r\n{LETTER}"}))
    assert desk.run("import", desk.file("letters.csv", text), "--confirmed", "--json").json["taken"] == 1
    with desk.station.house() as house:
        house.preparation.prepare_all()
        with house.store.read() as work:
            (content,) = work.outbox.content([1]).values()
    head, _, _ = content.content.partition(b"\r\n\r\n")
    assert b"victim" not in head


@pytest.mark.parametrize(
    "letter",
    [
        pytest.param("please " * 1_500_000, id="in one line"),
        pytest.param("please let them go.\n" * 500_000, id="in many lines"),
        pytest.param('""\n' * 2_500_000, id="of quotation marks"),
    ],
)
def test_a_letter_of_ten_megabytes_is_sent_back_and_the_rest_taken(letter: str, desk: Desk) -> None:
    text = _csv(_rows({}, {"letter": letter}, {}))
    assert len(text) > 5_000_000
    began = time.process_time()
    found = desk.run("import", desk.file("letters.csv", text), "--json", code=1).json
    assert time.process_time() - began < 15
    assert found["taken"] == 2
    (rejected,) = found["rejected"]
    assert rejected["reason"].endswith("20,000 fit. Please shorten it.")


def test_the_rejected_file_can_be_mended_and_imported_again(desk: Desk) -> None:
    rows = _rows({}, {"country": "Atlantis", "city": "=1+1"}, {"email": "nobody"})
    path = desk.file("letters.csv", _csv(rows))
    done = desk.run("import", path, "--confirmed", code=1)
    rejected = path.with_name("letters.csv.rejected.csv")
    assert f"2 rows were not taken; they are in {rejected} with the reason." in done.out
    assert stat.S_IMODE(rejected.stat().st_mode) == 0o600
    with rejected.open(encoding="utf-8", newline="") as file:
        sent_back = list(csv.DictReader(file))
    assert [row["line"] for row in sent_back] == ["7", "12"]
    assert "country" in sent_back[0]["reason"]
    assert sent_back[0]["city"] == "'=1+1"  # harmless in a spreadsheet program
    mended = (
        rejected.read_text(encoding="utf-8").replace("Atlantis", "Japan").replace("nobody", "n@example.org")
    )
    rejected.write_text(mended, encoding="utf-8")
    found = desk.run("import", rejected, "--confirmed", "--json").json
    assert found["taken"] == 2
    assert found["ignored_columns"] == []
    assert len(_names(desk)) == 3


def test_the_same_file_twice_brings_each_letter_once(desk: Desk) -> None:
    path = desk.file("letters.csv", _csv(_rows({}, {})))
    assert desk.run("import", path, "--confirmed", "--json").json["taken"] == 2
    again = desk.run("import", path, "--confirmed", "--json", code=1).json
    assert again["taken"] == 0
    assert all("already" in each["reason"] for each in again["rejected"])
    assert len(_names(desk)) == 2
    assert desk.run("audit", "--json").json["approved"] == 2


def test_the_same_person_twice_in_one_file_is_one_letter(desk: Desk) -> None:
    rows = _rows({"email": "Jane.Doe+one@example.org"}, {"email": "jane.doe@EXAMPLE.org"})
    found = desk.run("import", desk.file("letters.csv", _csv(rows)), "--confirmed", "--json", code=1).json
    assert (found["taken"], len(found["rejected"])) == (1, 1)


@pytest.mark.parametrize("confirmed", [True, False])
def test_json_is_one_document_and_nothing_else(confirmed: bool, desk: Desk) -> None:
    path = desk.file("letters.csv", _csv(_rows({}, {"country": "Atlantis"}), [*HEADER]))
    done = desk.run("import", path, "--json", *(["--confirmed"] if confirmed else []), code=1)
    assert done.out.count("\n") == 1
    assert set(done.json) == {
        "file", "rows", "taken", "in_review", "second_reading", "rejected", "rejected_file", "ignored_columns",
    }  # fmt: skip
    assert done.err == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "missing"),
        (b"a,b\n1,2\n", "missing"),
    ],
)
def test_a_file_that_is_none_of_letters_is_refused_in_one_sentence(
    content: bytes, words: str, desk: Desk
) -> None:
    said = desk.refused("import", desk.file("letters.csv", content), "--json")
    assert words in said
    assert "\n" not in said


def test_a_file_that_is_not_there_is_refused_in_one_sentence(desk: Desk) -> None:
    assert "no such file" in desk.refused("import", desk.folder / "nothing.csv")
    assert "is a directory" in desk.refused("import", desk.folder)


def test_a_database_locked_by_another_program_is_told_and_nothing_is_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.file("letters.csv", _csv(_rows({}, {})))
    monkeypatch.setattr(engine, "_BUSY_MILLISECONDS", 200)  # for half a minute
    with desk.station.sqlite() as other:
        other.execute("BEGIN IMMEDIATE")
        words = desk.refused("import", path, "--confirmed")
        other.rollback()
    other.close()
    assert "another program has held the write lock" in words
    assert words.endswith(".") and "\n" not in words
    assert desk.run("audit", "--json").json["approved"] == 0
    assert desk.run("import", path, "--confirmed", "--json").json["taken"] == 2


def _names(desk: Desk) -> list[str]:
    with desk.station.house() as house, house.store.read() as work:
        rows = work.letters.get({row.delivery.letter for row in desk.station.log()})
    return [letter.name or "" for _, letter in sorted(rows.items())]


def _waiting(desk: Desk, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    """Imports two letters as if they were many; answers what was said."""
    monkeypatch.setattr(letters, "_AT_ONCE", 0)
    return desk.run("import", desk.file("many.csv", _csv(_rows({}, {}))), "--confirmed", *options).out


def test_letters_of_a_large_file_wait_for_their_second_reading_and_it_is_said_everywhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _waiting(desk, monkeypatch)
    words = "2 letters wait for the second reading, before which none goes on."
    assert "2 of 2 letters taken." in said and words in said
    assert "2 more wait for the second reading." in desk.run("log").out
    assert "2 more wait for the second reading." in desk.run("watch", "--times", "1").out
    assert words in desk.run("check").out
    assert desk.run("check", "--json").json["second_reading"] == 2
    assert desk.run("log", "--json").json == []
    assert desk.run("audit", "--json").json["approved"] == 0
    read = desk.run("import", "--read", "--json").json
    assert read == {"approved": 2, "in_review": 0}
    assert [row["state"] for row in desk.run("log", "--json").json] == ["queued"] * 2
    assert desk.run("import", "--read").out == "0 letters were read a second time.\n"
    assert "second reading" not in desk.run("check").out


def test_with_read_the_letters_of_a_large_file_are_read_before_the_command_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = json.loads(_waiting(desk, monkeypatch, "--read", "--json"))
    assert (found["taken"], found["second_reading"]) == (2, 0)
    assert desk.run("audit", "--json").json["approved"] == 2


def test_a_release_reads_what_waits_before_it_gives_hours(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _waiting(desk, monkeypatch)
    campaign = desk.run("report", "--json").json["campaign"]
    assert desk.run("release", "--campaign", campaign, "--now").out.startswith("2 letters have their hour")


def test_a_command_without_a_file_or_read_is_refused(desk: Desk) -> None:
    assert "Name the FILE of letters" in desk.refused("import")
