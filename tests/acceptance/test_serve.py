"""`dispatcher serve` as an operator meets it; and pauses that take hold of a courier at work."""

import re
import shutil
import socket
import time

import httpx

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.pauses import PauseScope
from tests.acceptance.station import Station, drafts, live, wait_for
from tests.servers.in_thread import in_thread
from tests.servers.scripted_smtp import ScriptedSmtp, say

_LINK = re.compile(r"Console: +(http\S+)")


def test_it_prints_its_addresses_serves_them_and_leaves_in_good_order(
    station: Station, unused_port: int
) -> None:
    here = station.with_settings(WEB__PORT=str(unused_port))
    address = f"http://127.0.0.1:{unused_port}"
    with here.start("serve") as process:
        process.says("Stop with Ctrl-C.")
        said = process.out
        assert "Mode: rehearsal: nothing leaves this machine." in said
        assert f"Form:     {address}/\n" in said
        assert f"Mailroom: {address}/console/mailroom" in said
        found = _LINK.search(said)
        assert found and found[1].startswith(f"{address}/console/enter/")
        with httpx.Client(follow_redirects=True, trust_env=False) as browser:
            wait_for(lambda: _answers(browser, f"{address}/"), "the form")
            assert "Save North Korean Refugees Day" in browser.get(f"{address}/").text
            assert browser.get(f"{address}/console/mailroom").status_code in {401, 403, 200}
        link = found[1]
        board = f"{address}/console/"
        assert not _signs_in(f"{link}x", board)
        assert _signs_in(link, board)
        assert not _signs_in(link, board), "the link must work once only"
        assert process.stop() < 10
    assert "Traceback" not in process.err
    # The next one gives a new link, and knows the first organizer already.
    with here.start("serve") as process:
        process.says("Stop with Ctrl-C.")
        another = _LINK.search(process.out)
        assert another and another[1] != link


def _answers(browser: httpx.Client, address: str) -> bool:
    try:
        return browser.get(address).status_code == 200
    except httpx.TransportError:
        return False


def _signs_in(link: str, console: str) -> bool:
    """As a person does: looks at the page behind the link, presses its button. Whether the console then opens."""
    with httpx.Client(trust_env=False) as browser:
        browser.get(link)
        browser.post(link)
        return browser.get(console).status_code == 200


def test_a_port_that_is_taken_is_told_in_one_sentence(station: Station) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = station.with_settings(WEB__PORT=str(port)).refused("serve")
    assert words.startswith(f"The address 127.0.0.1:{port} cannot be listened on: address already in use.")
    assert "DISPATCHER_WEB__PORT" in words


def test_serve_delivers_a_rehearsal_to_the_mailroom(station: Station, unused_port: int) -> None:
    here = station.with_settings(WEB__PORT=str(unused_port), CAMPAIGNS__LETTERS_PER_HOUR="1000000")
    here.bring([*drafts(3), *drafts(1, start=5, country="ES", city="", region="")])
    with here.start("serve") as process:
        here.settles()
        process.stop()
    assert here.count(DeliveryState.ACCEPTED) == 4
    assert len(list((here.data / "mailroom").glob("*.eml"))) == 3
    assert list((here.data / "mailroom").glob("*-fax.tiff"))
    here.audited()
    # Nothing waits for its seal when the service has ended.
    with here.sqlite() as database:
        database.execute("UPDATE attempts SET code = 251 WHERE id = (SELECT max(id) FROM attempts)")
    database.close()
    assert "block" in here.run("audit", code=1).out


def test_a_pause_takes_hold_of_a_courier_at_work_within_a_second_and_resume_lets_all_go_on(
    station: Station,
) -> None:
    """Also of the letters that the courier had claimed already."""
    always = {"body": say("250 2.0.0 ok", after=0.1)}
    with in_thread(ScriptedSmtp(always=always)) as server:
        here = live(station, server.port, SMTP__CONNECTIONS="2")
        here.bring(drafts(80))
        with here.start("courier") as courier:
            wait_for(lambda: len(server.received) >= 5, "some letters")
            with here.house() as house:
                house.pausing.pause(PauseScope.ALL, by="test")
                began = time.monotonic()
                time.sleep(1.0)
                after_a_second = len(server.received)
                assert after_a_second < 80
                time.sleep(1.5)
                # What was on the wire at the moment of the pause may finish; nothing begins.
                assert len(server.received) == after_a_second, time.monotonic() - began
                house.pausing.resume(PauseScope.ALL, by="test")
            here.settles(seconds=20)
            assert courier.stop() < 10
        assert len(server.received) == 80
        assert here.count(DeliveryState.ACCEPTED) == 80
        here.audited()


def test_a_courier_that_cannot_go_on_ends_the_service_with_a_word(station: Station, unused_port: int) -> None:
    """And whoever watches over the service starts it anew."""
    here = station.with_settings(WEB__PORT=str(unused_port))
    with here.start("serve") as process:
        process.says("Stop with Ctrl-C.")
        wait_for((here.data / "journals").is_dir, "the courier")
        shutil.rmtree(here.data / "journals")
        here.bring(drafts(1))
        code = process.process.wait(20)
        said = process.err
    assert code == 2, said
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        f"The courier's journal in {here.data / 'journals'} cannot be written: No such file or directory. No letter leaves "
        "without it, and none was lost; mend that and start the courier again."
    )
    assert here.count(DeliveryState.QUEUED) == 1
