"""The safety net of the service's own log."""

import ast
from pathlib import Path

import pytest

import dispatcher
from dispatcher.telemetry import FIELDS, without_personal_data


def test_a_field_that_is_not_on_the_list_is_dropped_and_named() -> None:
    kept = without_personal_data(None, "info", {"event": "letter_sent", "letter": 7, "supporter": "Jane Doe"})
    assert kept == {"event": "letter_sent", "letter": 7, "dropped_fields": ["supporter"]}


def test_a_mailbox_is_struck_out_wherever_it_stands() -> None:
    kept = without_personal_data(
        None,
        "info",
        {"event": "relay_refused", "reason": "550 <jane@example.org> unknown", "rows": ["a@b.c", 1]},
    )
    assert kept["reason"] == "550 <[mailbox]> unknown"
    assert kept["rows"] == ["[mailbox]", 1]


def test_a_sentence_is_no_name_of_an_event() -> None:
    assert (
        without_personal_data(None, "info", {"event": "sent the letter of Jane"})["event"] == "unnamed_event"
    )


def test_an_error_object_is_cut_to_a_length_and_never_passed_on_whole() -> None:
    kept = without_personal_data(None, "info", {"event": "tick_failed", "error": ValueError("x" * 1000)})
    assert isinstance(kept["error"], str) and len(kept["error"]) <= 300


def _calls() -> list[tuple[str, ast.Call]]:
    found = []
    for file in Path(dispatcher.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        found += [
            (f"{file.name}:{node.lineno}", node)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
            and node.func.attr in {"debug", "info", "warning", "error", "critical"}
        ]
    return found


@pytest.mark.parametrize(("place", "call"), _calls(), ids=lambda each: each if isinstance(each, str) else "")
def test_every_field_that_the_service_writes_is_on_the_list(place: str, call: ast.Call) -> None:
    assert {str(keyword.arg) for keyword in call.keywords} <= FIELDS, f"{place}: add it to telemetry.FIELDS"
    (event,) = call.args
    assert isinstance(event, ast.Constant), (
        f"{place}: an event has a fixed name; what varies goes into fields"
    )
