"""Stop and go."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.adapters.campaign_files import NoSuchCampaign
from dispatcher.adapters.database.outbox import OutboxTable
from dispatcher.adapters.database.pauses import PauseTable
from dispatcher.domain.delivery import DeliveryId, DeliveryState
from dispatcher.services.pauses import Pause, PauseScope
from dispatcher.services.pausing import EVERYTHING
from dispatcher.services.routing import NoSuchMission
from tests.installation import NOON, REYKJAVIK, THE_HAGUE, TOKYO, Installation, ScriptedTransport, shut

D = DeliveryState
SCOPES = [(PauseScope.MISSION, THE_HAGUE), (PauseScope.CAMPAIGN, "test-day"), (PauseScope.ALL, EVERYTHING)]


@pytest.mark.parametrize(("scope", "key"), SCOPES)
def test_nothing_leaves_while_a_pause_stands_and_all_of_it_afterwards(
    home: Installation, scope: PauseScope, key: str
) -> None:
    pausing = home.house.pausing
    home.take(2)
    home.prepare()
    assert pausing.pause(scope, key, by="Mina", reason="asked by the mission") == 2
    home.take(1, first=5)  # comes in meanwhile
    home.prepare()
    transport = ScriptedTransport()
    courier = home.courier(transport)
    home.work(courier, NOON, rounds=2)
    assert transport.sent == []
    pausing.apply()
    assert home.states() == {D.HELD: 3}
    assert pausing.resume(scope, key, by="Mina") == (True, 3)
    home.live_through(courier, NOON + timedelta(hours=1))
    assert home.states() == {D.ACCEPTED: 3}
    assert home.audit().ok


def test_a_paused_mission_does_not_hold_up_the_others(home: Installation) -> None:
    home.take(1)
    home.take(1, first=2, country="JP")
    assert home.house.pausing.pause(PauseScope.MISSION, TOKYO, by="Mina") == 1
    assert home.states() == {D.HELD: 1, D.QUEUED: 1}


def test_a_pause_that_is_set_within_a_claim_keeps_its_letters_back(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = home.take(2)
    home.take(1, first=3, country="IS")
    home.prepare()
    start = OutboxTable.start

    def start_behind_a_pause(table: OutboxTable, ids: Sequence[DeliveryId], **how: Any) -> set[DeliveryId]:
        assert len(ids) == 3
        pause = Pause(scope=PauseScope.MISSION, key=REYKJAVIK, since=NOON, by="Mina", reason="")
        PauseTable(table._connection).set(pause)
        return start(table, ids, **how)

    monkeypatch.setattr(OutboxTable, "start", start_behind_a_pause)
    home.clock.move_to(NOON)
    batch = home.courier().claiming.claim(10, notices=False)
    assert batch is not None
    batch.page.close()
    assert batch.deliveries == {home.delivery(letter).id for letter in going}
    assert batch.deliveries == {parcel.delivery for parcel in batch.mails}
    assert home.states() == {D.SENDING: 2, D.QUEUED: 1}


def test_pauses_are_listed_with_who_and_why(home: Installation) -> None:
    home.house.pausing.pause(PauseScope.ALL, by="Mina", reason="a false alarm")
    (pause,) = home.house.pausing.all()
    assert (pause.scope, pause.by, pause.reason, pause.since) == (
        PauseScope.ALL,
        "Mina",
        "a false alarm",
        home.clock.now(),
    )


def test_lifting_what_is_not_paused_is_told(home: Installation) -> None:
    assert home.house.pausing.resume(PauseScope.ALL, by="Mina") == (False, 0)


def test_a_pause_of_something_unknown_is_refused(home: Installation) -> None:
    with pytest.raises(NoSuchMission):
        home.house.pausing.pause(PauseScope.MISSION, "cn-xx-nowhere", by="Mina")
    with pytest.raises(NoSuchCampaign):
        home.house.pausing.pause(PauseScope.CAMPAIGN, "no-such-day", by="Mina")
    assert home.house.pausing.all() == []


def test_a_pause_outlives_the_next_opening_of_the_house(home: Installation) -> None:
    from dispatcher.wiring import open_house

    home.house.pausing.pause(PauseScope.ALL, by="Mina")
    again = open_house(home.settings, clock=home.clock)
    assert [pause.scope for pause in again.pausing.all()] == [PauseScope.ALL]
    shut(again)
