"""Time, as the services ask for it: the machine's own, or a simulated one in a rehearsal."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Waits; a simulated clock moves on instead."""
