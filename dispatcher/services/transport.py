"""What the courier needs of whatever carries letters away."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, runtime_checkable

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import Outcome

_CR_ALONE = re.compile(rb"\r[^\n]")


class UnfitParcel(DispatcherError):
    """Delivery {delivery} cannot go on the wire: {why}. This is a fault in the program: please report it."""


class UnfitContent(DispatcherError):
    """A mail cannot go on the wire: {why}. This is a fault in the program: please report it."""


def check_content(content: bytes) -> None:
    """Raises UnfitContent where a mail server could take something within for its end. Asked when a mail is made and
    approved, not when it leaves: what is stored is authenticated, and this costs as much as a letter's round trip."""
    # Each CR has its LF and there are as many of both: half the time of counting the pairs.
    paired = content.count(b"\r") == content.count(b"\n") and not _CR_ALONE.search(content)
    if not paired or not content.endswith(b"\r\n"):
        raise UnfitContent(why="its lines do not all end with CRLF")
    if b"\0" in content:
        raise UnfitContent(why="its content holds a NUL")


# Not frozen, and not with keywords alone: that would cost half of all there is to do for a letter here.
@dataclass(slots=True, weakref_slot=True, eq=False)
class Parcel:
    """What goes on the wire for one delivery. Raises UnfitParcel.

    sender: envelope address (VERP), "" for the null sender. content: the complete message, sent byte for byte; its
    parts have passed `check_content`. envelope_id: when given, delivery status notices of success, failure and delay
    are asked for under this name (RFC 3461), where the relay offers them.
    """

    delivery: DeliveryId
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    envelope_id: str | None = None

    def __post_init__(self) -> None:
        # Every sender is another one, while a batch goes to a few recipients only.
        if not (_fits(self.sender) and _is_recipient(self.recipient) and self.content[-2:] == b"\r\n"):
            raise UnfitParcel(delivery=self.delivery, why=_why(self.sender, self.recipient))


class Witness(Protocol):
    """Whoever keeps the journal of a batch. Both calls return only when it is written down. They come from the
    event loop, so they must be quick. When one raises, no further letter of the batch is begun, and `send`
    raises it."""

    def going(self, delivery: DeliveryId) -> None:
        """The next bytes may complete the hand-over. After this, no answer means unknown."""

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        """The one outcome of this delivery. After `going` it may still be DEFERRED with nothing handed over, when
        the line was lost before the bytes were written."""


@runtime_checkable
class BatchWitness(Witness, Protocol):
    """A witness that writes several words at a time.

    Where a transport finds these two, it calls `going_together` in the place of `going`, and `answered` may keep
    its words in memory: one of these two follows in the same turn of the event loop. So a journal writes in these
    two alone, at most once for all letters that leave together and all answers that came before them.
    """

    def going_together(self, deliveries: Sequence[DeliveryId]) -> None:
        """The next bytes, on several lines, may complete the hand-over of these. Returns only when that, and every
        answer told before, is written down."""

    def flush(self) -> None:
        """Returns only when every answer told so far is written down."""


class Transport(Protocol):
    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        """Hands the parcels over, several at a time, in no set order.

        Parcels are taken one by one as lines become free for them (at most two a line are held), so a generator
        may make each letter right before it goes. To keep the lines full, call `send` with the next batch
        while this one is on the wire: what is begun first goes first.

        Every parcel taken gets exactly one `answered`, and `send` takes all there are, also when it is
        cancelled or the relay fails; whoever wants the rest back lets the generator end. Raises only for bugs:
        its own, the witness's, the generator's."""

    async def close(self) -> None:
        """Gives what is on the wire a moment, then drops the lines. Later parcels are deferred."""


def _fits(address: str) -> bool:
    # What would end an address or a command line early (RFC 5321 4.1.2). White space but the blank is not printable.
    return address.isprintable() and " " not in address and "<" not in address and ">" not in address


@lru_cache(maxsize=1024)
def _is_recipient(address: str) -> bool:
    return address != "" and _fits(address)


def _why(sender: str, recipient: str) -> str:
    if not _fits(sender + recipient):
        return "an envelope address holds white space, a control character or an angle bracket"
    return "its last line does not end with CRLF" if recipient else "it has no recipient"
