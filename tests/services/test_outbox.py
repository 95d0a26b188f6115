"""Approved letters enter the outbox: the channel, the hour, and what follows a failure, a pause or a change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatcher.domain.delivery import Delivery, DeliveryState
from dispatcher.domain.directory import Directory
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import Channel, ContactKind, Health, MissionId
from dispatcher.services.outbox import new_message_id
from dispatcher.services.pauses import PauseScope
from tests.installation import (
    DIRECTORY,
    NO_ANSWER,
    NOON,
    OPENING,
    REFUSED,
    THE_HAGUE,
    TOKYO,
    WASHINGTON,
    WEEK_BEFORE,
    Installation,
    ScriptedPages,
    ScriptedTransport,
    contact,
    mission,
    without,
)

D = DeliveryState
TWO_MINUTES = timedelta(minutes=2)  # 30 letters an hour


def due(home: Installation, *letters: LetterId) -> list[datetime]:
    return [home.delivery(id).due_at for id in letters]


def changed(id: MissionId, **changes: Any) -> Directory:
    """The tests' directory with one mission changed."""
    return replace(
        DIRECTORY,
        missions=tuple(replace(each, **changes) if each.id == id else each for each in DIRECTORY.missions),
    )


def release(home: Installation, *, now: bool) -> int:
    with home.house.store.write() as work:
        campaign = home.house.campaigns.active
        return home.house.dispatch.release(work, campaign, at=home.clock.now(), now=now)


def set_health(home: Installation, mission: MissionId, value: str, health: Health) -> None:
    with home.house.store.write() as work:
        assert work.directory.set_health(mission, ContactKind.EMAIL, value, health, at=home.clock.now())
        home.house.dispatch.reroute(work, at=home.clock.now())


# Which channel.


@pytest.mark.parametrize(
    ("country", "region", "channel", "recipient"),
    [
        ("NL", "", Channel.EMAIL, "embassy@nl.mission.example"),
        ("US", "US-NY", Channel.FAX, "+12125550103"),
        ("IS", "", Channel.PAPER, "Street 2, Reykjavik"),
    ],
)
def test_a_letter_takes_the_first_channel_that_its_mission_has(
    home: Installation, country: str, region: str, channel: Channel, recipient: str
) -> None:
    (id,) = home.take(country=country, region=region)
    delivery = home.delivery(id)
    assert (delivery.state, delivery.channel, delivery.recipient) == (D.QUEUED, channel, recipient)


def test_a_message_id_says_nothing_and_is_never_made_twice(home: Installation) -> None:
    campaign = home.house.campaigns.active
    made = {new_message_id(campaign) for _ in range(1000)}
    assert len(made) == 1000
    assert all(each.startswith("<") and each.endswith("@campaign.example.org>") for each in made)


def test_in_live_mode_a_channel_without_a_carrier_is_held(
    install: Callable[..., Installation],
) -> None:
    home: Installation = install(environment={"DISPATCHER_MODE": "live"})
    (fax,) = home.take(country="US", region="US-NY")
    (mail,) = home.take(first=2)
    assert (home.delivery(fax).state, home.delivery(fax).reason) == (D.HELD, "no_carrier")
    assert home.delivery(mail).state is D.QUEUED
    assert home.audit().ok


# When.


def test_a_missions_letters_follow_each_other_from_its_opening_at_its_pace(home: Installation) -> None:
    ids = home.take(3)
    (elsewhere,) = home.take(first=9, country="JP")
    ids += home.take(2, first=4)
    assert due(home, *ids) == [OPENING + TWO_MINUTES * n for n in range(5)]
    tokyo = datetime(2027, 9, 24, 9, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert due(home, elsewhere) == [tokyo]


def test_letters_that_do_not_fit_into_the_day_go_on_the_next_office_day(
    install: Callable[..., Installation],
) -> None:
    home: Installation = install(pace=1)
    ids = home.take(9)
    monday = OPENING + timedelta(days=3)  # the action day is a Friday
    assert due(home, *ids) == [*(OPENING + timedelta(hours=n) for n in range(8)), monday]


def test_an_action_day_on_a_weekend_is_an_office_day_all_the_same(
    install: Callable[..., Installation],
) -> None:
    home: Installation = install(pace=1)
    (id, *_, spilled) = home.take(9, country="EG")  # closed on Friday and Saturday
    zone = ZoneInfo("Africa/Cairo")
    assert due(home, id) == [datetime(2027, 9, 24, 9, 0, tzinfo=zone)]
    assert due(home, spilled) == [datetime(2027, 9, 26, 9, 0, tzinfo=zone)]


def test_a_letter_that_comes_on_the_day_itself_is_due_at_once_in_office_hours_only(
    home: Installation,
) -> None:
    home.clock.move_to(NOON)
    (here,) = home.take(1)
    (tokyo,) = home.take(1, first=2, country="JP")  # 19:00 there
    assert due(home, here, tokyo) == [NOON, datetime(2027, 9, 27, 9, 0, tzinfo=ZoneInfo("Asia/Tokyo"))]


# What follows a failure.


def test_a_refused_mail_opens_the_fax_and_a_refused_fax_opens_paper(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    courier = home.courier(
        ScriptedTransport(answer=lambda _: REFUSED),
        ScriptedPages(answer=lambda sheets: REFUSED if sheets.channel is Channel.FAX else None),
    )
    home.live_through(courier, NOON)
    assert [(row.channel, row.state) for row in home.deliveries(id)] == [
        (Channel.EMAIL, D.FAILED),
        (Channel.FAX, D.FAILED),
        (Channel.PAPER, D.ACCEPTED),
    ]
    assert len({row.message_id for row in home.deliveries(id)}) == 3
    assert home.audit().ok


def test_a_letter_whose_last_channel_failed_stays_with_it(home: Installation) -> None:
    (id,) = home.take(country="JP")
    home.prepare()
    home.work(
        home.courier(ScriptedTransport(answer=lambda _: REFUSED)),
        datetime(2027, 9, 24, 1, tzinfo=OPENING.tzinfo),
    )
    assert [row.state for row in home.deliveries(id)] == [D.FAILED]
    assert home.audit().ok


# Changes of the directory.


def test_waiting_letters_go_to_the_new_mailbox(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.use_directory(
        changed(THE_HAGUE, contacts=(contact(THE_HAGUE, ContactKind.EMAIL, "new@nl.mission.example"),))
    )
    old, new = home.deliveries(id)
    assert (old.state, old.reason) == (D.CANCELLED, "rerouted")
    assert (new.state, new.recipient, new.rendering) == (D.QUEUED, "new@nl.mission.example", None)
    transport = ScriptedTransport()
    home.live_through(home.courier(transport), NOON)
    assert [parcel.recipient for parcel in transport.sent] == ["new@nl.mission.example"]
    assert home.audit().ok


def test_a_change_that_does_not_touch_a_letter_leaves_it_alone(home: Installation) -> None:
    (id,) = home.take()
    before = home.deliveries(id)
    home.use_directory(changed(TOKYO, contacts=()))
    assert home.deliveries(id) == before


def test_a_held_letter_goes_once_its_mission_has_a_mailbox(home: Installation) -> None:
    (id,) = home.take(country="AF")
    kabul = home.letter(id).mission
    home.use_directory(
        changed(
            MissionId(kabul), contacts=(contact(MissionId(kabul), ContactKind.EMAIL, "x@af.mission.example"),)
        )
    )
    assert [row.state for row in home.deliveries(id)] == [D.CANCELLED, D.QUEUED]
    assert home.delivery(id).recipient == "x@af.mission.example"


def test_letters_of_a_closed_mission_go_to_its_successor_and_keep_their_reason(home: Installation) -> None:
    (id,) = home.take(country="US", region="US-NY")
    home.use_directory(without(DIRECTORY, [MissionId("cn-us-new-york")]))
    assert home.delivery(id).mission == home.letter(id).mission == WASHINGTON
    assert "Washington" in (home.letter(id).route_reason or "")


def test_a_channel_that_was_refused_is_not_tried_again_after_a_change(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: REFUSED)), NOON)
    home.use_directory(
        changed(
            THE_HAGUE,
            contacts=(
                contact(THE_HAGUE, ContactKind.EMAIL, "new@nl.mission.example"),
                contact(THE_HAGUE, ContactKind.FAX, "+31205550199"),
            ),
        )
    )
    assert [(row.channel, row.state) for row in home.deliveries(id)] == [
        (Channel.EMAIL, D.FAILED),
        (Channel.FAX, D.CANCELLED),
        (Channel.FAX, D.QUEUED),
    ]


def test_a_letter_in_doubt_is_not_rerouted(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=lambda _: NO_ANSWER)), NOON)
    home.use_directory(without(DIRECTORY, [THE_HAGUE]))
    assert [row.state for row in home.deliveries(id)] == [D.IN_DOUBT]


def test_a_paused_letter_does_not_go_to_a_mailbox_that_died_meanwhile(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    pausing = home.house.pausing
    pausing.pause(PauseScope.MISSION, THE_HAGUE, by="Mina")
    set_health(home, THE_HAGUE, "embassy@nl.mission.example", Health.DEAD)
    assert home.delivery(id).state is D.HELD
    pausing.resume(PauseScope.MISSION, THE_HAGUE, by="Mina")
    assert (home.delivery(id).channel, home.delivery(id).state) == (Channel.FAX, D.QUEUED)
    assert home.audit().ok


def test_a_paused_letter_survives_the_end_of_its_mission(home: Installation) -> None:
    home.take(country="US", region="US-NY")
    home.prepare()
    home.house.pausing.pause(PauseScope.ALL, by="Mina")
    home.use_directory(without(DIRECTORY, [MissionId("cn-us-new-york")]))
    home.house.pausing.resume(PauseScope.ALL, by="Mina")
    transport = ScriptedTransport()
    home.live_through(home.courier(transport), datetime(2027, 9, 24, 20, tzinfo=OPENING.tzinfo))
    assert [parcel.recipient for parcel in transport.sent] == ["embassy@us.mission.example"]


def test_two_letters_of_one_person_that_come_to_the_same_mission_do_not_stop_an_import(
    home: Installation,
) -> None:
    texas, new_york = home.take(country="US", region="US-TX"), home.take(country="US", region="US-NY")
    home.use_directory(without(DIRECTORY, [MissionId("cn-us-new-york")]))
    rows: list[Delivery] = [home.delivery(id) for (id,) in (texas, new_york)]
    # One letter of a person to a mission: the second one is not sent as well.
    assert [row.state for row in rows].count(D.QUEUED) == 1
    assert home.audit().ok


# Release by hand.


def test_released_letters_are_due_from_now_on_at_the_missions_pace_whatever_the_hour(
    home: Installation,
) -> None:
    ids = home.take(3)
    (elsewhere,) = home.take(first=9, country="JP")
    home.clock.move_to(WEEK_BEFORE + timedelta(hours=14))
    assert release(home, now=True) == 4
    at = home.clock.now()
    assert due(home, *ids) == [at, at + TWO_MINUTES, at + 2 * TWO_MINUTES]
    assert due(home, elsewhere) == [at]
    assert all(home.delivery(id).any_hour for id in (*ids, elsewhere))


def test_a_fax_that_follows_a_released_mail_is_released_too(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    release(home, now=True)
    pages = ScriptedPages()
    home.live_through(
        home.courier(ScriptedTransport(answer=lambda _: REFUSED), pages), WEEK_BEFORE + timedelta(hours=1)
    )
    assert [sheets.recipient for sheets in pages.carried] == ["+31205550101"]
    assert home.delivery(id).any_hour


def test_a_release_by_the_timetable_takes_back_a_release_at_once(home: Installation) -> None:
    ids = home.take(3)
    release(home, now=True)
    assert release(home, now=False) == 3
    assert due(home, *ids) == [OPENING + TWO_MINUTES * n for n in range(3)]
    assert not any(home.delivery(id).any_hour for id in ids)


def test_letters_released_in_the_middle_of_the_day_still_follow_each_other(home: Installation) -> None:
    ids = home.take(60)
    home.clock.move_to(OPENING + timedelta(minutes=20))
    release(home, now=False)
    assert due(home, *ids) == [home.clock.now() + TWO_MINUTES * n for n in range(60)]


def test_a_release_leaves_what_has_left_or_is_held_without_a_channel(home: Installation) -> None:
    (sent,) = home.take(1)
    (held,) = home.take(1, first=2, country="SZ")
    home.prepare()
    home.work(home.courier(), NOON)
    assert release(home, now=True) == 0
    assert home.delivery(sent).state is D.ACCEPTED
    assert home.delivery(held).state is D.HELD


def test_an_organizers_choice_of_a_mission_frees_the_letter(home: Installation) -> None:
    (id,) = home.take(country="US", region="US-CA")
    assert home.delivery(id).reason == "choose_mission"
    with home.house.store.write() as work:
        assert home.house.dispatch.choose(work, id, "cn-us-los-angeles", at=home.clock.now()) == 1
    assert (home.delivery(id).mission, home.delivery(id).state) == ("cn-us-los-angeles", D.QUEUED)
    assert home.audit().ok


def test_a_new_mission_in_the_directory_takes_its_letters(home: Installation) -> None:
    (id,) = home.take(country="SZ")
    mbabane = mission(
        MissionId("cn-sz-mbabane"),
        "SZ",
        "Eswatini",
        "Mbabane",
        "Africa/Mbabane",
        email="embassy@sz.mission.example",
    )
    home.use_directory(replace(DIRECTORY, missions=(*DIRECTORY.missions, mbabane)))
    assert home.delivery(id).recipient == "embassy@sz.mission.example"
