"""What sealing, audit and export need of a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dispatcher.domain.sealing import LogPages, Reach, Seal


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """How far the tables reach at one moment. mark: the database's own sign of that moment. taken: on the monotonic
    clock, in seconds."""

    reach: Reach
    mark: int
    taken: float


class Seals(Protocol):
    def last(self) -> Seal | None: ...

    def all(self) -> Iterable[Seal]:
        """By number, read as they are asked for."""

    def add(self, seal: Seal) -> None:
        """Raises StoreConflict where somebody else has sealed this block."""

    def horizon(self) -> Horizon: ...

    def is_final(self, horizon: Horizon) -> bool:
        """Whether no row can appear any more within it: every transaction of that moment has ended."""

    def rows(self, after: Reach | None, upto: Reach | None = None) -> LogPages:
        """What lies above `after` (everything where None) and up to `upto`; read as it is asked for, within this
        transaction."""
