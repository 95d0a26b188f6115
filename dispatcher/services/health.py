"""Whether the service is ready for work, and its figures for a monitoring system. Numbers only, nobody's data."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from time import monotonic

from dispatcher.domain.outcome import OutcomeKind
from dispatcher.services.clock import Clock
from dispatcher.services.seals import Horizon
from dispatcher.services.store import Store, Work

# A courier gives a sign of life every 30 seconds; two missed ones are no accident.
COURIER_SILENT = timedelta(seconds=90)
# Several scrapers, or an impatient one, cost the database no more than one.
_CACHED_SECONDS = 5.0
# Upper bounds of the histogram from due to settled: a second, a minute, an hour, a day.
BOUNDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """problems: by the name of what was looked at, in words; empty when the service is ready."""

    problems: dict[str, str]

    @property
    def ready(self) -> bool:
        return not self.problems


@dataclass(kw_only=True)
class Settled:
    """Seconds from due to settled of one kind of mail: counts by slot of BOUNDS, the last one for what is above."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """waiting: rows by (kind, state). overdue: by kind, for how many seconds the oldest queued row has been due.
    outcomes: attempts by (kind, outcome) and settled: by kind, both since this process began to count. pauses:
    (scope, key). unsealed: rows of the log after the last seal (PostgreSQL: at most)."""

    waiting: dict[tuple[str, str], int]
    overdue: dict[str, float]
    outcomes: dict[tuple[str, str], int]
    settled: dict[str, Settled]
    pauses: tuple[tuple[str, str], ...]
    couriers_alive: int
    couriers_silent: int
    blocks: int
    unsealed: int


class Health:
    """One of a process. Counters begin at the moment it is made."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._figures: Figures | None = None
        self._taken = 0.0
        self._counted_to: int | None = None
        self._seen: Horizon | None = None
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._settled: dict[str, Settled] = {}
        with store.read() as work:
            self._count(work)

    def readiness(self) -> Readiness:
        """Raises StoreUnavailable where the database does not answer."""
        problems = {}
        with self._store.read() as work:
            if not work.vitals.is_migrated():
                problems["migrations"] = (
                    "the database has not the form that this program knows; run 'dispatcher migrate'"
                )
            elif not work.directory.version():
                problems["directory"] = "no directory was imported; run 'dispatcher missions import'"
            else:
                alive, silent = self._couriers(work)
                if silent and not alive:
                    problems["courier"] = f"no courier was seen within {COURIER_SILENT.seconds} seconds"
        return Readiness(problems=problems)

    def figures(self) -> Figures:
        with self._lock:
            if self._figures is None or monotonic() - self._taken > _CACHED_SECONDS:
                with self._store.read() as work:
                    self._figures = self._look(work)
                self._taken = monotonic()
            return self._figures

    def _look(self, work: Work) -> Figures:
        now = self._clock.now()
        self._count(work)
        alive, silent = self._couriers(work)
        last = work.seals.last()
        reach = work.seals.horizon().reach
        return Figures(
            waiting=work.vitals.waiting(),
            overdue={
                kind: max(0.0, (now - due).total_seconds()) for kind, due in work.vitals.oldest_due().items()
            },
            outcomes=dict(self._outcomes),
            settled={
                kind: Settled(counts=list(each.counts), seconds=each.seconds)
                for kind, each in self._settled.items()
            },
            pauses=tuple((pause.scope.value, pause.key) for pause in work.pauses.all()),
            couriers_alive=alive,
            couriers_silent=silent,
            blocks=last.number if last else 0,
            unsealed=sum(reach) - (sum(last.last) if last else 0),
        )

    def _count(self, work: Work) -> None:
        """Each attempt once: only up to where no row can appear any more."""
        if self._counted_to is None:
            self._counted_to = work.seals.horizon().reach.attempts
        if self._seen is None or self._seen.reach.attempts <= self._counted_to:
            self._seen = work.seals.horizon()
        if not work.seals.is_final(self._seen):
            return
        for each in work.vitals.answers(self._counted_to, self._seen.reach.attempts, BOUNDS):
            self._outcomes[each.kind, each.outcome] += each.attempts
            if each.outcome != OutcomeKind.DEFERRED:  # tried again, with another due time
                settled = self._settled.setdefault(each.kind, Settled())
                settled.counts[each.slot] += each.attempts
                settled.seconds += each.seconds
        self._counted_to = self._seen.reach.attempts

    def _couriers(self, work: Work) -> tuple[int, int]:
        now = self._clock.now()
        seen = [now - at < COURIER_SILENT for at in work.couriers.all().values()]
        return sum(seen), len(seen) - sum(seen)
