"""How long the relay is waited for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds of patience. command to final: RFC 5321 4.5.3.2. connect: for each step up to sign-in; shorter
    than the RFC's five minutes, for we chose the relay, and letters not begun can wait in the queue."""

    connect: float = 60
    command: float = 300
    data: float = 120
    block: float = 180
    final: float = 600
    closing: float = 2


class Alarm:
    """Calls `ring` when the seconds last set have passed.

    It is set anew for every letter and hardly ever rings: setting it costs a look at the clock, and the loop's own
    timer is touched only when the limit comes nearer.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ring = ring
        self._limit = inf
        self._timer: asyncio.TimerHandle | None = None
        # When that will look at the clock.
        self._looks_at = inf

    def set(self, seconds: float) -> None:
        limit = self._limit = self._loop.time() + seconds
        if limit < self._looks_at:
            self._start(limit)

    def rest(self) -> None:
        """No limit for now; another call of `set` will come."""
        self._limit = inf

    def end(self) -> None:
        self._limit = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._looks_at = inf

    def _start(self, limit: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(limit, self._look)
        self._looks_at = limit

    def _look(self) -> None:
        self._timer = None
        self._looks_at = inf
        if self._loop.time() >= self._limit:
            self._ring()
        elif self._limit < inf:
            self._start(self._limit)
