"""How many mails the relay is given: what its provider allows, where that is less than it takes."""

from dataclasses import dataclass, field
from datetime import datetime

from dispatcher.services.clock import Clock

_MINUTE = 60.0


@dataclass(kw_only=True)
class RelayRate:
    """per_minute: mails at most, letters and notices; 0 for no limit. They leave evenly: what a second lets through at
    once, and where that is less than one, one after the other. A clock that jumps lets no more through."""

    per_minute: int
    clock: Clock
    _room: float = field(init=False)
    _at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._room = self._most
        self._at = self.clock.now()

    @property
    def _most(self) -> float:
        return max(1.0, self.per_minute / _MINUTE)

    def room(self, wanted: int) -> int:
        """How many of those that are wanted may go now."""
        if not self.per_minute:
            return wanted
        now = self.clock.now()
        passed = max(0.0, (now - self._at).total_seconds())
        self._at = now
        self._room = min(self._most, self._room + passed * self.per_minute / _MINUTE)
        return min(wanted, int(self._room))

    def spend(self, count: int) -> None:
        if self.per_minute:
            self._room -= count
