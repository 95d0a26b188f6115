"""What the health pages ask of a database: cheap questions only, each answered by an index."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Answers(NamedTuple):
    """How many `attempts` on mails of this kind ('letter', 'notice') had this outcome. slot: the place of the first
    bound that their seconds from due to settled do not exceed, len(bounds) where they exceed all. seconds: in sum."""

    kind: str
    outcome: str
    slot: int
    attempts: int
    seconds: float


class Vitals(Protocol):
    def is_migrated(self) -> bool:
        """Whether the database has the form that this program knows."""

    def waiting(self) -> dict[tuple[str, str], int]:
        """Rows by (kind, state), without those that have reached their mission or were cancelled."""

    def oldest_due(self) -> dict[str, datetime]:
        """By kind, of the rows that are queued."""

    def answers(self, after: int, upto: int, bounds: Sequence[int]) -> list[Answers]:
        """Of the attempts with ids above `after` and up to `upto`. bounds: in seconds, rising."""
