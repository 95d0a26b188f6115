"""The audit is green on a full run, and red, with the right rule, for each way of tampering."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from dispatcher.adapters.database.store import DatabaseWork
from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.audit import audit
from dispatcher.services.doubt import Doubt
from tests.installation import (
    GREYLISTED,
    NO_ANSWER,
    NOON,
    REFUSED,
    THREAT,
    Installation,
    ScriptedPages,
    ScriptedTransport,
    in_turn,
)


@dataclass(frozen=True)
class Played:
    """A week and a day with everything in it. sent: a delivery that was accepted; its letter."""

    home: Installation
    sent: int
    letter: int

    def tamper(self, *statements: str) -> set[tuple[str, str, int]]:
        """What the audit finds after this SQL: (rule, subject, id). Afterwards all is as it was."""
        values = {"sent": self.sent, "letter": self.letter}
        found: set[tuple[str, str, int]] = set()
        with suppress(_TakenBack), self.home.house.store.write() as work:
            assert isinstance(work, DatabaseWork)
            for statement in statements:
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                work._connection.execute(text(statement), used)
            found = {(each.rule, each.subject, each.id) for each in audit(work.ledger).broken}
            raise _TakenBack
        return found


class _TakenBack(Exception):
    """Ends the transaction."""


@pytest.fixture
def played(home: Installation) -> Iterator[Played]:
    house = home.house
    ids = home.take(6)
    home.take(1, first=10, country="SZ")
    home.take(1, first=11, letter=THREAT)
    home.take(1, first=12, country="US", region="US-NY")
    withdrawn, confirmed = home.submit(20), home.submit(21)
    home.submit(22)
    for id in (withdrawn, confirmed):
        house.confirmation.confirm(id)
    house.confirmation.withdraw(withdrawn)
    (doubtful,) = house.moderation.waiting()
    house.moderation.approve(doubtful.id, by="Mina")
    home.prepare()
    answers = in_turn(None, None, None, None, GREYLISTED, REFUSED, NO_ANSWER, NO_ANSWER)
    to_missions = ScriptedTransport(
        answer=lambda parcel: answers(parcel) if "mission" in parcel.recipient else None
    )
    courier = home.courier(to_missions, ScriptedPages())
    home.live_through(courier, NOON + timedelta(days=1))
    in_doubt = Doubt(store=house.store, clock=house.clock).all()
    Doubt(store=house.store, clock=house.clock).sent(in_doubt[0].delivery.id, reason="by its log", by="Mina")
    accepted = home.delivery(ids[0])
    assert accepted.state is DeliveryState.ACCEPTED
    yield Played(home=home, sent=accepted.id, letter=ids[0])


def test_a_full_run_is_green_and_every_approved_letter_is_accounted_for(played: Played) -> None:
    found = played.home.audit()
    assert found.ok, found.broken
    assert found.approved == sum(found.totals.values()) == 11
    assert sum(sum(states.values()) for states in found.by_mission.values()) == 11
    assert found.totals[DeliveryState.HELD] == 1
    assert len(found.in_doubt) == found.totals.get(DeliveryState.IN_DOUBT, 0) == 1
    document = found.document()
    assert document["ok"] is True and document["broken"] == []
    assert document["totals"]["accepted"] == found.totals[DeliveryState.ACCEPTED]


Tampering = tuple[tuple[str, ...], set[tuple[str, str]]]
WAYS: dict[str, Tampering] = {
    "a delivery is deleted": (
        ("DELETE FROM attempts WHERE outbox = :sent", "DELETE FROM outbox WHERE id = :sent"),
        {("conservation", "letter")},
    ),
    "an acceptance is written twice": (
        (
            "INSERT INTO attempts (outbox, at, ended_at, outcome) SELECT outbox, at, ended_at, outcome "
            "FROM attempts WHERE outbox = :sent",
        ),
        {("at_most_once", "delivery")},
    ),
    "a state is edited": (("UPDATE outbox SET state = 'failed' WHERE id = :sent",), {("log", "delivery")}),
    "a letter's state is edited": (
        ("UPDATE letters SET state = 'withdrawn' WHERE id = :letter",),
        {("log", "letter")},
    ),
    "the last move is dropped": (
        (
            "DELETE FROM moves WHERE id = "
            "(SELECT max(id) FROM moves WHERE subject = 'delivery' AND subject_id = :sent)",
        ),
        {("log", "delivery")},
    ),
    "the first move is dropped": (
        ("DELETE FROM moves WHERE subject = 'delivery' AND subject_id = :sent AND new = 'queued'",),
        {("log", "delivery")},
    ),
    "all moves are dropped": (
        ("DELETE FROM moves WHERE subject = 'delivery' AND subject_id = :sent",),
        {("log", "delivery")},
    ),
    "a move is made up": (
        (
            "INSERT INTO moves (subject, subject_id, old, new, by, at) "
            "VALUES ('delivery', :sent, 'accepted', 'queued', 'x', 0)",
            "UPDATE outbox SET state = 'queued' WHERE id = :sent",
        ),
        {("log", "delivery")},
    ),
    "what was sent stands in the queue again": (
        (
            "INSERT INTO queue (delivery, kind, letter, campaign, mission, channel, recipient, due_at, rendering, any_hour) "
            "SELECT id, kind, letter, campaign, mission, channel, recipient, due_at, rendering, any_hour FROM outbox "
            "WHERE id = :sent",
        ),
        {("conservation", "delivery")},
    ),
    "the answer is deleted": (("DELETE FROM attempts WHERE outbox = :sent",), {("honesty", "delivery")}),
    "the answer is edited": (
        ("UPDATE attempts SET outcome = 'refused' WHERE outbox = :sent",),
        {("honesty", "delivery")},
    ),
    "the approval is taken away": (
        ("UPDATE letters SET approved_at = NULL WHERE id = :letter",),
        {("conservation", "letter")},
    ),
    "the log of the approval is dropped": (
        ("DELETE FROM moves WHERE subject = 'letter' AND subject_id = :letter AND new = 'approved'",),
        {("conservation", "letter"), ("log", "letter")},
    ),
}


def test_an_attempt_of_nobody_shows(played: Played) -> None:
    found = played.tamper("UPDATE attempts SET outbox = 999999 WHERE outbox = :sent")
    assert ("conservation", "delivery", 999999) in found
    assert ("honesty", "delivery", played.sent) in found


def test_tampering_shows(played: Played) -> None:
    own = {"delivery": played.sent, "letter": played.letter}
    for way, (statements, expected) in WAYS.items():
        found = played.tamper(*statements)
        assert {(rule, subject, own[subject]) for rule, subject in expected} <= found, way
        assert all(id == own[subject] for _, subject, id in found), (way, found)
    assert played.home.audit().ok


def test_a_letter_that_is_with_its_mission_twice_shows(played: Played) -> None:
    """The database itself forbids it, so its guard is taken away first."""
    found = played.tamper(
        "DROP INDEX uq_outbox_live",
        "INSERT INTO outbox (kind, letter, campaign, mission, channel, recipient, state, due_at, message_id, "
        "created_at, moved_at) SELECT kind, letter, campaign, mission, 'fax', recipient, state, due_at, '<x@y>', "
        "created_at, moved_at FROM outbox WHERE id = :sent",
    )
    assert ("at_most_once", "letter", played.letter) in found


def test_a_letter_that_was_never_approved_and_has_a_delivery_shows(
    home: Installation, drafts: Callable[..., list[object]]
) -> None:
    id = home.submit()
    with home.house.store.write() as work:
        home.house.dispatch.open_first(work, [work.letters.get([id])[id]], at=NOON)
    found = home.audit()
    assert [(each.rule, each.id) for each in found.broken] == [("conservation", id)]


def test_an_empty_installation_is_green(home: Installation) -> None:
    found = home.audit()
    assert (found.ok, found.approved, found.totals) == (True, 0, {})
