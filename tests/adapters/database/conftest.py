import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.domain.campaign import CampaignId
from dispatcher.domain.delivery import Delivery, DeliveryId, NewDelivery, Notice
from dispatcher.domain.letter import LetterId, LetterState, NewLetter
from dispatcher.domain.mission import Channel
from dispatcher.services.pauses import Pause, PauseScope
from dispatcher.services.stationery import Rendered
from dispatcher.services.store import Claimed
from tests.installation import DAY, NOON, THE_HAGUE, WEEK_BEFORE

CAMPAIGN = CampaignId("test-day")


@dataclass(frozen=True)
class Stock:
    """Puts rows into the tables without the services."""

    store: DatabaseStore
    numbers: "count[int]"

    def letters(self, count: int = 1, **changes: Any) -> list[LetterId]:
        with self.store.write() as work:
            new = [
                self.new_letter(person=work.letters.person(f"{next(self.numbers)}@example.org"), **changes)
                for _ in range(count)
            ]
            return work.letters.add(new, at=WEEK_BEFORE, by="test")

    def new_letter(self, **changes: Any) -> NewLetter:
        fields: dict[str, Any] = {
            "campaign": CAMPAIGN,
            "action_day": DAY,
            "state": LetterState.APPROVED,
            "source": "file",
            "person": bytes(32),
            "name": "Jane Doe",
            "email": "jane@example.org",
            "organisation": "",
            "city": "",
            "country": "NL",
            "region": None,
            "language": "en",
            "shielded": False,
            "subject": "A request",
            "text": "Please.",
            "verdict": "pass",
            "asked_for_person": False,
            "findings": "[]",
            "mission": THE_HAGUE,
            "route_reason": "You live there.",
        }
        return NewLetter(**(fields | changes))

    def new_delivery(self, letter: LetterId, **changes: Any) -> NewDelivery:
        fields: dict[str, Any] = {
            "letter": letter,
            "campaign": CAMPAIGN,
            "due_at": NOON,
            "message_id": f"<{next(self.numbers)}@campaign.example>",
        }
        if "notice" not in changes:
            fields |= {
                "mission": THE_HAGUE,
                "channel": Channel.EMAIL,
                "recipient": "embassy@nl.mission.example",
            }
        return NewDelivery(**(fields | changes))

    def queued(
        self, count: int = 1, *, rendered: bool = True, apart: timedelta = timedelta(), **changes: Any
    ) -> list[DeliveryId]:
        """Deliveries of approved letters. apart: between the due times of one and the next."""
        letters = self.letters(count)
        due = changes.pop("due_at", NOON)
        with self.store.write() as work:
            ids = work.outbox.add(
                [
                    self.new_delivery(letter, due_at=due + apart * place, **changes)
                    for place, letter in enumerate(letters)
                ],
                at=WEEK_BEFORE,
                by="test",
            )
            if rendered:
                work.outbox.rendered([(id, page(f"letter {id}")) for id in ids], at=WEEK_BEFORE)
        return ids

    def notices(self, count: int = 1, kind: Notice = Notice.RECEIPT) -> list[DeliveryId]:
        return self.queued(count, notice=kind)

    def claim(
        self,
        *,
        lease: str = "lease-1",
        courier: str = "courier-1",
        notices: bool = False,
        now: datetime = NOON,
        limit: int = 100,
        until: datetime = NOON + timedelta(minutes=15),
    ) -> list[Claimed]:
        """What is due, marked as on the wire."""
        with self.store.write() as work:
            work.outbox.finish([lease])
            rows = work.outbox.due(notices=notices, now=now, limit=limit)
            ids = [row.id for row in rows]
            started = work.outbox.start(ids, courier=courier, lease=lease, until=until, at=now)
            assert started == set(ids)
        return rows

    def on_the_wire(self, count: int = 1, **changes: Any) -> list[DeliveryId]:
        self.queued(count)
        return [row.id for row in self.claim(**changes)]

    def get(self, id: DeliveryId) -> Delivery:
        with self.store.read() as work:
            return work.outbox.get([id])[id]

    def states(self) -> dict[str, int]:
        with self.store.read() as work:
            return {state.value: count for state, count in work.outbox.totals().items()}

    def pause(self, scope: PauseScope, key: str = "*") -> tuple[int, int]:
        with self.store.write() as work:
            work.pauses.set(Pause(scope=scope, key=key, since=NOON, by="Mina", reason=""))
            return work.outbox.apply_pauses(at=NOON, by="Mina")

    def lift(self, scope: PauseScope, key: str = "*") -> tuple[int, int]:
        with self.store.write() as work:
            assert work.pauses.lift(scope, key)
            return work.outbox.apply_pauses(at=NOON, by="Mina")

    def story(self, id: DeliveryId) -> list[tuple[str | None, str]]:
        with self.store.read() as work:
            return [(move.old, move.new) for move in work.outbox.moves(id)]


def page(text: str) -> Rendered:
    content = text.encode() + b"\r\n"
    return Rendered(
        media_type="message/rfc822",
        content=content,
        digest=hashlib.sha256(content).hexdigest(),
        enclosures=(),
    )


@pytest.fixture
def stock(store: DatabaseStore) -> Stock:
    return Stock(store, count(1))
