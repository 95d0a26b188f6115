"""What the courier needs of whatever carries letters away."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import Outcome

# What would end an address or a command line early (RFC 5321 4.1.2): white space, controls, angle brackets.
_NOT_IN_AN_ADDRESS = re.compile(r"[\s<>\x00-\x1f\x7f-\x9f]")


class UnfitParcel(DispatcherError):
    """Delivery {delivery} cannot go on the wire: {why}. This is a fault in the program: please report it."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What goes on the wire for one delivery. Raises UnfitParcel.

    sender: envelope address (VERP), "" for the null sender. content: the complete message, lines ended by
    CRLF, sent byte for byte. envelope_id: when given, delivery status notices of success, failure and delay
    are asked for under this name (RFC 3461), where the relay offers them.
    """

    delivery: DeliveryId
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)
    envelope_id: str | None = None

    def __post_init__(self) -> None:
        if why := _unfit(self.sender, self.recipient, self.content):
            raise UnfitParcel(delivery=self.delivery, why=why)


class Witness(Protocol):
    """Whoever keeps the journal of a batch. Both calls return only when it is written down."""

    def going(self, delivery: DeliveryId) -> None:
        """The next bytes may complete the hand-over. After this, no answer means unknown."""

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        """The one outcome of this delivery."""


class Transport(Protocol):
    async def send(self, parcels: Sequence[Parcel], witness: Witness) -> None:
        """Hands the parcels over, several at a time, in no set order.

        Every parcel gets exactly one `answered`, also when the call is cancelled; `going` comes before it for
        those that were handed over. Raises only for bugs (its own or the witness's)."""

    async def close(self) -> None:
        """Gives what is on the wire a moment, then drops the lines. Later parcels are deferred."""


def _unfit(sender: str, recipient: str, content: bytes) -> str | None:
    if _NOT_IN_AN_ADDRESS.search(sender) or _NOT_IN_AN_ADDRESS.search(recipient):
        return "an envelope address holds white space, a control character or an angle bracket"
    if not recipient:
        return "it has no recipient"
    ends = content.count(b"\r\n")
    if content.count(b"\n") != ends or content.count(b"\r") != ends or not content.endswith(b"\r\n"):
        return "its lines do not all end with CRLF"
    if b"\0" in content:
        return "its content holds a NUL"
    return None
