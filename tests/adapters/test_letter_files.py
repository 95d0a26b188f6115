"""Files of letters as people send them: spreadsheets' CSV, other programs' JSONL, and broken ones."""

import csv
import json
import time
from pathlib import Path

import pytest

from dispatcher.adapters.letter_files import LetterFileUnusable, read_letters, write_rejects
from dispatcher.services.letter_file import FileRow, LetterFile

HEAD = "name,email,country,letter"


def read(tmp_path: Path, content: str | bytes, name: str = "letters.csv") -> LetterFile:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_letters(path)


def rows(tmp_path: Path, content: str | bytes, name: str = "letters.csv") -> list[FileRow]:
    return list(read(tmp_path, content, name).rows)


def test_a_row_is_a_draft_with_the_line_on_which_it_starts(tmp_path: Path) -> None:
    found = rows(tmp_path, f'{HEAD}\nJane,j@x.org,NL,"one\n\ntwo, ""three"""\n\nKim,k@x.org,KR,four\n')
    assert [(row.line, row.problem) for row in found] == [(2, None), (6, None)]
    assert (found[0].draft.name, found[0].draft.letter) == ("Jane", 'one\n\ntwo, "three"')
    assert found[1].draft.country == "KR"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheet_programs_write_is_read(
    tmp_path: Path, delimiter: str, end: str, encoding: str
) -> None:
    text = HEAD.replace(",", delimiter) + end + delimiter.join(["김민수", "j@x.org", "KR", '"a, b; c"']) + end
    (row,) = rows(tmp_path, text.encode(encoding))
    assert (row.draft.name, row.draft.letter, row.problem) == ("김민수", "a, b; c", None)


def test_columns_are_named_in_any_order_and_case_and_unknown_ones_are_told(tmp_path: Path) -> None:
    file = read(tmp_path, "Letter,shoe_size, EMAIL ,country,NAME\nhi,42,j@x.org,NL,Jane\n")
    assert file.ignored == ("shoe_size",)
    (row,) = file.rows
    assert (row.draft.name, row.draft.email) == ("Jane", "j@x.org")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"name,email,country\nJane,j@x.org,NL\n", "letter is missing"),
        (b"a,b\n1,2\n", "are missing"),
        (b"name,email,country,letter,name\n", "twice: name"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused_with_what_to_do(
    tmp_path: Path, content: bytes, word: str
) -> None:
    with pytest.raises(LetterFileUnusable, match=word):
        read(tmp_path, content)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LetterFileUnusable, match="no such file"):
        read_letters(tmp_path / "nothing.csv")


def test_a_broken_row_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        f'{HEAD}\nJane,j@x.org,NL,hi\nKim,k@x.org,KR\nLee,l@x.org,KR,hi,more\n"Ann,a@x.org,NL,never closed\n'
        "Ben,b@x.org,NL,hi\n",
    )
    assert [row.line for row in found if row.problem is None] == [2, 6]
    told = {row.line: row.problem for row in found if row.problem}
    assert "3 cells" in told[3] and "5 cells" in told[4] and "never closed" in told[5]


def test_a_file_full_of_open_quotation_marks_takes_no_longer_than_its_length(tmp_path: Path) -> None:
    started = time.perf_counter()
    found = rows(tmp_path, HEAD + "\n" + '"x\n' * 4_001)
    assert all(row.problem or row.line for row in found)
    assert time.perf_counter() - started < 10


def test_bytes_that_are_no_utf_8_are_told_in_their_row(tmp_path: Path) -> None:
    found = rows(tmp_path, HEAD.encode() + b"\nJos\xe9,j@x.org,NL,hi\nKim,k@x.org,KR,hi\n")
    assert "UTF-8" in (found[0].problem or "")
    assert found[1].problem is None


def test_jsonl_is_read_line_by_line(tmp_path: Path) -> None:
    lines = [
        json.dumps({"name": "Jane", "email": "j@x.org", "country": "NL", "letter": "a\nb", "shielded": True}),
        "",
        "{broken",
        json.dumps(["no", "object"]),
        json.dumps({"name": "김민수", "letter": "c", "language": None}, ensure_ascii=False),
    ]
    found = rows(tmp_path, "\n".join(lines), "letters.jsonl")
    assert [row.line for row in found] == [1, 3, 4, 5]
    assert (found[0].draft.letter, found[0].draft.shielded) == ("a\nb", "yes")
    assert found[1].problem and found[2].problem
    assert (found[3].draft.name, found[3].draft.language) == ("김민수", "")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"a":' * 50_000, '{"name": 1e999}', '{"name": "\\ud800"}'])
def test_json_made_to_break_a_reader_breaks_only_its_line(tmp_path: Path, line: str) -> None:
    good = json.dumps({"name": "Jane", "letter": "hi"})
    found = rows(tmp_path, f"{line}\n{good}\n", "letters.jsonl")
    assert len(found) == 2
    assert found[1].draft.name == "Jane"


def test_rejects_can_be_mended_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    cells = {"name": "Jane", "email": "j@x.org", "country": "NL", "letter": 'one\n"two", three'}
    write_rejects(
        path, [*cells, "line", "reason"], [(FileRow(line=7, cells=cells), "The country is missing.")]
    )
    assert path.stat().st_mode & 0o077 == 0
    with path.open(newline="") as file:
        (written,) = csv.DictReader(file)
    assert (written["line"], written["reason"]) == ("7", "The country is missing.")
    again = read_letters(path)
    assert again.ignored == ()
    (row,) = again.rows
    assert row.draft.letter == cells["letter"]


@pytest.mark.parametrize("cell", ["=1+1", "+31", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_reject_is_no_formula_to_a_spreadsheet_program(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "rejected.csv"
    write_rejects(path, ["name"], [(FileRow(line=1, cells={"name": cell}), "x")])
    with path.open(newline="") as file:
        (written,) = csv.DictReader(file)
    assert written["name"].startswith("'")


def test_a_lone_half_of_a_character_can_be_written_among_the_rejects(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    write_rejects(path, ["name"], [(FileRow(line=1, cells={"name": "Jos\udce9"}), "x")])
    assert path.read_text(encoding="utf-8")
