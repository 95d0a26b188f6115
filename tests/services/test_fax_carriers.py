"""The same letter by each carrier, against a server of its own kind on this machine."""

from collections.abc import Callable, Iterator

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterState
from dispatcher.domain.outcome import OutcomeKind
from tests.fax_bench import AT_WORK, BENCHES, Bench
from tests.installation import REFUSED, Installation, ScriptedTransport

D, K = DeliveryState, OutcomeKind


# What a carrier says is the same on both engines: one carrier is enough for the second.
CARRIERS = [("twilio", "sqlite"), ("twilio", "postgresql"), ("telnyx", "sqlite"), ("hylafax", "sqlite")]


@pytest.fixture(params=CARRIERS, ids="-".join)
def engine_name(request: pytest.FixtureRequest) -> str:
    engine: str = request.param[1]
    return engine


@pytest.fixture
def bench(request: pytest.FixtureRequest, install: Callable[..., Installation]) -> Iterator[Bench]:
    carrier, _ = request.node.callspec.params["engine_name"]
    with BENCHES[carrier](install) as made:
        yield made


def test_a_fax_is_accepted_then_delivered_with_all_its_pages(bench: Bench) -> None:
    id = bench.letter()
    assert bench.work(AT_WORK) == 1
    (ref,) = bench.server.taken
    assert bench.state(id) is D.ACCEPTED
    assert bench.home.letter(id).state is LetterState.DISPATCHED
    (taken,) = bench.answers(id)
    assert (taken.kind, taken.provider_ref) == (K.ACCEPTED, ref)
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    assert bench.state(id) is D.DELIVERED
    taken, arrived = bench.answers(id)
    assert (arrived.kind, arrived.enhanced_code, arrived.provider_ref) == (K.DELIVERED, "delivered", ref)
    assert arrived.reply.startswith("1 of 1 page confirmed")
    assert [new for _, new in bench.home.story(bench.home.delivery(id).id)][-2:] == ["accepted", "delivered"]
    assert bench.home.audit().ok


@pytest.mark.parametrize(
    ("how", "calls"), [("busy", 6), ("no_answer", 3), ("line_error", 3), ("no_fax", 2), ("bad_number", 1)]
)
def test_each_kind_of_failure_has_its_own_number_of_calls(bench: Bench, how: str, calls: int) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    for made in range(1, calls + 1):
        refs = bench.server.taken
        assert len(refs) == made
        bench.server.ends(refs[-1], how)
        bench.learn(refs[-1])
        if made < calls:
            assert bench.state(id) is D.QUEUED and bench.home.delivery(id).reason == how
            bench.work(bench.home.delivery(id).due_at)
    assert bench.state(id) is D.FAILED
    assert bench.kinds(id) == [K.ACCEPTED, K.DEFERRED] * (calls - 1) + [K.ACCEPTED, K.REFUSED]
    assert bench.home.audit().ok


def test_what_is_told_twice_and_late_changes_nothing(bench: Bench) -> None:
    id = bench.letter()
    bench.work(AT_WORK)
    (ref,) = bench.server.taken
    early = bench.server.callback(ref)
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    before = bench.documents(id)
    bench.learn(ref)
    if early is not None:
        assert bench.post(early) == 204
    bench.ask()
    assert bench.documents(id) == before
    assert bench.state(id) is D.DELIVERED


def test_an_order_without_an_answer_is_found_again_and_not_given_twice(bench: Bench) -> None:
    bench.server.script[:] = ["lose"]
    id = bench.letter()
    bench.work(AT_WORK)
    assert bench.state(id) is D.IN_DOUBT
    bench.ask()
    assert bench.state(id) is D.ACCEPTED
    assert bench.kinds(id) == [K.UNKNOWN, K.ACCEPTED]
    (ref,) = bench.server.taken
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    bench.work()
    assert bench.state(id) is D.DELIVERED
    assert bench.server.taken == [ref]
    assert bench.home.audit().ok


def test_an_order_that_never_arrived_is_given_again_once_the_carrier_was_asked(bench: Bench) -> None:
    bench.server.script[:] = ["drop"]
    id = bench.letter()
    bench.work(AT_WORK)
    assert (bench.state(id), bench.server.taken) == (D.IN_DOUBT, [])
    bench.wait(seconds=10)
    bench.desk.look()
    assert bench.state(id) is D.IN_DOUBT
    bench.wait(minutes=4)
    bench.desk.look()
    assert bench.state(id) is D.QUEUED
    bench.work()
    (ref,) = bench.server.taken
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    assert bench.state(id) is D.DELIVERED
    assert bench.home.audit().ok


def test_a_refused_mail_goes_by_fax_once_and_both_stand_under_one_letter(bench: Bench) -> None:
    """The embassy in Washington has a mailbox and a fax."""
    bench.transport = ScriptedTransport(answer=lambda _: REFUSED)
    id = bench.letter(region="US-DC", city="Washington")
    bench.work(AT_WORK)
    bench.home.prepare()
    bench.work(bench.home.delivery(id).due_at)
    (ref,) = bench.server.taken
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    bench.work()
    mail, fax = bench.documents(id)
    assert (mail["letter"], mail["channel"], mail["state"]) == (id, "email", "failed")
    assert (fax["letter"], fax["channel"], fax["state"]) == (id, "fax", "delivered")
    assert [each["code"] for each in mail["attempts"]] == [550]
    assert [each["outcome"] for each in fax["attempts"]] == ["accepted", "delivered"]
    assert {each["provider_ref"] for each in fax["attempts"]} == {ref}
    assert len(bench.transport.sent) == 1
    assert bench.server.taken == [ref]
    assert bench.home.audit().ok


def test_one_number_is_called_once_at_a_time(bench: Bench) -> None:
    first, second = bench.letter(1), bench.letter(2)
    bench.work(AT_WORK, rounds=2)
    bench.wait(minutes=3)
    bench.work()
    (ref,) = bench.server.taken
    assert (bench.state(first), bench.state(second)) == (D.ACCEPTED, D.QUEUED)
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    bench.work(max(bench.home.clock.now(), bench.home.delivery(second).due_at))
    assert bench.state(second) is D.ACCEPTED
    assert len(bench.server.taken) == 2


def test_a_fax_with_fewer_pages_than_were_sent_is_partial(bench: Bench) -> None:
    id = bench.letter(
        letter="Your Excellency,\n\n" + "please let them go on in safety. " * 220 + "\n\nWith respect,"
    )
    bench.work(AT_WORK)
    (ref,) = bench.server.taken
    bench.server.ends(ref, "delivered", pages=1)
    bench.learn(ref)
    row = bench.home.delivery(id)
    assert (row.state, row.reason) == (D.QUEUED, "partial")
    assert bench.answers(id)[-1].reply.startswith("1 of 2 pages confirmed")


def test_two_couriers_never_call_one_number_at_once(bench: Bench) -> None:
    bench.letter(1)
    bench.letter(2)
    bench.wait(days=7, hours=7)  # the office is open, and both letters are due
    one, other = (bench.home.courier(bench.transport, pages=bench.desk) for _ in range(2))
    first = one.claiming.claim(1, notices=False)
    assert first is not None and len(first) == 1
    assert other.claiming.claim(10, notices=False) is None
    bench.desk.submit(first.sheets[0])
    bench.wait(minutes=3)
    assert other.claiming.claim(10, notices=False) is None
    assert len(bench.server.taken) == 1
