"""Text messages to organizers when something needs them. Plain words, figures, nobody's data; seldom."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.clock import Clock
from dispatcher.services.pauses import PauseScope
from dispatcher.services.store import Store, StoreConflict, Work
from dispatcher.telemetry import log

_HOUR = timedelta(hours=1)
# Of fewer letters no share says anything.
_FEW = 10
# The newest answers of the hour; more would say the same.
_ANSWERS = 500
_ENDED = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.REFUSED})


class Texts(Protocol):
    def send(self, number: str, text: str) -> bool:
        """Answers whether it was taken."""


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """stuck_after: for how long a due letter may wait. rest: no second message of one kind before."""

    store: Store
    clock: Clock
    texts: Texts
    to: tuple[str, ...]
    failure_percent: int
    stuck_after: timedelta
    rest: timedelta

    def look(self) -> int:
        """For the clock. Answers how many kinds of trouble were told. Any number of processes may look: each kind is
        told by one of them."""
        now = self.clock.now()
        with self.store.read() as work:
            troubles = list(self._troubles(work, now))
        return sum(self._tell(kind, text, now) for kind, text in troubles)

    def _troubles(self, work: Work, now: datetime) -> Iterator[tuple[str, str]]:
        ended = [kind for kind in work.alerts.answers_since(now - _HOUR, _ANSWERS) if kind in _ENDED]
        failed = ended.count(OutcomeKind.REFUSED)
        if len(ended) >= _FEW and failed * 100 >= len(ended) * self.failure_percent:
            yield (
                "failing",
                f"Dispatcher: {failed} of {len(ended)} letters failed in the last hour. Please look at the console.",
            )
        due = work.vitals.oldest_due().get("letter")
        if due is not None and now - due > self.stuck_after:
            minutes = int((now - due).total_seconds() // 60)
            yield (
                "stuck",
                f"Dispatcher: a letter has been due for {minutes} minutes and has not left. Is a courier running?",
            )
        paused = [each for each in work.pauses.all() if now - each.since < _HOUR]
        missions = sum(each.scope is PauseScope.MISSION for each in paused)
        if paused:
            what = f"{missions} mission{'s were' if missions > 1 else ' was'}" if missions else "Sending was"
            yield "paused", f"Dispatcher: {what} paused within the last hour. The console says why."

    def _tell(self, kind: str, text: str, now: datetime) -> bool:
        try:
            with self.store.write() as work:
                if not work.alerts.take(kind, at=now, told_before=now - self.rest):
                    return False
        except StoreConflict:
            return False
        taken = [self.texts.send(number, text) for number in self.to]
        log.info("organizers_alerted", kind=kind, count=sum(taken))
        return True
