"""`dispatcher log`, `watch`, `report`, `audit`, `doubt`: what other programs and people read."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.outcome import Attempt, Outcome, OutcomeKind
from dispatcher.services.store import LogRow, Settlement
from tests.acceptance.station import Station, drafts, send_here
from tests.faces.cli.conftest import Desk

_CONTRACT = ("letter", "mission", "channel", "state", "reason", "due_at", "message_id", "attempts")
_ATTEMPT = ("at", "outcome", "code", "enhanced_code", "reply", "provider_ref")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def sent(desk: Desk) -> Desk:
    """Three letters lie in the mailroom, one is held."""
    desk = replace(desk, station=desk.station.with_settings(CAMPAIGNS__LETTERS_PER_HOUR="1000000"))
    desk.station.bring([*drafts(3), *drafts(1, start=9, country="BZ", city="", region="")])
    send_here(desk.station, lambda: desk.station.count(DeliveryState.ACCEPTED) == 3)
    return desk


def test_the_rows_have_the_keys_of_the_contract(sent: Desk) -> None:
    rows = sent.run("log", "--json").json
    assert len(rows) == 4
    for row in rows:
        assert set(row) >= set(_CONTRACT)
        assert set(row) - set(_CONTRACT) == {"delivery", "campaign", "recipient"}
        assert _INSTANT.fullmatch(row["due_at"])
        assert re.fullmatch(r"<[a-z0-9]+@[^>]+>", row["message_id"])
        for attempt in row["attempts"]:
            assert tuple(attempt) == _ATTEMPT
            assert _INSTANT.fullmatch(attempt["at"])
    accepted = [row for row in rows if row["state"] == "accepted"]
    assert [len(row["attempts"]) for row in accepted] == [1, 1, 1]
    (held,) = [row for row in rows if row["state"] == "held"]
    assert (held["mission"], held["channel"], held["reason"]) == (None, None, "no_mission")


def test_the_log_is_one_document_or_a_line_a_row_or_a_table_for_spreadsheets(sent: Desk) -> None:
    rows = sent.run("log", "--json").json
    assert [json.loads(line) for line in sent.run("log", "--jsonl").out.splitlines()] == rows
    table = list(csv.DictReader(io.StringIO(sent.run("log", "--csv").out)))
    assert [row["letter"] for row in table] == [str(row["letter"]) for row in rows]
    assert "3 of 4 letters are with their missions. 1 needs you." in sent.run("log").out


def test_the_log_can_be_narrowed(sent: Desk) -> None:
    assert len(sent.run("log", "--state", "accepted", "--json").json) == 3
    assert len(sent.run("log", "--mission", "cn-ca-ottawa", "--json").json) == 3
    assert len(sent.run("log", "--letter", "2", "--json").json) == 1
    assert sent.run("log", "--mission", "cn-nl-the-hague", "--json").json == []


def test_a_spreadsheet_takes_no_cell_for_a_formula(station: Station, desk: Desk) -> None:
    station.bring(drafts(1, country="ES", city="", region=""))
    (row,) = csv.DictReader(io.StringIO(desk.run("log", "--csv").out))
    assert not row["recipient"].startswith(("=", "+", "-", "@"))


def test_no_personal_data_stands_in_the_log(sent: Desk) -> None:
    for flags in ((), ("--json",), ("--csv",)):
        words = sent.run("log", *flags).out
        assert "Writer" not in words and "writer-" not in words


def test_the_audit_has_the_keys_of_the_contract(sent: Desk) -> None:
    found = sent.run("audit", "--json").json
    assert {"ok", "totals", "approved", "broken"} <= set(found)
    assert (found["ok"], found["approved"], found["broken"]) == (True, 4, [])
    assert found["totals"] == {"accepted": 3, "held": 1}
    assert sent.run("audit").out.endswith("All promises hold.\n")


def test_the_audit_finds_what_was_changed_behind_its_back(sent: Desk) -> None:
    with sent.station.sqlite() as database:
        database.execute("UPDATE outbox SET state = 'accepted', reason = NULL WHERE state = 'held'")
        database.execute("UPDATE moves SET new = 'failed' WHERE id = (SELECT max(id) FROM moves)")
    database.close()
    found = sent.run("audit", "--json", code=1).json
    assert found["ok"] is False
    assert all({"rule", "subject", "id", "what"} <= set(each) for each in found["broken"])
    assert "BROKEN" in sent.run("audit", code=1).out


def test_a_letter_that_vanished_breaks_the_audit(sent: Desk) -> None:
    with sent.station.sqlite() as database:
        database.execute("DELETE FROM outbox WHERE state = 'held'")
    database.close()
    rules = {each["rule"] for each in sent.run("audit", "--json", code=1).json["broken"]}
    assert "conservation" in rules


def test_the_board_says_what_there_is(sent: Desk) -> None:
    line = sent.run("watch", "--times", "1").out
    assert "3 of 4 letters are with their missions." in line
    assert "✓" in line or "●" in line
    found = sent.run("report", "--json").json
    assert found["deliveries"]["accepted"] == 3
    assert found["letters"]["dispatched"] == 3
    assert sent.run("report").out.startswith("Save North Korean Refugees Day\n")


@pytest.fixture
def doubtful(desk: Desk) -> LogRow:
    """One letter went over the wire, and nobody knows."""
    desk.station.bring(drafts(1))
    with desk.station.house() as house:
        now = house.clock.now()
        with house.store.write() as work:
            rows = work.outbox.due(notices=False, now=now, limit=1)
            work.outbox.start([rows[0].id], courier="c" * 32, lease="l" * 32, until=now, at=now)
            unknown = Outcome(kind=OutcomeKind.UNKNOWN, reply="The line was lost.")
            settled = Settlement(
                delivery=rows[0].id,
                lease="l" * 32,
                attempt=Attempt(at=now, ended_at=now, outcome=unknown),
                new=DeliveryState.IN_DOUBT,
                reason="no_answer",
            )
            assert work.outbox.settle([settled], at=now, by="courier cccccccc")
    (row,) = desk.station.log()
    return row


def test_what_is_in_doubt_is_listed_and_settled_by_a_person_with_a_reason(
    desk: Desk, doubtful: LogRow
) -> None:
    id = doubtful.delivery.id
    listed = desk.run("doubt", "list").out
    assert doubtful.delivery.message_id in listed and listed.endswith("1 in doubt.\n")
    (row,) = desk.run("doubt", "list", "--json").json
    assert (row["delivery"], row["state"], row["reason"]) == (id, "in_doubt", "no_answer")
    assert f"{id}." in desk.run("audit").out
    desk.run("doubt", "sent", str(id), "--reason", "relay log, 24 September, 250 Ok")
    assert desk.run("doubt", "list").out == "Nothing is in doubt.\n"
    assert desk.run("audit", "--json").json["totals"] == {"accepted": 1}
    assert desk.refused("doubt", "sent", str(id), "--reason", "again") == (
        f"Delivery {id} is not in doubt. 'dispatcher doubt list' shows those that are."
    )


def test_what_was_never_sent_is_sent_again_with_the_same_message_id(desk: Desk, doubtful: LogRow) -> None:
    id = str(doubtful.delivery.id)
    done = desk.run("doubt", "resend", id, stdin="the relay never saw it\n")
    assert done.out.endswith(f"Delivery {id} is queued again.\n")
    send_here(desk.station, lambda: desk.station.count(DeliveryState.ACCEPTED) == 1)
    (row,) = desk.run("log", "--json").json
    assert row["message_id"] == doubtful.delivery.message_id
    assert [each["outcome"] for each in row["attempts"]] == ["unknown", "accepted"]
    assert desk.run("audit", "--json").json["ok"]


def test_a_reason_is_needed(desk: Desk, doubtful: LogRow) -> None:
    desk.run("doubt", "sent", str(doubtful.delivery.id), stdin="", code=1)
    assert desk.station.count(DeliveryState.IN_DOUBT) == 1
