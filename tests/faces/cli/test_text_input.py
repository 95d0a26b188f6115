from pathlib import Path

import pytest

from dispatcher.faces.cli.text_input import TextUnreadable, json_rows
from tests.faces.cli.conftest import Desk


def test_rows_keep_their_lines_numbers_and_what_is_no_object_has_no_key(tmp_path: Path) -> None:
    lines = ['{"id": 1}', "", "  ", "[1]", '"text"', "null", "{", "[" * 100_000, '{"id": 2}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    rows = dict(json_rows(str(tmp_path / "rows.jsonl")))
    assert rows == {1: {"id": 1}, 4: {}, 5: {}, 6: {}, 7: {}, 8: {}, 9: {"id": 2}}


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TextUnreadable):
        next(json_rows(str(tmp_path / "none.jsonl")))


def test_one_line_that_is_no_place_does_not_end_the_answers_of_route(desk: Desk) -> None:
    lines = '{"country": "NL"}\n["NL"]\n{"region": "US-TX"}\n{"country": "nowhere"}\n'
    out = desk.run("route", "--jsonl", "-", stdin=lines).out.splitlines()
    assert ["error" in line for line in out] == [False, True, True, True]
