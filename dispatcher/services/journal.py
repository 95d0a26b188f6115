"""The courier's journal: what went on the wire and what came back, written before the database knows.

The database marks a whole batch as on the wire. After `kill -9` the journal tells which of its letters truly
were: those whose final dot may have left are in doubt, those with an answer have it, the others never started.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.outcome import Outcome


class JournalUnwritable(DispatcherError):
    """The courier's journal in {folder} cannot be written: {problem}. No letter leaves without it, and none was lost;
    mend that and start the courier again."""


@dataclass(frozen=True, kw_only=True)
class JournalPage:
    """What the journal of one batch (lease) says. complete: nothing of it can be missing, because the machine has
    run on since it was written; after a power loss the last records may never have reached the disk."""

    courier: str
    lease: str
    complete: bool
    going: frozenset[DeliveryId]
    answers: Mapping[DeliveryId, Outcome]


class OpenPage(Protocol):
    """The page of a batch that is being sent; `write` returns only when it is written.

    name: under which another process of this machine opens it too."""

    @property
    def name(self) -> str: ...

    def write(self, going: Sequence[DeliveryId], answers: Sequence[tuple[DeliveryId, Outcome]]) -> None:
        """The answers came before the others go."""

    def close(self) -> None:
        """The database has all answers: the page is thrown away."""


class Journal(Protocol):
    def open(self, lease: str) -> OpenPage:
        """Begins the page of a batch; before the database marks the batch as on the wire. Raises JournalUnwritable."""

    def left_behind(self, couriers: "list[str] | None" = None) -> "list[JournalPage]":
        """The pages of couriers that are gone."""

    def throw_away(self, page: JournalPage) -> None: ...
