"""What nobody knows is settled by a person, with a reason."""

from datetime import timedelta

import pytest

from dispatcher.domain.delivery import DeliveryId, DeliveryState, Notice
from dispatcher.domain.letter import LetterId, LetterState
from dispatcher.services.doubt import Doubt, NotInDoubt
from tests.installation import NO_ANSWER, NOON, Installation, ScriptedTransport, in_turn

D = DeliveryState


@pytest.fixture
def doubtful(home: Installation) -> LetterId:
    (id,) = home.take()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=in_turn(NO_ANSWER))), NOON)
    assert home.delivery(id).state is D.IN_DOUBT
    return id


def doubt(home: Installation) -> Doubt:
    return Doubt(store=home.house.store, clock=home.house.clock)


def reasons(home: Installation, id: DeliveryId) -> tuple[str | None, str]:
    with home.house.store.read() as work:
        last = work.outbox.moves(id)[-1]
    return last.note, last.by


def test_what_is_in_doubt_is_listed_with_its_try(home: Installation, doubtful: LetterId) -> None:
    (row,) = doubt(home).all()
    assert row.delivery.id == home.delivery(doubtful).id
    assert [attempt.outcome for attempt in row.attempts] == [NO_ANSWER]


def test_a_letter_that_did_arrive_is_dispatched(home: Installation, doubtful: LetterId) -> None:
    id = home.delivery(doubtful).id
    doubt(home).sent(id, reason="it stands in the relay's log", by="Mina")
    assert (home.delivery(doubtful).state, home.letter(doubtful).state) == (
        D.ACCEPTED,
        LetterState.DISPATCHED,
    )
    assert reasons(home, id) == ("it stands in the relay's log", "Mina")
    assert doubt(home).all() == []
    assert home.audit().ok


def test_a_letter_that_did_not_arrive_is_sent_once_more(home: Installation, doubtful: LetterId) -> None:
    id = home.delivery(doubtful).id
    doubt(home).resend(id, reason="the relay's log has nothing", by="Mina")
    assert reasons(home, id) == ("the relay's log has nothing", "Mina")
    transport = ScriptedTransport()
    home.live_through(home.courier(transport), NOON + timedelta(hours=1))
    assert transport.deliveries == [id]
    assert home.delivery(doubtful).state is D.ACCEPTED
    assert home.audit().ok


def test_a_mail_to_a_supporter_is_listed_and_settled_too(home: Installation) -> None:
    id = home.submit()
    home.prepare()
    home.work(home.courier(ScriptedTransport(answer=in_turn(NO_ANSWER))))
    (row,) = doubt(home).all()
    assert (row.delivery.letter, row.delivery.notice) == (id, Notice.CONFIRMATION)
    assert home.audit().in_doubt == (row.delivery.id,)
    doubt(home).resend(row.delivery.id, reason="the relay's log has nothing", by="Mina")
    transport = ScriptedTransport()
    home.work(home.courier(transport))
    assert transport.deliveries == [row.delivery.id]
    assert doubt(home).all() == []
    assert home.audit().ok


def test_only_what_is_in_doubt_can_be_settled(home: Installation, doubtful: LetterId) -> None:
    id = home.delivery(doubtful).id
    doubt(home).sent(id, reason="seen", by="Mina")
    for settle in (doubt(home).sent, doubt(home).resend):
        with pytest.raises(NotInDoubt, match=str(id)):
            settle(id, reason="again", by="Jun")
        with pytest.raises(NotInDoubt):
            settle(DeliveryId(999), reason="?", by="Jun")


def test_a_letter_in_doubt_cannot_be_taken_back(home: Installation, doubtful: LetterId) -> None:
    assert home.house.confirmation.withdraw(doubtful).value == "too_late"
