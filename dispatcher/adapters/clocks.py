"""The machine's clock, and the one of a rehearsal that is moved by hand."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

# Smaller differences are a clock that is being put right little by little, as it should be.
_DRIFT = 2.0
# A jump that is taken back sooner has never been: nobody's office opens, and no lease ends, by it.
_BELIEVED_AFTER = 60.0
# So fast a jump forward is then made good. In the half minute between two of its signs of life a courier that
# lives loses five minutes of its lease by it, of fifteen.
_CATCHING_UP = 10.0


def _since_boot() -> float:
    """Seconds, also those in which the machine slept, where the system counts them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SystemClock:
    """Goes with the machine's clock, but not where that jumps: first at its own pace, until the jump has stood for
    a minute; then back at once, or forward by and by. May be asked from several threads."""

    def __init__(
        self, *, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _since_boot
    ) -> None:
        self._wall, self._steady = wall, steady
        self._lock = threading.Lock()
        self._told, self._asked_at = wall(), steady()
        self._jump = 0  # 1 forward, -1 back
        self._jumped_at = 0.0

    def now(self) -> datetime:
        with self._lock:
            return datetime.fromtimestamp(self._tell(self._wall(), self._steady()), UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _tell(self, wall: float, steady: float) -> float:
        passed = max(0.0, steady - self._asked_at)
        expected = self._told + passed
        ahead = wall - expected
        jump = 0 if abs(ahead) <= _DRIFT else 1 if ahead > 0 else -1
        if jump != self._jump:
            self._jump, self._jumped_at = jump, steady
        if jump == 0:
            told = wall
        elif steady - self._jumped_at < _BELIEVED_AFTER:
            told = expected
        else:
            told = min(wall, expected + passed * (_CATCHING_UP - 1)) if ahead > 0 else wall
        self._told, self._asked_at = told, steady
        return told


class SimulatedClock:
    """Stands still until it is moved; sleeping moves it."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Never backwards."""
        self._now = max(self._now, instant)

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0)
