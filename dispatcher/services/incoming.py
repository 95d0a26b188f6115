"""What feedback needs of the outside: somewhere to keep mail that comes back, somebody who reads it, and the
mailboxes it comes from."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from dispatcher.domain.delivery import Delivery, DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.letter import LetterId
from dispatcher.domain.mission import MissionId
from dispatcher.domain.returned_mail import IncomingMail, MailFacts, MailId, MailKind, Reading

# So much of a mail is kept and read: the words and the report stand at its beginning. The whole mail stays in
# the mailbox that it came from.
LONGEST_KEPT = 2 * 1024 * 1024


class MailboxUnusable(DispatcherError):
    """The mailbox for returned mail ({where}) cannot be read: {problem}. See the settings under [returns]."""


class MailReader(Protocol):
    def read(self, content: bytes) -> MailFacts:
        """Never fails, whatever a stranger sent."""


class MailSource(Protocol):
    def collect(self, keep: Callable[[bytes], object]) -> int:
        """Hands each mail that is new to `keep`, at most LONGEST_KEPT bytes of it, and marks it as taken only
        after `keep` has returned; so after a crash it comes once more. Answers how many there were. Raises
        MailboxUnusable."""


class Incoming(Protocol):
    """The mail that came back, in the database."""

    def known(self, digest: str) -> MailId | None: ...

    def keep(
        self,
        content: bytes,
        reading: Reading,
        *,
        digest: str,
        delivery: DeliveryId | None,
        message_id: str,
        at: datetime,
    ) -> MailId:
        """Raises StoreConflict where the digest is known."""

    def get(self, id: MailId) -> IncomingMail | None: ...

    def all(self, *, waiting: bool, kind: MailKind | None = None, limit: int = 500) -> list[IncomingMail]:
        """The newest first. waiting: only those about which something is to be done."""

    def of_letter(self, letter: LetterId) -> list[IncomingMail]:
        """The oldest first."""

    def seen_before(self, delivery: DeliveryId, message_id: str, *, but: MailId) -> bool:
        """Whether another mail with this Message-ID was kept for this delivery."""

    def unapplied(self, kinds: Collection[MailKind]) -> list[IncomingMail]:
        """Those of these kinds that are not settled."""

    def sort_again(self, id: MailId, kind: MailKind, *, delivery: DeliveryId | None, why: str) -> None: ...

    def settle(self, id: MailId, *, at: datetime, by: str, passed_on: DeliveryId | None = None) -> None: ...

    def soft_bounces(self, mission: MissionId, since: datetime) -> int: ...

    def deliveries_named(self, message_ids: Collection[str]) -> Mapping[str, Delivery]:
        """The rows of the outbox with these Message-IDs, letters and notices."""
