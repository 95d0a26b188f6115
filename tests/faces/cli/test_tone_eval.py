"""`dispatcher tone eval` and `dispatcher tone train`."""

import json
from pathlib import Path

import pytest

from tests.faces.cli.conftest import Desk

LETTERS = [
    {"id": "a", "lang": "en", "text": "Please let them go in safety.", "label": 0, "category": "request"},
    {"id": "b", "lang": "en", "text": "Your staff are pathetic idiots.", "label": 1, "category": "insult"},
    {"id": "c", "lang": "de", "text": "Ihr seid Idioten.", "label": 1, "category": "insult"},
    {"id": "d", "lang": "en", "text": "I dined at the harbour.", "label": 1, "category": "veiled"},
]
LINES = "\n".join(map(json.dumps, LETTERS))


def test_a_measure_names_languages_categories_and_rules(desk: Desk) -> None:
    out = desk.run("tone", "eval", desk.file("known.jsonl", LINES), "--wrong").out
    for word in ("language", "category", "rule", "de", "en", "all", "veiled", "insult-word", "handed back"):
        assert word in out
    assert "d  en  disrespectful, veiled: pass" in out


def test_a_measure_can_be_read_by_programs(desk: Desk) -> None:
    found = desk.run("tone", "eval", "--json", "--wrong", stdin=LINES).json
    assert found["letters"] == 4
    assert found["all"]["recall"] == pytest.approx(2 / 3)
    assert found["all"]["precision"] == 1
    assert found["languages"]["de"]["confusion"]["disrespectful"] == {"pass": 0, "review": 0, "revise": 1}
    assert [each["id"] for each in found["wrong"]] == ["d"]


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", '{"text": "x", "lang": "en"}', '{"text": "x", "lang": "en", "label": 2}']
)
def test_a_letter_whose_reading_is_not_known_is_named(line: str, desk: Desk) -> None:
    assert "line 5" in desk.run("tone", "eval", stdin=f"{LINES}\n{line}", code=2).err


def test_a_file_of_the_same_name_can_be_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "eval").write_text("Please let them go in safety.")
    monkeypatch.chdir(tmp_path)
    assert desk.run("tone", "./eval").out.startswith("pass")


def test_the_help_of_reading_is_the_help(desk: Desk) -> None:
    out = desk.run("tone", "--help").out
    assert out.startswith("Usage: dispatcher tone ")
    assert "--jsonl" in out and "tone eval" in out


def test_training_without_sentences_is_refused_in_one_sentence(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("tone", "train", "--corpus", tmp_path, "--out", tmp_path / "model", code=2)
    assert done.err.startswith("The model cannot be trained: ")
    assert not (tmp_path / "model").exists()
