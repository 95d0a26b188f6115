"""A mail server that says "later", "never", "I am closing", nonsense, or nothing: what becomes of the letters."""

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.services.store import LogRow
from dispatcher.shelf import resource
from tests.acceptance.station import Station, drafts, live, wait_for
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import DROP, STALL, Script, ScriptedSmtp, say

_LATER = say("451 4.7.1 Greylisted, come back later")
_NEVER = say("550 5.1.1 No such user here")
# The shipped policy begins with five minutes; here with 1.2 seconds.
_FIRST = 0.02


def _hasty(station: Station, folder: Path) -> Station:
    """With the shipped campaign, but for the waits between tries."""
    campaigns = folder / "campaigns"
    shutil.copytree(resource("config", "campaigns"), campaigns)
    (file,) = campaigns.glob("*.toml")
    text = file.read_text()
    head, mark, tail = text.partition("[retries.email]")
    tail = tail.replace("first_minutes = 5", f"first_minutes = {_FIRST}", 1).replace("jitter = 0.2", "jitter = 0.0", 1)
    file.write_text(head + mark + tail)
    return station.with_settings(CAMPAIGNS__PATH=str(campaigns), SMTP__CONNECTIONS="1")


def _play(
    station: Station, folder: Path, letters: Sequence[Script], count: int, until: Callable[[ScriptedSmtp], bool]
) -> tuple[list[LogRow], ScriptedSmtp]:
    """So many letters to one mission meet the script; answers the log when `until` holds."""
    with in_thread(ScriptedSmtp(letters=letters)) as server:
        here = live(_hasty(station, folder), server.port)
        here.bring(drafts(count))
        with here.start("courier") as courier:
            wait_for(lambda: until(server), "the server to see all")
            courier.stop()
        here.audited()
    return sorted(here.log(), key=lambda row: row.delivery.id), server


def test_a_letter_that_is_put_off_is_tried_again_on_schedule(station: Station, tmp_path: Path) -> None:
    script: list[Script] = [{"rcpt": _LATER}, {"body": _LATER}, {}]
    (row,), server = _play(station, tmp_path, script, 1, lambda server: len(server.received) == 1)
    assert row.delivery.state is DeliveryState.ACCEPTED
    assert [attempt.outcome.code for attempt in row.attempts] == [451, 451, 250]
    assert row.attempts[0].outcome.enhanced_code == "4.7.1"
    assert row.attempts[0].outcome.reply == "4.7.1 Greylisted, come back later"
    first = timedelta(minutes=_FIRST)
    waits = [later.at - earlier.ended_at for earlier, later in pairwise(row.attempts)]
    for wait, expected in zip(waits, (first, 2 * first), strict=True):
        # The queue is looked at twice a second; the rest is for a busy machine.
        assert expected <= wait < expected + timedelta(seconds=4)
    assert server.began == 3
    ids = {each.content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode() for each in server.received}
    assert ids == {row.delivery.message_id}


def test_a_refused_mail_opens_the_fax_channel_which_is_held_without_a_carrier(
    station: Station, tmp_path: Path
) -> None:
    script: list[Script] = [{"body": say("554 5.7.1 Message refused by policy")}]
    (mail, fax), _ = _play(station, tmp_path, script, 1, lambda server: server.began == 1)
    assert (mail.delivery.channel, mail.delivery.state) == (Channel.EMAIL, DeliveryState.FAILED)
    assert mail.attempts[0].outcome.reply == "5.7.1 Message refused by policy"
    assert (fax.delivery.channel, fax.delivery.state) == (Channel.FAX, DeliveryState.HELD)
    assert fax.delivery.reason == "no_carrier"
    assert fax.delivery.letter == mail.delivery.letter
    assert fax.delivery.message_id != mail.delivery.message_id


def test_a_mailbox_that_does_not_exist_is_not_tried_with_the_next_letters(
    station: Station, tmp_path: Path
) -> None:
    script: list[Script] = [{"rcpt": _NEVER}] * 20
    rows, server = _play(station, tmp_path, script, 20, lambda server: server.began >= 8)
    assert server.began < 20  # only what was on the wire together
    assert server.received == []
    refused = {row.delivery.recipient for row in rows if row.delivery.state is DeliveryState.FAILED}
    live_rows = [row for row in rows if row.delivery.state in {DeliveryState.HELD, DeliveryState.QUEUED}]
    assert len(live_rows) == 20
    assert not {row.delivery.recipient for row in live_rows} & refused


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"mail": say("421 4.3.2 closing", drop=True)}, id="421"),
        pytest.param({"rcpt": DROP}, id="the line drops before the letter"),
        pytest.param({"mail": say(b"\x00\xff\xfe not smtp at all\r\n")}, id="garbage before the letter"),
    ],
)
def test_trouble_before_the_letter_was_handed_over_costs_nothing(
    trouble: Script, station: Station, tmp_path: Path
) -> None:
    """Also not one of the letter's tries, for it is the relay that failed."""
    rows, server = _play(station, tmp_path, [trouble], 3, lambda server: len(server.received) == 3)
    assert [row.delivery.state for row in rows] == [DeliveryState.ACCEPTED] * 3
    assert len({each.content for each in server.received}) == 3
    assert rows[0].attempts[0].outcome.kind.value == "deferred"
    assert rows[0].attempts[0].outcome.relay or rows[0].attempts[0].outcome.code in {421, None}


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"body": DROP}, id="the line drops after the final dot"),
        pytest.param({"body": say(b"\xde\xad\xbe\xef\r\n")}, id="garbage after the final dot"),
    ],
)
def test_what_was_handed_over_without_a_clear_answer_is_in_doubt_and_not_sent_again(
    trouble: Script, station: Station, tmp_path: Path
) -> None:
    rows, server = _play(station, tmp_path, [trouble], 3, lambda server: server.began == 3)
    assert [row.delivery.state for row in rows] == [DeliveryState.IN_DOUBT] + [DeliveryState.ACCEPTED] * 2
    assert rows[0].delivery.reason == "no_answer"
    assert server.began == 3


def test_a_relay_that_is_away_loses_no_letter(station: Station, tmp_path: Path, unused_port: int) -> None:
    here = live(_hasty(station, tmp_path), unused_port)
    here.bring(drafts(3))
    with in_thread(ScriptedSmtp(port=unused_port, connections=[{}])) as probe, here.start("courier") as courier:
        courier.says("is at work")  # the check before the start must find the relay
        assert probe.connections_made >= 1
        wait_for(lambda: len(probe.received) == 3, "the letters")
        more = drafts(2, start=10)
        probe.hang_up()
    # The relay goes; letters that come in meanwhile wait.
    here.bring(more)
    words = here.refused("courier")
    assert words.startswith("Live mode does not start: 1 finding(s)")
    assert "could not be reached" in words
    assert here.count(DeliveryState.QUEUED) == 2
    here.audited()


def test_a_server_that_stalls_keeps_the_letter_and_is_left_when_the_courier_stops(
    station: Station, tmp_path: Path
) -> None:
    script: list[Script] = [{"rcpt": STALL}]
    rows, server = _play(station, tmp_path, script, 2, lambda server: server.began == 1)
    assert server.received == []
    # Nothing was handed over, so both simply wait.
    assert [row.delivery.state for row in rows] == [DeliveryState.QUEUED] * 2
