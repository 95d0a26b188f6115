"""The fax desk: what it makes of a carrier at fault, of forged words, and of doubts; who gets the pages."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pypdfium2
import pytest

from dispatcher.adapters.fax_tiff import fax_frames
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.doubt import Doubt
from dispatcher.services.fax_media import LINK_LIFE
from dispatcher.verify_log import Log
from tests.fax_bench import AT_WORK, LIVE, Bench, TwilioServer, telnyx_bench, twilio_bench
from tests.installation import (
    DIRECTORY,
    NEW_YORK,
    REFUSED,
    Installation,
    ScriptedTransport,
    change_campaign,
    contact,
)
from tests.servers.fax_http import Answer, answer

D, K = DeliveryState, OutcomeKind
Install = Callable[..., Installation]


@pytest.fixture
def engine_name() -> str:
    """What differs between the engines is tried in test_fax_carriers."""
    return "sqlite"


@pytest.fixture
def bench(install: Install) -> Iterator[Bench]:
    with twilio_bench(install) as made:
        yield made


def gateway(bench: Bench) -> TwilioServer:
    assert isinstance(bench.server, TwilioServer)
    return bench.server


# The pages.


def test_the_pages_are_handed_out_once_by_a_link_that_names_nobody(bench: Bench) -> None:
    bench.letter()
    bench.work(AT_WORK)
    (order,) = gateway(bench).orders
    assert "doe" not in str(order).lower() and "mission" not in str(order).lower()
    assert bench.http("HEAD", order["MediaUrl"]).status_code == 200
    fetched = bench.http("GET", order["MediaUrl"])
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "application/pdf")
    assert fetched.headers["cache-control"] == "no-store"
    page = pypdfium2.PdfDocument(fetched.content)[0]
    assert page.get_width() == pytest.approx(1728 / 204 * 72, abs=1)
    assert {bench.http(how, order["MediaUrl"]).status_code for how in ("GET", "HEAD")} == {410}


def test_the_pages_are_the_approved_ones_with_a_line_at_the_top(bench: Bench) -> None:
    id = bench.letter()
    rendering = bench.home.delivery(id).rendering
    assert rendering is not None
    with bench.home.house.store.read() as work:
        approved = work.outbox.content([rendering])[rendering].content
    bench.work(AT_WORK)
    fetched = bench.http("GET", gateway(bench).orders[0]["MediaUrl"]).content
    (image,) = pypdfium2.PdfDocument(fetched)[0].get_objects()
    sent = image.get_bitmap().to_pil().convert("1")
    (page,), _ = fax_frames(approved)
    below = (0, 70, 1728, page.height)  # the line ends 8 mm from the top
    assert sent.size == page.size and sent.crop(below).tobytes() == page.crop(below).tobytes()
    assert sent.tobytes() != page.tobytes()


def test_a_link_dies_with_its_call_and_with_its_hour(bench: Bench) -> None:
    bench.letter(1)
    bench.work(AT_WORK)
    (ref,) = bench.server.taken
    bench.server.ends(ref, "busy")
    bench.tell(ref)
    assert bench.http("GET", gateway(bench).orders[0]["MediaUrl"]).status_code == 410
    bench.wait(minutes=5)
    bench.work()
    bench.wait(seconds=LINK_LIFE.total_seconds() + 1)
    assert bench.http("GET", gateway(bench).orders[1]["MediaUrl"]).status_code == 410
    assert bench.http("GET", gateway(bench).orders[1]["MediaUrl"] + "x").status_code == 410


# Callbacks.


@pytest.mark.parametrize("changes", [{"key": "another"}, {"FaxStatus": "delivered"}, {"NumPages": "9"}])
def test_a_forged_callback_is_refused_and_changes_nothing(bench: Bench, changes: dict[str, str]) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    (ref,) = bench.server.taken
    assert bench.post(gateway(bench).callback(ref, **changes)) == 403
    assert bench.state(id) is D.ACCEPTED


def test_a_callback_without_signature_or_to_another_path_is_refused(bench: Bench) -> None:
    bench.letter()
    bench.work(AT_WORK)
    told = gateway(bench).callback(*bench.server.taken)
    assert bench.post(replace(told, headers={})) == 403
    assert bench.post(replace(told, url=told.url + "0")) == 403
    assert bench.post(replace(told, body=b"x" * 300_000)) == 413
    assert bench.http("GET", told.url).status_code == 405


def test_a_callback_of_an_earlier_call_does_not_end_the_one_that_runs(bench: Bench) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    (first,) = bench.server.taken
    bench.server.ends(first, "busy")
    bench.tell(first)
    bench.wait(minutes=5)
    bench.work()
    bench.server.ends(first, "delivered", pages=1)
    assert bench.tell(first) == 204
    assert bench.state(id) is D.ACCEPTED


def test_there_is_no_face_for_carriers_without_a_carrier(install: Install) -> None:
    home = install(environment=LIVE)
    bench = Bench(home=home, server=TwilioServer())
    assert bench.http("GET", f"{LIVE['DISPATCHER_WEB__PUBLIC_URL']}/fax/pages/x").status_code == 404


# A carrier at fault.


@pytest.mark.parametrize("status", [401, 403, 402, 404])
def test_a_fault_on_our_side_costs_the_letter_no_try_and_leaves_the_carrier_in_peace(
    bench: Bench, status: int
) -> None:
    gateway(bench).script[:] = [answer({"code": 20003}, status)]
    first, second = bench.letter(1), bench.letter(2, country="US", region="US-NY", city="Albany")
    bench.work(AT_WORK)
    row = bench.home.delivery(first)
    assert (row.state, row.tries) == (D.QUEUED, 0)
    (said,) = bench.answers(first)
    assert said.kind is K.DEFERRED and said.reply.endswith(".") and "20003" in said.reply
    bench.work()
    assert len(gateway(bench).orders) == 1
    assert bench.home.delivery(second).tries == 0
    bench.wait(minutes=10)
    bench.work()
    assert len(bench.server.taken) == 1


def test_too_many_requests_are_waited_out_as_long_as_the_gateway_asks(bench: Bench) -> None:
    gateway(bench).script[:] = [answer({}, 429, Retry_After="1200")]
    id = bench.letter()
    bench.work(AT_WORK)
    bench.wait(minutes=10)
    bench.work()
    assert len(gateway(bench).orders) == 1
    assert bench.home.delivery(id).due_at == AT_WORK + timedelta(minutes=20)
    bench.wait(minutes=10)
    bench.work()
    assert bench.state(id) is D.ACCEPTED


@pytest.mark.parametrize(
    "odd",
    [
        Answer(500, "<html>oh</html>"),
        Answer(503, "{}"),
        Answer(200, "<html>Welcome</html>"),
        Answer(200, "[]"),
        Answer(400, "<html>"),
    ],
)
def test_an_answer_that_says_nothing_is_a_doubt_that_the_carrier_resolves(bench: Bench, odd: Answer) -> None:
    gateway(bench).script[:] = [odd]
    id = bench.letter()
    bench.work(AT_WORK)
    assert bench.state(id) is D.IN_DOUBT
    bench.wait(minutes=4)
    bench.desk.look()
    assert bench.state(id) is D.QUEUED
    bench.work()
    assert bench.state(id) is D.ACCEPTED
    assert bench.home.audit().ok


def test_a_gateway_that_is_not_there_is_no_doubt(bench: Bench, install: Install) -> None:
    with twilio_bench(install, DISPATCHER_FAX__BASE_URL="http://127.0.0.1:9") as dead:
        id = dead.letter()
        dead.work(AT_WORK)
        assert (dead.state(id), dead.kinds(id)) == (D.QUEUED, [K.DEFERRED])
        assert dead.desk.carrier.probe() != []


def test_a_carrier_that_cannot_be_asked_changes_nothing(bench: Bench) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    for odd in (Answer(500, ""), Answer(200, "<html>"), answer({}, 401), answer({}, 429)):
        gateway(bench).always = odd
        assert bench.ask() == 0
        assert bench.state(id) is D.ACCEPTED
    gateway(bench).always = None
    bench.server.ends(bench.server.taken[0], "delivered", pages=1)
    bench.ask()
    assert bench.state(id) is D.DELIVERED


def test_a_mail_is_not_slowed_by_a_fax_carrier_at_fault(bench: Bench) -> None:
    gateway(bench).always = answer({}, 401)
    bench.letter()
    bench.home.clock.move_to(AT_WORK)
    courier = bench.home.courier(bench.transport, pages=bench.desk)
    bench.home.work(courier)
    assert courier._troubles == 0


@pytest.mark.parametrize("code", [21211, 13224])
def test_a_number_that_the_gateway_does_not_take_opens_the_next_channel(bench: Bench, code: int) -> None:
    gateway(bench).script[:] = [answer({"code": code, "message": "invalid"}, 400)]
    bench.transport = ScriptedTransport(answer=lambda _: REFUSED)
    id = bench.letter(country="NL", region="", city="")
    bench.work(AT_WORK)
    bench.home.prepare()
    bench.work(bench.home.delivery(id).due_at)
    assert [(row.channel, row.state) for row in bench.home.deliveries(id)] == [
        (Channel.EMAIL, D.FAILED),
        (Channel.FAX, D.FAILED),
        (Channel.PAPER, D.HELD),
    ]
    assert bench.home.audit().ok


@pytest.mark.parametrize("number", ["02125550103", "+1999", "+19995550103", "x"])
def test_a_number_that_is_none_is_never_called(bench: Bench, number: str) -> None:
    missions = [
        replace(each, contacts=(contact(NEW_YORK, each.contacts[0].kind, number),))
        if each.id == NEW_YORK
        else each
        for each in DIRECTORY.missions
    ]
    bench.home.use_directory(replace(DIRECTORY, missions=tuple(missions)))
    id = bench.letter()
    bench.work(AT_WORK)
    assert (bench.state(id), gateway(bench).orders) == (D.FAILED, [])
    (said,) = bench.answers(id)
    assert said.enhanced_code == "bad_number" and said.reply.endswith(".")


# Doubts.


def test_pages_that_were_fetched_are_never_given_again_by_themselves(bench: Bench) -> None:
    """The gateway fetched the pages and then lost all trace of the order: it may be on the line."""
    gateway(bench).script[:] = ["lose"]
    id = bench.letter()
    bench.work(AT_WORK)
    bench.http("GET", gateway(bench).orders[0]["MediaUrl"])
    gateway(bench).faxes.clear()
    bench.wait(hours=1)
    bench.desk.look()
    bench.work()
    assert (bench.state(id), len(gateway(bench).orders)) == (D.IN_DOUBT, 1)
    Doubt(store=bench.home.house.store, clock=bench.home.clock).resend(
        bench.home.delivery(id).id, reason="the gateway's staff say so", by="operator"
    )
    bench.work()
    assert bench.state(id) is D.ACCEPTED
    assert bench.home.audit().ok


def test_an_order_that_turns_up_late_finds_nothing_to_send(bench: Bench) -> None:
    gateway(bench).script[:] = ["drop"]
    id = bench.letter()
    bench.work(AT_WORK)
    bench.wait(minutes=4)
    bench.desk.look()
    assert bench.state(id) is D.QUEUED
    assert bench.http("GET", gateway(bench).orders[0]["MediaUrl"]).status_code == 410


def test_a_fax_that_the_carrier_forgot_is_in_doubt_and_not_sent_again(bench: Bench) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    gateway(bench).faxes.clear()
    bench.ask()
    assert bench.state(id) is D.IN_DOUBT
    assert bench.kinds(id) == [K.ACCEPTED, K.UNKNOWN]
    bench.ask()
    bench.work()
    assert len(gateway(bench).orders) == 1
    assert bench.home.audit().ok


def test_a_fax_without_an_end_is_called_off_after_hours(bench: Bench) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    bench.wait(hours=7)
    bench.desk.look()
    assert gateway(bench).cancelled == bench.server.taken
    assert (bench.state(id), bench.answers(id)[-1].enhanced_code) == (D.FAILED, "rejected")


def test_a_courier_that_died_after_the_answer_leaves_nothing_in_doubt_for_long(bench: Bench) -> None:
    id = bench.letter()
    bench.home.clock.move_to(AT_WORK)
    courier = bench.home.courier(bench.transport, pages=bench.desk)
    batch = courier.claiming.claim(10, notices=False)
    assert batch is not None
    bench.desk.submit(batch.sheets[0])
    with bench.home.house.store.write() as work:
        work.outbox.recover(now=AT_WORK, dead=[courier.id], by="recovery")
    assert bench.state(id) is D.IN_DOUBT
    bench.server.ends(bench.server.taken[0], "delivered", pages=1)
    bench.ask()
    assert (bench.state(id), len(bench.server.taken)) == (D.DELIVERED, 1)
    assert bench.desk.submit(batch.sheets[0]).kind is K.DEFERRED
    assert len(bench.server.taken) == 1
    assert bench.home.audit().ok


def test_a_courier_that_died_before_the_carrier_heard_of_it_loses_nothing(bench: Bench) -> None:
    id = bench.letter()
    bench.home.clock.move_to(AT_WORK)
    courier = bench.home.courier(bench.transport, pages=bench.desk)
    assert courier.claiming.claim(10, notices=False) is not None
    with bench.home.house.store.write() as work:
        work.outbox.recover(now=AT_WORK, dead=[courier.id], by="recovery")
    bench.ask()
    assert bench.state(id) is D.QUEUED


# Practice.


def test_a_call_that_would_fall_into_the_night_waits_for_the_morning(bench: Bench) -> None:
    id = bench.letter()
    closing = AT_WORK.replace(hour=20, minute=58)
    bench.work(closing)
    (ref,) = bench.server.taken
    bench.server.ends(ref, "busy")
    bench.tell(ref)
    due = bench.home.delivery(id).due_at
    assert due.isoformat() == "2027-09-27T13:00:00+00:00"  # Monday, 09:00 in New York


def test_a_number_that_the_network_does_not_know_is_not_called_for_other_letters(bench: Bench) -> None:
    first, second = bench.letter(1), bench.letter(2)
    bench.work(AT_WORK)
    (ref,) = bench.server.taken
    bench.server.ends(ref, "bad_number")
    bench.tell(ref)
    assert bench.state(first) is D.FAILED
    assert (bench.state(second), bench.home.delivery(second).reason) == (D.HELD, "no_contact")


def test_a_campaign_may_go_by_fax_first_and_then_by_mail(install: Install) -> None:
    with twilio_bench(install) as bench:
        change_campaign(bench.home.house, channels=(Channel.FAX, Channel.EMAIL))
        id = bench.letter(country="NL", region="", city="")
        bench.work(AT_WORK)
        (ref,) = bench.server.taken
        bench.server.ends(ref, "bad_number")
        bench.tell(ref)
        bench.home.prepare()
        bench.work(bench.home.delivery(id).due_at)
        assert [(row.channel, row.state) for row in bench.home.deliveries(id)] == [
            (Channel.FAX, D.FAILED),
            (Channel.EMAIL, D.ACCEPTED),
        ]
        assert bench.home.audit().ok


def test_a_rehearsal_calls_nobody_whatever_is_configured(install: Install) -> None:
    with twilio_bench(install, DISPATCHER_MODE="rehearsal") as bench:
        assert bench.home.house.fax is None


def test_a_fax_that_nobody_gave_back_shows_in_the_audit(bench: Bench) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    with bench.home.house.store.write() as work:
        row = bench.home.delivery(id).id
        work.outbox.move([row], D.QUEUED, at=AT_WORK, by="somebody")
    assert [(each.rule, each.id) for each in bench.home.audit().broken] == [("log", row)]


def test_faxes_that_waited_for_a_carrier_are_queued_when_there_is_one(install: Install) -> None:
    home = install(environment=LIVE)
    id = Bench(home=home, server=TwilioServer()).letter()
    assert (home.delivery(id).state, home.delivery(id).reason) == (D.HELD, "no_carrier")
    with twilio_bench(install) as bench:
        with bench.home.house.store.write() as work:
            bench.home.house.dispatch.fit_to_carriers(work, at=bench.home.clock.now())
        bench.home.prepare()
        bench.work(AT_WORK)
        assert bench.state(id) is D.ACCEPTED


def test_another_carrier_is_not_asked_for_what_the_one_before_has(install: Install) -> None:
    with twilio_bench(install) as before:
        id = before.letter()
        before.work(AT_WORK)
    with telnyx_bench(install) as after:
        after.wait(hours=5)
        assert after.desk.look() == 0
        assert before.state(id) is D.ACCEPTED


def test_a_courier_that_is_told_to_stop_begins_no_further_call(bench: Bench) -> None:
    id = bench.letter()
    bench.home.clock.move_to(AT_WORK)
    courier = bench.home.courier(bench.transport, pages=bench.desk)
    courier.stop()
    bench.home.work(courier)
    assert (bench.state(id), gateway(bench).orders) == (D.QUEUED, [])


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ([("accepted", "1"), ("deferred", "1"), ("accepted", "2"), ("delivered", "2")], []),
        ([("accepted", "1"), ("accepted", "2")], ["delivery 7: was accepted twice"]),
        ([("accepted", "1"), ("deferred", "9"), ("accepted", "2")], ["delivery 7: was accepted twice"]),
        ([("delivered", "1"), ("delivered", "1")], ["delivery 7: was delivered twice"]),
    ],
)
def test_an_outside_verifier_understands_calls_that_were_given_back(
    said: list[tuple[str, str]], faults: list[str]
) -> None:
    log = Log()
    for outcome, reference in said:
        log.take("attempts", {"delivery": 7, "outcome": outcome, "provider_ref": reference})
    log.check()
    assert log.faults == faults
