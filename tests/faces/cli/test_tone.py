"""`dispatcher tone`."""

import json

import pytest

from tests.faces.cli.conftest import Desk

_KIND = "Your Excellency, please let the people who have fled travel on in safety."
_RUDE = "Your staff are pathetic idiots."
_THREAT = "If you send them back, I will kill you."


@pytest.mark.parametrize(
    ("text", "verdict", "code"), [(_KIND, "pass", 0), (_RUDE, "revise", 1), (_THREAT, "review", 1)]
)
def test_a_text_gets_its_verdict_and_exit_code(text: str, verdict: str, code: int, desk: Desk) -> None:
    assert desk.run("tone", "-", stdin=text, code=code).out.startswith(f"{verdict}: ")
    found = desk.run("tone", desk.file("letter.txt", text), "--json", code=code).json
    assert found["verdict"] == verdict
    for finding in found["findings"]:
        assert finding["sentence"] and finding["rule"] and finding["advice"]


def test_grave_facts_are_no_disrespect(desk: Desk) -> None:
    text = "Women are trafficked, raped and forced to have abortions; those sent back face torture and execution."
    assert desk.run("tone", stdin=text).out.startswith("pass")


def test_lines_are_answered_in_their_order_with_their_ids(desk: Desk) -> None:
    texts = [_KIND, _RUDE, _THREAT, "", "존경하는 대사님, 부디 도와주십시오."] * 20
    lines = "\n".join(json.dumps({"id": f"n{i}", "lang": "en", "text": text}) for i, text in enumerate(texts))
    answers = [json.loads(line) for line in desk.run("tone", "--jsonl", stdin=lines).out.splitlines()]
    assert [each["id"] for each in answers] == [f"n{i}" for i in range(100)]
    assert [each["verdict"] for each in answers[:3]] == ["pass", "revise", "review"]
    assert all({"id", "verdict", "findings"} <= set(each) for each in answers)


def test_the_language_may_be_given_or_found_out(desk: Desk) -> None:
    assert desk.run("tone", "--json", stdin="당신들은 멍청이다.", code=1).json["language"] == "ko"
    assert desk.run("tone", "--json", "--lang", "de", stdin="Bitte helfen Sie.").json["language"] == "de"


def test_a_line_that_is_no_object_is_named(desk: Desk) -> None:
    for line in ("nonsense", "[]", '{"id": 1}', '{"text": 5}', "[" * 100_000):
        done = desk.run("tone", "--jsonl", stdin=json.dumps({"id": 1, "text": _KIND}) + "\n" + line, code=2)
        assert "line 2" in done.err
        assert len(done.out.splitlines()) == 1


def test_bytes_of_any_kind_are_read_without_a_fault(desk: Desk) -> None:
    desk.run("tone", desk.file("noise.bin", bytes(range(256)) * 40), "--json", code=0)
    desk.run("tone", desk.file("empty.txt", b""), "--json")
    desk.run("tone", desk.file("long.txt", "please " * 200_000), "--json")
