"""What organizers have stopped for a while."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dispatcher.domain.delivery import HoldReason


class PauseScope(StrEnum):
    MISSION = "mission"
    CAMPAIGN = "campaign"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Pause:
    scope: PauseScope
    key: str
    since: datetime
    by: str
    reason: str

    @property
    def hold(self) -> HoldReason:
        return HoldReason(f"{self.scope.value}_paused")


class Pauses(Protocol):
    def all(self) -> list[Pause]: ...

    def set(self, pause: Pause) -> None: ...

    def lift(self, scope: PauseScope, key: str) -> bool:
        """Answers whether there was one."""
