"""The courier: what it sends, when, to whom, and what it makes of every answer."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email import policy
from email.parser import BytesParser
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dispatcher.adapters.mime import approved_part
from dispatcher.domain.delivery import Delivery, DeliveryState, Notice
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.domain.mission import Channel, Health
from dispatcher.domain.outcome import Outcome
from dispatcher.domain.timetable import MINUTES_COUNTED, minute_of
from dispatcher.services.courier import Courier
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import StoreUnavailable, Work
from dispatcher.services.transport import Parcel, Witness
from dispatcher.wiring import at_work
from tests.installation import (
    ACCEPTED,
    DAY,
    GREYLISTED,
    NO_ANSWER,
    NO_SUCH_MAILBOX,
    NOON,
    OPENING,
    REFUSED,
    RELAY_DOWN,
    THE_HAGUE,
    TOKYO,
    WEEK_BEFORE,
    Installation,
    ScriptedPages,
    ScriptedTransport,
    in_turn,
)

D = DeliveryState
Install = Callable[..., Installation]


def sent_at(home: Installation, **which: object) -> list[datetime]:
    """When each attempt began, in order."""
    return sorted(attempt.at for row in home.log(**which) for attempt in row.attempts)


def most_in_an_hour(moments: Sequence[datetime]) -> int:
    """In any 60 clock minutes that follow each other."""
    minutes = Counter(minute_of(moment) for moment in moments)
    return max(sum(minutes[start + k] for k in range(MINUTES_COUNTED)) for start in minutes)


def in_office_hours(moment: datetime, zone: str, *, closed: frozenset[int] = frozenset({6, 7})) -> bool:
    local = moment.astimezone(ZoneInfo(zone))
    return time(9) <= local.time() < time(17) and (local.isoweekday() not in closed or local.date() == DAY)


def attempts(home: Installation, letter: LetterId) -> list[Outcome]:
    return [attempt.outcome for row in home.log(letter=letter) for attempt in row.attempts]


# What goes on the wire.


def test_a_letter_goes_to_the_directorys_mailbox_with_its_approved_bytes(home: Installation) -> None:
    (id,) = home.take(city="Delft")
    home.prepare()
    rendering = home.delivery(id).rendering
    assert rendering is not None
    transport = ScriptedTransport()
    assert home.work(home.courier(transport), NOON) == 1
    (parcel,) = transport.sent
    assert parcel.recipient == "embassy@nl.mission.example"
    assert parcel.sender.startswith("bounce+") and parcel.sender.endswith("@campaign.example.org")
    with home.house.store.read() as work:
        approved = work.outbox.content([rendering])[rendering]
    assert approved_part(parcel.content) == approved.content
    mail = BytesParser(policy=policy.default).parsebytes(parcel.content)
    assert mail.keys()[0] == "Date"
    assert mail["Date"].datetime == NOON
    assert mail["Message-ID"] == home.delivery(id).message_id
    assert mail["Reply-To"].addresses[0].addr_spec == "jane.doe.1@supporters.example.org"
    assert mail["From"].addresses[0].addr_spec == "letters@campaign.example.org"
    assert mail["Auto-Submitted"] is None


def test_what_the_next_hop_took_stands_in_the_log_and_the_letter_is_dispatched(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(), NOON)
    delivery = home.delivery(id)
    assert (delivery.state, home.letter(id).state) == (D.ACCEPTED, LetterState.DISPATCHED)
    assert attempts(home, id) == [ACCEPTED]
    assert [new for _, new in home.story(delivery.id)] == ["queued", "accepted"]
    assert home.audit().ok


def test_a_retry_has_the_same_message_id_and_the_same_bytes_but_its_own_date(home: Installation) -> None:
    home.take()
    home.prepare()
    transport = ScriptedTransport(answer=in_turn(GREYLISTED))
    home.live_through(home.courier(transport), NOON)
    first, second = transport.sent
    assert first.delivery == second.delivery and first.sender == second.sender
    assert approved_part(first.content) == approved_part(second.content)
    assert first.content != second.content


def test_enclosures_are_joined_to_each_letter(install: Install) -> None:
    pdf = b"%PDF-1.7 " + bytes(range(256)) * 40
    home = install(enclosures=[("note.pdf", pdf)])
    home.take(2)
    home.prepare()
    transport = ScriptedTransport()
    home.work(home.courier(transport), NOON)
    for parcel in transport.sent:
        mail = BytesParser(policy=policy.default).parsebytes(parcel.content)
        (part,) = mail.iter_attachments()
        assert (part.get_filename(), part.get_content()) == ("note.pdf", pdf)
    assert len(transport.sent) == 2


def test_a_fax_carries_the_senders_number_and_the_missions_own_hour(home: Installation) -> None:
    home.take(country="US", region="US-NY")
    home.prepare()
    pages = ScriptedPages()
    home.work(home.courier(pages=pages), datetime(2027, 9, 24, 14, 0, tzinfo=UTC))
    (sheets,) = pages.carried
    assert (sheets.channel, sheets.recipient) == (Channel.FAX, "+12125550103")
    assert (sheets.sender_number, sheets.sender) == ("+12025550124", "Refugees Day")
    assert sheets.at.isoformat() == "2027-09-24T10:00:00-04:00"
    assert sheets.content.startswith(b"II*") and sheets.pages == 1


def test_nothing_is_sent_before_it_is_due(home: Installation) -> None:
    home.take()
    home.prepare()
    courier = home.courier()
    assert home.work(courier, OPENING - timedelta(microseconds=1)) == 0
    assert home.work(courier, OPENING) == 1


def test_a_mail_to_a_supporter_goes_to_the_writer_at_once(home: Installation) -> None:
    home.submit()
    home.prepare()
    transport = ScriptedTransport()
    home.work(home.courier(transport))
    (parcel,) = transport.sent
    assert parcel.recipient == "jane.doe.1@supporters.example.org"
    mail = BytesParser(policy=policy.default).parsebytes(parcel.content)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert home.states() == {}


# What the answers mean.


def test_a_deferred_letter_is_tried_again_after_longer_and_longer_waits(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    transport = ScriptedTransport(answer=in_turn(GREYLISTED, GREYLISTED, GREYLISTED))
    home.live_through(home.courier(transport), NOON)
    moments = sent_at(home)
    waits = [(after - before) / timedelta(minutes=1) for before, after in pairwise(moments)]
    assert waits == [5, 10, 20]
    assert home.delivery(id).state is D.ACCEPTED
    assert [outcome.code for outcome in attempts(home, id)] == [451, 451, 451, 250]
    assert home.audit().ok


def test_a_retry_waits_for_office_hours(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    just_before_closing = OPENING + timedelta(hours=7, minutes=58)
    courier = home.courier(ScriptedTransport(answer=in_turn(GREYLISTED)))
    home.work(courier, just_before_closing)
    assert home.delivery(id).due_at == OPENING + timedelta(days=3)
    home.live_through(courier, OPENING + timedelta(days=4))
    assert sent_at(home) == [just_before_closing, OPENING + timedelta(days=3)]


def test_a_letter_that_is_put_off_too_often_is_given_up_and_faxed(install: Install) -> None:
    home = install(tries=3)
    (id,) = home.take()
    home.prepare()
    pages = ScriptedPages()
    home.live_through(home.courier(ScriptedTransport(answer=lambda _: GREYLISTED), pages), NOON)
    mail, fax = home.deliveries(id)
    assert (mail.state, mail.reason, mail.tries) == (D.FAILED, "gave_up", 3)
    assert (fax.channel, fax.state) == (Channel.FAX, D.ACCEPTED)
    assert len(pages.carried) == 1
    assert home.audit().ok


def test_a_letter_is_given_up_after_five_days(home: Installation) -> None:
    (id,) = home.take(country="JP")
    home.prepare()
    home.live_through(home.courier(ScriptedTransport(answer=lambda _: GREYLISTED)), NOON + timedelta(days=20))
    delivery = home.delivery(id)
    assert (delivery.state, delivery.reason) == (D.FAILED, "gave_up")
    moments = sent_at(home)
    assert moments[-1] - moments[0] <= timedelta(days=5)
    assert all(in_office_hours(moment, "Asia/Tokyo") for moment in moments)


def test_a_refused_mail_opens_the_fax(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: REFUSED)), NOON)
    mail, fax = home.deliveries(id)
    assert (mail.state, mail.reason) == (D.FAILED, "refused")
    assert (fax.channel, fax.state, fax.rendering) == (Channel.FAX, D.QUEUED, None)
    assert home.letter(id).state is LetterState.APPROVED


def test_a_mailbox_that_its_server_does_not_know_is_marked_and_not_tried_by_the_others(
    home: Installation,
) -> None:
    ids = home.take(12)
    home.prepare()
    transport = ScriptedTransport(answer=lambda _: NO_SUCH_MAILBOX)
    pages = ScriptedPages()
    courier = home.courier(transport, pages)
    home.work(courier, OPENING)
    assert len(transport.sent) == 1
    with home.house.store.read() as work:
        directory = work.directory.load()
    assert directory is not None
    the_hague = directory.mission(THE_HAGUE)
    assert the_hague is not None
    assert [c.health for c in the_hague.contacts] == [Health.DEAD, Health.UNTRIED, Health.UNTRIED]
    assert {home.delivery(id).channel for id in ids} == {Channel.FAX}
    home.live_through(courier, OPENING + timedelta(hours=1))
    assert len(transport.sent) == 1
    assert len(pages.carried) == 12
    assert home.audit().ok


def test_a_refusal_by_policy_does_not_condemn_the_mailbox(home: Installation) -> None:
    home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: REFUSED)), NOON)
    with home.house.store.read() as work:
        directory = work.directory.load()
    assert directory is not None and directory.mission(THE_HAGUE) is not None
    assert {c.health for m in directory.missions for c in m.contacts} == {Health.UNTRIED}


def test_a_letter_without_an_answer_is_in_doubt_and_never_sent_again(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    transport = ScriptedTransport(answer=lambda _: NO_ANSWER)
    courier = home.courier(transport)
    home.live_through(courier, NOON)
    with home.house.store.write() as work:
        work.outbox.recover(now=NOON + timedelta(days=30), dead=[courier.id], by="recovery")
    home.clock.move_to(NOON + timedelta(days=30))
    home.work(courier, rounds=3)
    assert len(transport.sent) == 1
    assert [row.state for row in home.deliveries(id)] == [D.IN_DOUBT]
    assert home.audit().in_doubt == (home.delivery(id).id,)
    assert home.audit().ok


def test_a_fax_in_doubt_does_not_open_paper(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    courier = home.courier(
        ScriptedTransport(answer=lambda _: REFUSED), ScriptedPages(answer=lambda _: NO_ANSWER)
    )
    home.live_through(courier, NOON + timedelta(days=3))
    assert [row.state for row in home.deliveries(id)] == [D.FAILED, D.IN_DOUBT]


# A relay that fails.


def test_nothing_is_lost_or_doubled_while_the_relay_fails(home: Installation) -> None:
    home.take(10)
    home.prepare()
    transport = ScriptedTransport(answer=lambda _: RELAY_DOWN)
    courier = home.courier(transport)
    home.work(courier, OPENING + timedelta(hours=1), rounds=2)
    assert home.states() == {D.QUEUED: 10}
    transport.sent.clear()
    transport.answer = lambda _: None
    home.live_through(courier, OPENING + timedelta(hours=4))
    assert home.states() == {D.ACCEPTED: 10}
    assert len(set(transport.deliveries)) == len(transport.sent) == 10
    assert home.audit().ok


def test_the_relays_faults_do_not_use_up_a_letters_own_tries(install: Install) -> None:
    home = install(tries=2)
    (id,) = home.take()
    home.prepare()
    answers = in_turn(*[RELAY_DOWN] * 5, GREYLISTED, None)
    home.live_through(home.courier(ScriptedTransport(answer=answers)), NOON + timedelta(days=4))
    assert [row.state for row in home.deliveries(id)] == [D.ACCEPTED]
    assert len(attempts(home, id)) == 7


def test_a_courier_rests_longer_and_longer_while_the_relay_fails(home: Installation) -> None:
    home.submit(1)
    home.prepare()
    rests: list[float] = []
    transport = ScriptedTransport(answer=lambda _: RELAY_DOWN)
    courier = home.courier(transport)

    class Clock:
        now = staticmethod(home.clock.now)

        async def sleep(self, seconds: float) -> None:
            rests.append(seconds)
            if len(rests) == 20:
                courier.stop()
            waiting = [row.id for row in home.queue()]
            with home.house.store.write() as work:  # due again at once
                work.outbox.reschedule(dict.fromkeys(waiting, home.clock.now()), any_hour=False)

    courier.clock = Clock()
    asyncio.run(courier.run())
    waits = [seconds for seconds in rests if seconds != courier.poll_seconds]
    assert waits[0] == 1 and waits[-1] == 60
    assert waits == sorted(waits)


# Pace and hours.


def test_a_missions_pace_is_kept_over_all_channels_and_couriers_on_a_whole_day(install: Install) -> None:
    pace = 6
    home = install(pace=pace)
    home.take(30)
    home.take(10, first=200, country="JP")
    home.prepare()
    numbers = iter(range(10_000))
    answer = lambda _: (None, REFUSED, None, GREYLISTED)[next(numbers) % 4]  # noqa: E731
    pages = ScriptedPages(answer=lambda sheets: GREYLISTED if sheets.delivery % 7 == 0 else None)
    couriers = [home.courier(ScriptedTransport(answer=answer), pages) for _ in range(2)]
    home.live_through(couriers, OPENING + timedelta(days=12))
    for mission, zone in ((THE_HAGUE, "Europe/Amsterdam"), (TOKYO, "Asia/Tokyo")):
        moments = sent_at(home, mission=mission)
        assert len(moments) >= 10
        assert most_in_an_hour(moments) <= pace
        assert all(in_office_hours(moment, zone) for moment in moments)
    assert {row.delivery.channel for row in home.log(mission=THE_HAGUE)} == set(Channel)
    states = home.states()
    assert states.pop(D.FAILED) > 0
    assert set(states) == {D.ACCEPTED}
    assert home.audit().ok


@pytest.mark.parametrize(
    ("fault", "after"), [(RELAY_DOWN, timedelta(minutes=5)), (GREYLISTED, timedelta(hours=1))]
)
def test_what_never_came_to_the_mission_costs_nothing_of_its_hour(
    install: Install, fault: Outcome, after: timedelta
) -> None:
    home = install(pace=1)
    (id,) = home.take()
    home.prepare()
    courier = home.courier(ScriptedTransport(answer=in_turn(fault)))
    home.live_through(courier, OPENING + timedelta(hours=3))
    assert home.delivery(id).state is D.ACCEPTED
    assert sent_at(home) == [OPENING, OPENING + after]


def test_what_a_courier_never_began_costs_nothing_of_its_hour(install: Install) -> None:
    home = install(pace=1)
    home.take()
    home.prepare()
    home.clock.move_to(OPENING)

    def break_off() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        home.work(home.courier(ScriptedTransport(before=break_off)))
    assert home.states() == {D.QUEUED: 1}
    home.work(home.courier())
    assert home.states() == {D.ACCEPTED: 1}


def test_what_the_morning_missed_is_made_good_in_office_hours_at_the_pace(install: Install) -> None:
    home = install(pace=12)
    home.take(50)
    home.prepare()
    home.clock.move_to(OPENING + timedelta(hours=3))  # the machine was down
    home.live_through(home.courier(), OPENING + timedelta(days=4))
    moments = sent_at(home)
    assert len(moments) == 50
    assert min(moments) == OPENING + timedelta(hours=3)
    assert most_in_an_hour(moments) <= 12
    assert max(Counter(moments).values()) <= 2  # ten minutes' worth at once
    assert max(moments) < OPENING + timedelta(hours=8)
    assert home.states() == {D.ACCEPTED: 50}


def test_what_was_missed_until_closing_waits_for_the_next_office_day(install: Install) -> None:
    home = install(pace=12)
    home.take(10)
    home.prepare()
    courier = home.courier()
    home.work(courier, OPENING + timedelta(hours=8))
    assert sent_at(home) == []
    monday = OPENING + timedelta(days=3)
    home.live_through(courier, monday + timedelta(hours=1))
    assert sent_at(home) == [monday + timedelta(minutes=5) * n for n in range(10)]


@pytest.mark.parametrize(
    ("day", "country", "zone", "closed", "first", "last"),
    [
        # Amsterdam puts its clocks back on Sunday, 31 October: the next Monday begins an hour later in UTC.
        (date(2027, 10, 29), "NL", "Europe/Amsterdam", {6, 7}, "2027-10-29T07:00", "2027-11-01T08:00"),
        # The action day itself is that Sunday.
        (date(2027, 10, 31), "NL", "Europe/Amsterdam", {6, 7}, "2027-10-31T08:00", "2027-11-01T08:00"),
        # Cairo has put its clocks back in the night to Friday, 29 October.
        (date(2027, 10, 28), "EG", "Africa/Cairo", {5, 6}, "2027-10-28T06:00", "2027-10-31T07:00"),
        # Wellington puts its clocks forward on Sunday, 26 September.
        (date(2027, 9, 24), "NZ", "Pacific/Auckland", {6, 7}, "2027-09-23T21:00", "2027-09-26T20:00"),
    ],
)
def test_office_hours_are_the_missions_own_across_a_change_of_the_clocks(
    install: Install, day: date, country: str, zone: str, closed: set[int], first: str, last: str
) -> None:
    home = install(pace=1, day=day)
    home.take(9, country=country)
    home.prepare()
    home.live_through(home.courier(), datetime.combine(day, time(12), UTC) + timedelta(days=5))
    moments = sent_at(home)
    assert len(moments) == 9
    assert moments[0] == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert moments[-1] == datetime.fromisoformat(last).replace(tzinfo=UTC)
    for moment in moments:
        local = moment.astimezone(ZoneInfo(zone))
        assert time(9) <= local.time() < time(17)
        assert local.isoweekday() not in closed or local.date() == day


def test_mails_to_supporters_cost_no_missions_budget_and_do_not_wait_behind_letters(install: Install) -> None:
    home = install(pace=1)
    home.take(30)
    home.clock.move_to(OPENING + timedelta(hours=7))
    for number in range(100, 120):
        home.submit(number)
    home.prepare()
    transport = ScriptedTransport()
    courier = home.courier(transport, batch=25)
    home.work(courier)
    to = [parcel.recipient for parcel in transport.sent]
    assert len(to) == 21
    assert to[-1] == "embassy@nl.mission.example"
    assert all(recipient.endswith("@supporters.example.org") for recipient in to[:-1])


def test_released_letters_keep_the_pace_at_any_hour(install: Install) -> None:
    home = install(pace=12)
    home.take(30)
    home.prepare()
    home.clock.move_to(WEEK_BEFORE + timedelta(hours=15))  # 01:00 in The Hague
    with home.house.store.write() as work:
        home.house.dispatch.release(work, home.house.campaigns.active, at=home.clock.now(), now=True)
    home.live_through(home.courier(), WEEK_BEFORE + timedelta(days=1))
    moments = sent_at(home)
    assert len(moments) == 30
    assert most_in_an_hour(moments) <= 12
    assert max(moments) < WEEK_BEFORE + timedelta(hours=15 + 3)


# Pauses, stops and crashes.


def test_a_pause_takes_hold_with_the_next_batch_and_its_end_lets_the_letters_go(install: Install) -> None:
    home = install(pace=200)
    home.take(20)
    home.prepare()
    transport = ScriptedTransport()
    pausing = home.house.pausing

    def pause() -> None:
        pausing.pause(PauseScope.MISSION, THE_HAGUE, by="Mina")

    transport.before = pause
    courier = home.courier(transport, batch=8)
    home.work(courier, NOON, rounds=3)
    assert len(transport.sent) == 8  # what was on the wire already is let finish
    assert home.states() == {D.ACCEPTED: 8, D.HELD: 12}
    transport.before = lambda: None
    pausing.resume(PauseScope.MISSION, THE_HAGUE, by="Mina")
    home.work(courier, rounds=2)
    assert len(set(transport.deliveries)) == len(transport.sent) == 20
    assert home.audit().ok


def test_a_courier_that_is_stopped_finishes_what_is_on_the_wire_and_leaves_the_rest_in_the_queue(
    install: Install,
) -> None:
    home = install(pace=600)
    home.take(60)
    home.prepare()
    home.clock.move_to(NOON)
    transport = ScriptedTransport()
    courier = home.courier(transport, batch=8)
    transport.before = courier.stop
    asyncio.run(courier.run())
    states = home.states()
    assert set(states) == {D.ACCEPTED, D.QUEUED}
    assert states[D.ACCEPTED] == len(transport.sent) <= 3 * 8
    assert transport.closed
    with home.house.store.read() as work:
        assert work.couriers.all() == {}
        assert {row.lease for row in work.outbox.waiting()} == {None}
    assert home.audit().ok


def test_a_courier_works_until_it_is_stopped(home: Installation) -> None:
    home.take(3)
    home.prepare()
    home.clock.move_to(NOON)
    transport = ScriptedTransport()
    courier = home.courier(transport)

    async def work() -> None:
        running = asyncio.create_task(courier.run())
        while home.states().get(D.ACCEPTED, 0) < 3:  # noqa: ASYNC110 - the database rings no bell
            await asyncio.sleep(0.01)
        with home.house.store.read() as present:
            assert set(present.couriers.all()) == {courier.id}
        courier.stop()
        await asyncio.wait_for(running, 10)

    asyncio.run(work())
    assert len(transport.sent) == 3


def test_a_courier_keeps_its_lease_while_a_server_thinks_however_short_that_is(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.clock.move_to(NOON)
    life = timedelta(seconds=0.6)
    there, answer = asyncio.Event(), asyncio.Event()

    class Thinks(ScriptedTransport):
        async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
            there.set()
            await answer.wait()
            await super().send(parcels, witness)

    async def work() -> None:
        courier = home.courier(Thinks(), lease_life=life)
        courier.claiming = replace(courier.claiming, lease_life=life)
        running = asyncio.create_task(courier.run())
        await asyncio.wait_for(there.wait(), 10)
        for _ in range(3):
            home.clock.move_to(home.clock.now() + life / 2)
            await asyncio.sleep(life.total_seconds() * 2 / 3)
            with home.house.store.write() as work:
                assert work.outbox.recover(now=home.clock.now(), dead=(), by="clock") == 0
        answer.set()
        courier.stop()
        await asyncio.wait_for(running, 10)

    asyncio.run(work())
    assert home.delivery(id).state is D.ACCEPTED


def test_what_a_transport_answered_before_it_broke_is_kept_and_only_what_had_left_is_in_doubt(
    home: Installation,
) -> None:
    home.take(3)
    home.prepare()

    class Breaks(ScriptedTransport):
        async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
            first, second, _ = parcels
            await super().send([first], witness)
            witness.going(second.delivery)
            raise ZeroDivisionError

    courier = home.courier(Breaks())
    with pytest.raises(ZeroDivisionError):
        home.work(courier, NOON)
    assert home.states() == {D.ACCEPTED: 1, D.IN_DOUBT: 1, D.QUEUED: 1}
    assert home.audit().ok


def test_a_dead_couriers_journal_tells_what_was_sent_what_is_in_doubt_and_what_never_left(
    install: Install, tmp_path: Path
) -> None:
    home = install(pace=120)
    home.take(10)
    home.prepare()
    home.clock.move_to(NOON)
    dead, transport = home.courier(), ScriptedTransport()
    batch = dead.claiming.claim(100, notices=False)
    assert batch is not None and len(batch) == 10
    ids = list(batch.deliveries)
    batch.page.write(ids[:4], [])
    batch.page.write([], [(ids[0], ACCEPTED), (ids[1], REFUSED)])
    locks = tmp_path / "data" / "couriers"
    locks.mkdir()
    (locks / f"{dead.id}.lock").touch()
    alive = home.courier(transport)
    with at_work(alive, home.settings):
        assert home.states() == {D.ACCEPTED: 1, D.FAILED: 1, D.IN_DOUBT: 2, D.QUEUED: 7}
        with home.house.store.write() as work:  # what never left costs nothing of its hour
            assert work.timing.let_through([THE_HAGUE], since_minute=0)[THE_HAGUE] == {minute_of(NOON): 4}
        home.live_through(alive, NOON + timedelta(hours=1))
    assert set(transport.deliveries) == set(ids[4:])
    assert list(locks.iterdir()) == []
    assert home.audit().ok


def test_an_answer_outlives_a_database_that_is_away(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.services.courier._RESTS", (0.001,) * 5)
    (id,) = home.take()
    home.prepare()
    store = home.house.store
    away = 3

    class Flaky:
        links = store.links
        read = staticmethod(store.read)
        tidy = staticmethod(store.tidy)

        @contextmanager
        def write(self) -> Iterator[Work]:
            nonlocal away
            if transport.sent and away:
                away -= 1
                raise StoreUnavailable(problem="its server does not answer")
            with store.write() as work:
                yield work

    transport = ScriptedTransport()
    courier: Courier = home.courier(transport)
    courier.settling = replace(courier.settling, store=Flaky())
    home.work(courier, NOON)
    assert (away, len(transport.sent), home.delivery(id).state) == (0, 1, D.ACCEPTED)


def test_a_letter_that_is_erased_after_its_claim_is_not_sent(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    with home.house.store.write() as work:
        work.letters.erase([id], at=WEEK_BEFORE)
    transport = ScriptedTransport()
    home.work(home.courier(transport), NOON)
    assert transport.sent == []
    assert home.delivery(id).state is D.CANCELLED
    assert home.audit().ok


def test_two_couriers_share_the_queue_and_send_nothing_twice(install: Install) -> None:
    home = install(pace=3000)
    home.take(120)
    home.prepare()
    home.clock.move_to(OPENING + timedelta(minutes=30))
    transports = [ScriptedTransport() for _ in range(3)]

    async def work() -> None:
        crew = [home.courier(transport, batch=10) for transport in transports]
        for _ in range(6):
            await asyncio.gather(*(courier.round() for courier in crew))

    asyncio.run(work())
    sent = [delivery for transport in transports for delivery in transport.deliveries]
    assert len(sent) == len(set(sent)) == 120
    assert home.states() == {D.ACCEPTED: 120}
    assert home.audit().ok


def test_pages_are_deferred_where_nothing_carries_them(home: Installation) -> None:
    (id,) = home.take(country="US", region="US-NY")
    home.prepare()
    courier = home.courier()
    courier.pages = None
    home.work(courier, datetime(2027, 9, 24, 14, 0, tzinfo=UTC))
    delivery: Delivery = home.delivery(id)
    assert (delivery.state, delivery.reason) == (D.QUEUED, "deferred")


def test_a_reminder_that_bounces_off_opens_no_other_channel(home: Installation) -> None:
    id = home.submit()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: REFUSED)))
    assert home.deliveries(id) == []
    (row,) = home.queue()
    assert (row.notice, row.state) == (Notice.CONFIRMATION, D.FAILED)
