"""`dispatcher mail`, `dispatcher evidence`."""

import mailbox
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.domain.delivery import DeliveryState
from tests.acceptance.station import drafts, send_here
from tests.faces.cli.conftest import Desk
from tests.samples.relay_log import stamped, taken, tried
from tests.samples.returned_mail import ANSWERS, FORWARDED_ELSEWHERE, POSTFIX_FAILED, STOPS, mail, sample


@pytest.fixture
def sent(desk: Desk) -> Desk:
    """One letter lies in the mailroom; a Maildir waits for what comes back."""
    desk = replace(desk, station=desk.station.with_settings(CAMPAIGNS__LETTERS_PER_HOUR="1000000"))
    desk.station.bring(drafts(1))
    send_here(desk.station, lambda: desk.station.count(DeliveryState.ACCEPTED) == 1)
    mailbox.Maildir(desk.folder / "returns")
    return replace(desk, settings={"DISPATCHER_RETURNS__MAILDIR": str(desk.folder / "returns")})


def comes(desk: Desk, text: str) -> None:
    (row,) = desk.run("log", "--json").json
    fields = {"to": row["recipient"] or "", "message_id": row["message_id"]}
    content = sample(text, back="letters@x.example", **fields)
    mailbox.Maildir(desk.folder / "returns").add(content)


def test_a_bounce_is_picked_up_and_opens_the_next_channel(sent: Desk) -> None:
    comes(sent, POSTFIX_FAILED)
    assert sent.run("mail", "pickup", "--json").json == {"taken": {"bounced": 1}, "known": 0, "waiting": 0}
    assert sent.run("log", "--json").json[0]["state"] == "bounced"
    assert "nothing new" in sent.run("mail", "pickup").out
    assert "Nothing waits." in sent.run("mail", "list").out
    (listed,) = sent.run("mail", "list", "--all", "--json").json
    assert (listed["kind"], listed["status"], listed["settled_by"]) == ("bounced", "5.1.1", "feedback")
    sent.run("audit")


def test_what_waits_is_listed_shown_and_settled(sent: Desk) -> None:
    comes(sent, FORWARDED_ELSEWHERE)
    assert "1 unsorted. 1 waiting" in sent.run("mail", "pickup").out
    listed = sent.run("mail", "list").out
    assert "another mailbox than the one we wrote to" in listed
    shown = sent.run("mail", "show", "1").out
    assert "mailer-daemon@webmail.example" in shown
    assert "waits for a person" in shown
    assert sent.run("mail", "settle", "1", "--as", "bounce", "--reason", "they told us").out
    assert sent.run("log", "--json").json[0]["state"] == "bounced"
    assert "settled already" in sent.refused("mail", "settle", "1", "--as", "bounce", "--reason", "x")


def test_an_answer_is_shown_without_what_it_quotes(sent: Desk) -> None:
    comes(sent, mail("Re: A request", ANSWERS["en"]))
    sent.run("mail", "pickup")
    shown = sent.run("mail", "show", "1").out
    assert "has taken note of your letter" in shown
    assert "Stop sending these" not in shown
    assert sent.run("mail", "show", "1", "--json").json["from"] == "li@nl.mission.example"
    assert "In-Reply-To:" in sent.run("mail", "show", "1", "--raw").out


def test_a_strangers_words_do_not_steer_the_terminal(sent: Desk) -> None:
    comes(sent, mail("Re: \x1b[2J A request", "hello \x1b]0;evil\x07 there"))
    sent.run("mail", "pickup")
    shown = sent.run("mail", "show", "1").out
    assert "hello" in shown
    assert not set("\x1b\x07") & set(shown)


def test_a_wish_to_stop_shows_on_the_board_of_pauses(sent: Desk) -> None:
    comes(sent, mail("Re: A request", STOPS["en"]))
    assert "1 stop. 1 waiting" in sent.run("mail", "pickup").out
    mission = sent.run("log", "--json").json[0]["mission"]
    assert "goes on" in sent.run("resume", "--mission", mission).out


def test_without_a_mailbox_the_pick_up_says_what_to_set(desk: Desk) -> None:
    assert "DISPATCHER_RETURNS__MAILDIR" in desk.refused("mail", "pickup")
    missing = replace(desk, settings={"DISPATCHER_RETURNS__MAILDIR": str(desk.folder / "nowhere")})
    assert "no such file" in missing.refused("mail", "pickup")
    assert "no returned mail 7" in desk.refused("mail", "show", "7")


def test_a_relay_log_is_weighed(sent: Desk) -> None:
    (row,) = sent.run("log", "--json").json
    at = datetime.now(UTC) + timedelta(minutes=1)
    bounced = tried(row["recipient"], "bounced", "550 5.1.1 unknown", dsn="5.1.1")
    text = "\n".join(stamped(at, *each) for each in [*taken(row["message_id"]), bounced])
    file = sent.file("mail.log", text)
    assert "1 bounced" in sent.run("evidence", "--relay-log", file).out
    assert sent.run("evidence", file, "--json").json["bounced"] == 0
    assert sent.run("log", "--json").json[0]["state"] == "bounced"


def test_a_relay_log_that_is_none_is_refused(desk: Desk) -> None:
    assert "Give the relay's log" in desk.refused("evidence")
    assert "no line of a Postfix" in desk.refused("evidence", desk.file("x.log", "hello\n"))
    assert "not a time zone" in desk.refused("evidence", desk.file("x.log", "hello\n"), "--zone", "Mars/Here")
