"""A mail server that says "later", "never", "I am closing", nonsense, or nothing: what becomes of the letters."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.services.store import LogRow
from dispatcher.shelf import resource
from tests.acceptance.station import Station, drafts, live, send_here, wait_for
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import DROP, STALL, Script, ScriptedSmtp, say

_LATER = say("451 4.7.1 Greylisted, come back later")
_NEVER = say("550 5.1.1 No such user here")
# The shipped policy begins with five minutes; here with 1.2 seconds.
_FIRST = 0.02
_SLOW: Script = {"body": say("250 2.0.0 ok", after=0.2)}


def _hasty(station: Station, folder: Path) -> Station:
    """With the shipped campaign, but for the waits between tries."""
    campaigns = folder / "campaigns"
    shutil.copytree(resource("config", "campaigns"), campaigns)
    (file,) = campaigns.glob("*.toml")
    text = file.read_text()
    head, mark, tail = text.partition("[retries.email]")
    tail = tail.replace("first_minutes = 5", f"first_minutes = {_FIRST}", 1).replace(
        "jitter = 0.2", "jitter = 0.0", 1
    )
    file.write_text(head + mark + tail)
    return station.with_settings(CAMPAIGNS__PATH=str(campaigns), SMTP__CONNECTIONS="1")


def _play(
    station: Station,
    folder: Path,
    letters: Sequence[Script],
    count: int,
    until: Callable[[ScriptedSmtp], bool],
) -> tuple[list[LogRow], ScriptedSmtp]:
    """So many letters to one mission meet the script; answers the log when `until` holds."""
    with in_thread(ScriptedSmtp(letters=letters)) as server:
        here = live(_hasty(station, folder), server.port)
        here.bring(drafts(count))
        send_here(here, lambda: until(server))
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
    ids = {
        each.content.partition(b"Message-ID: ")[2].partition(b"\r\n")[0].decode() for each in server.received
    }
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
    """At the pace of the shipped campaign: one letter leaves now, the others in the next minutes."""
    with in_thread(ScriptedSmtp(always={"rcpt": _NEVER})) as server:
        here = live(station, server.port).with_settings(CAMPAIGNS__LETTERS_PER_HOUR="30")
        here.bring(drafts(20))
        send_here(here, lambda: here.count(DeliveryState.FAILED) > 0)
    rows = here.log()
    assert server.received == []
    (failed,) = [row for row in rows if row.delivery.state is DeliveryState.FAILED]
    waiting = [row for row in rows if row.delivery.state in {DeliveryState.HELD, DeliveryState.QUEUED}]
    assert len(waiting) == 20
    assert failed.delivery.recipient not in {row.delivery.recipient for row in waiting}
    here.audited()


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


def test_a_relay_that_goes_away_is_waited_for(station: Station, tmp_path: Path, unused_port: int) -> None:
    here = live(_hasty(station, tmp_path), unused_port)
    here.bring(drafts(6))
    with ExitStack() as courier:
        with in_thread(ScriptedSmtp(port=unused_port, always=_SLOW)) as before:
            working = courier.enter_context(here.start("courier"))
            wait_for(lambda: len(before.received) == 2, "two letters")
        time.sleep(0.5)
        with in_thread(ScriptedSmtp(port=unused_port)) as after:
            here.settles()
            assert working.stop() < 10
    arrived = [each.content for each in (*before.received, *after.received)]
    doubtful = here.count(DeliveryState.IN_DOUBT)
    assert len(arrived) == len(set(arrived))
    assert here.count(DeliveryState.ACCEPTED) + doubtful == 6
    assert doubtful <= 1
    here.audited()


def test_a_relay_is_given_no_more_than_its_rate(station: Station) -> None:
    """A second's worth at once, ten mails, and then ten a second."""
    with in_thread(ScriptedSmtp()) as server:
        here = live(station, server.port, SMTP__MAILS_PER_MINUTE="600")
        here.bring(drafts(40))
        with here.start("courier"):
            wait_for(lambda: bool(server.received), "the first letter")
            began = time.monotonic()
            here.settles()
        assert time.monotonic() - began >= 2.5
        assert here.count(DeliveryState.ACCEPTED) == len(server.received) == 40


def test_live_mode_does_not_start_without_its_relay(station: Station, unused_port: int) -> None:
    words = live(station, unused_port).refused("courier")
    assert words.startswith("Live mode does not start: 1 finding(s)")
    assert "could not be reached" in words


def test_a_server_that_stalls_keeps_the_letter_and_is_left_when_the_courier_stops(
    station: Station, tmp_path: Path
) -> None:
    script: list[Script] = [{"rcpt": STALL}]
    rows, server = _play(station, tmp_path, script, 2, lambda server: server.began == 1)
    assert server.received == []
    # Nothing was handed over, so both simply wait.
    assert [row.delivery.state for row in rows] == [DeliveryState.QUEUED] * 2
