"""The whole action day on a simulated clock: real letters, real bytes, the real courier; only the time is made up,
and everything is delivered to the mailroom."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import MissionId
from dispatcher.domain.timetable import office_window
from dispatcher.services.campaigns import coming_day
from dispatcher.services.courier import Courier
from dispatcher.services.house import House
from dispatcher.services.intake import Draft, Refusal, Tally
from dispatcher.services.store import LogFilter

# Letters are taken in a week before the day, as they would be.
_BEFORE = timedelta(days=7)
# The day is over everywhere at midnight in UTC-12.
_DAY_ENDS = time(12)
_BATCH = 500


class MovableClock(Protocol):
    def now(self) -> datetime: ...

    def move_to(self, instant: datetime) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Late:
    """A mission whose letters do not all fit into the day. finishes: when the last one would leave."""

    mission: str
    name: str
    letters: int
    on_the_day: int
    finishes: datetime


@dataclass(kw_only=True)
class Result:
    """by_region: states by region of the world. seconds: what the rehearsal took."""

    day: date
    taken: int = 0
    in_review: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    by_region: dict[str, Counter[DeliveryState]] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """house and courier: of a folder made for this, with the simulated clock. say: told in each phase what is
    done and how far (words, done, of)."""

    house: House
    courier: Courier
    clock: MovableClock

    @staticmethod
    def starts(day: date) -> datetime:
        """The moment at which the simulated clock begins."""
        return datetime.combine(day, time(12), UTC) - _BEFORE

    def play(self, drafts: Sequence[Draft], say: Callable[[str, int, int], None]) -> Result:
        day = coming_day(self.house.campaigns.active, self.clock.now())
        result = Result(day=day)
        self._take_in(drafts, result, say)
        result.in_review += self.house.second_reading.finish(say).in_review
        self._prepare(say)
        result.late = self._late(day)
        asyncio.run(self._live_through(day, say))
        self.house.sealing.seal_all()
        result.by_region = self._by_region()
        return result

    def _take_in(self, drafts: Sequence[Draft], result: Result, say: Callable[[str, int, int], None]) -> None:
        tally = Tally()
        for start in range(0, len(drafts), _BATCH):
            rows = list(enumerate(drafts[start : start + _BATCH], start=start))
            self.house.intake.take_batch(rows, tally, confirmed=True)
            say("Reading letters", start + len(rows), len(drafts))
        result.taken, result.in_review, result.refusals = tally.taken, tally.for_review, tally.refusals

    def _prepare(self, say: Callable[[str, int, int], None]) -> None:
        with self.house.store.read() as work:
            total = work.outbox.totals().get(DeliveryState.QUEUED, 0)
        done = 0
        while count := self.house.preparation.prepare():
            done += count
            say("Writing mails and pages", min(done, total), total)

    def _late(self, day: date) -> list[Late]:
        campaign = self.house.campaigns.active
        with self.house.store.read() as work:
            way = self.house.routing.present(work)
            rows = [row for row in work.outbox.waiting() if row.state is DeliveryState.QUEUED]
        due: dict[MissionId, list[datetime]] = {}
        for row in rows:
            if row.mission is not None:
                due.setdefault(row.mission, []).append(row.due_at)
        late = []
        for id, moments in due.items():
            mission = way.mission(id)
            _, closes = office_window(day, mission.time_zone, campaign.office_hours)
            on_the_day = sum(moment < closes for moment in moments)
            if on_the_day < len(moments):
                late.append(
                    Late(
                        mission=id,
                        name=mission.name,
                        letters=len(moments),
                        on_the_day=on_the_day,
                        finishes=max(moments),
                    )
                )
        return sorted(late, key=lambda each: each.finishes, reverse=True)

    async def _live_through(self, day: date, say: Callable[[str, int, int], None]) -> None:
        end = datetime.combine(day + timedelta(days=1), _DAY_ENDS, UTC)
        with self.house.store.read() as work:
            total = work.outbox.totals().get(DeliveryState.QUEUED, 0)
        done = 0
        while True:
            with self.house.store.read() as work:
                due = work.outbox.next_due()
            if due is None or due > end:
                break
            self.clock.move_to(due)
            settled = await self.courier.round()
            done += settled
            say(f"{self.clock.now():%a %d %b %H:%M} UTC", min(done, total), total)
            if self.house.preparation.prepare() == 0 and settled == 0:
                self.clock.move_to(self.clock.now() + timedelta(minutes=1))

    def _by_region(self) -> dict[str, Counter[DeliveryState]]:
        regions: dict[str, Counter[DeliveryState]] = {}
        with self.house.store.read() as work:
            way = self.house.routing.present(work)
            for row in work.outbox.log(LogFilter()):
                mission = way.directory.mission(row.delivery.mission) if row.delivery.mission else None
                region = mission.time_zone.partition("/")[0] if mission else "no mission"
                regions.setdefault(region, Counter())[row.delivery.state] += 1
        return dict(sorted(regions.items()))
