"""What tests of the SMTP transport share: letters, a transport for a server on loopback, a witness that checks."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.security import Security
from dispatcher.services.transport import Parcel

ACCEPTED, DEFERRED = OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED
REFUSED, UNKNOWN = OutcomeKind.REFUSED, OutcomeKind.UNKNOWN

QUICK = Timeouts(connect=5, command=5, data=5, block=5, final=0.3, closing=0.5)
LETTER = (
    b"Date: Wed, 24 Sep 2025 09:00:00 +0000\r\nSubject: A letter\r\n\r\nDear Ambassador,\r\n\r\nplease.\r\n"
)

Result = TypeVar("Result")


class Journal:
    """A BatchWitness that holds the transport to its word: one answer for each, none twice, none before it went.

    unwritten: answers that no later `going_together` or `flush` has covered.
    """

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self.events: list[tuple[str, int]] = []
        self.unwritten = 0

    def going(self, delivery: DeliveryId) -> None:
        self.going_together([delivery])

    def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
        assert deliveries
        assert not set(deliveries) & set(self.outcomes), "a letter went after it was answered"
        assert not set(deliveries) & set(self.went), "a letter went twice"
        self.unwritten = 0
        self.events += [("going", delivery) for delivery in deliveries]

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        assert delivery not in self.outcomes, f"delivery {delivery} was answered twice"
        self.outcomes[delivery] = outcome
        self.events.append(("answered", delivery))
        self.unwritten += 1

    def flush(self) -> None:
        self.unwritten = 0

    @property
    def went(self) -> list[int]:
        return [delivery for what, delivery in self.events if what == "going"]

    def kinds(self) -> Counter[OutcomeKind]:
        return Counter(outcome.kind for outcome in self.outcomes.values())


def parcel(number: int = 1, content: bytes = LETTER, **changes: Any) -> Parcel:
    return Parcel(
        delivery=DeliveryId(number),
        sender=changes.pop("sender", f"bounce+{number}@campaign.example"),
        recipient=changes.pop("recipient", "embassy@mission.example"),
        content=content,
        **changes,
    )


def transport(port: int, **changes: Any) -> SmtpTransport:
    settings: dict[str, Any] = {
        "host": "localhost",
        "security": Security.NONE,
        "connections": 1,
        "timeouts": QUICK,
    }
    return SmtpTransport(port=port, **(settings | changes))


def run(
    work: Coroutine[Any, Any, Result],
    *,
    seconds: float = 20,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Result:
    async def within_time() -> Result:
        async with asyncio.timeout(seconds):
            return await work

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(within_time())


async def send(courier: SmtpTransport, parcels: Iterable[Parcel]) -> Journal:
    journal = Journal()
    parcels = list(parcels)
    await courier.send(parcels, journal)
    assert journal.unwritten == 0
    assert set(journal.outcomes) == {parcel.delivery for parcel in parcels}
    return journal


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(5000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError
