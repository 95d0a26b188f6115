"""The mission's budget at the moment of claiming: what may leave now, and when the rest is due instead."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dispatcher.domain.delivery import Delivery, DeliveryId
from dispatcher.domain.mission import MissionId
from dispatcher.domain.timetable import (
    MINUTES_COUNTED,
    admit,
    minute_of,
    next_room,
    postpone,
    sent_in_last_hour,
)
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.fax_lines import FaxLines
from dispatcher.services.routing import Wayfinder
from dispatcher.services.store import Claimed, Work

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """lines: the fax carrier's, where there is one."""

    campaigns: Campaigns
    lines: FaxLines | None = None

    def let_through(
        self, work: Work, rows: Sequence[Claimed], way: Wayfinder, now: datetime
    ) -> tuple[list[Claimed], dict[DeliveryId, datetime]]:
        """The letters that may leave now, in their order, and new due times for the others. Both channels of a
        mission draw on one budget."""
        by_mission = _by_mission(rows)
        minute = minute_of(now)
        spent = work.timing.let_through(list(by_mission), since_minute=minute - MINUTES_COUNTED)
        days = work.letters.action_days([waiting[0].letter for waiting in by_mission.values()])
        later = self.lines.engaged(work, rows, now) if self.lines is not None else {}
        counts: dict[str, int] = {}
        for mission_id, all_of_it in by_mission.items():
            waiting = [row for row in all_of_it if row.id not in later] if later else all_of_it
            if not waiting:
                continue
            campaign = self.campaigns.get(waiting[0].campaign)
            per_hour = campaign.pacing.letters_per_hour
            timetable = way.timetable(way.mission(mission_id), campaign, days[waiting[0].letter])
            is_open = timetable.is_open(now)
            may_go = waiting if is_open else [row for row in waiting if row.any_hour]
            buckets = spent[mission_id]
            fit = may_go[: admit(len(may_go), sent_in_last_hour(buckets, now), per_hour)]
            if fit:
                counts[mission_id] = len(fit)
            if len(fit) == len(waiting):
                continue
            chosen = {row.id for row in fit}
            free_from = next_room({**buckets, minute: buckets.get(minute, 0) + len(fit)}, now, per_hour)
            queued = work.outbox.queued_from(mission_id, free_from)
            for k, row in enumerate(row for row in waiting if row.id not in chosen):
                if row.any_hour:
                    later[row.id] = max(now + _HOUR / per_hour * (k + 1), free_from)
                else:
                    later[row.id] = postpone(timetable, now, queued + k, per_hour, free_from)
        going = [row for row in rows if row.id not in later] if later else list(rows)
        work.timing.note_let_through(counts, minute=minute)
        return going, later


def give_back(work: Work, begun: Iterable[tuple[Delivery, datetime]]) -> None:
    """Letters that never came to their mission, each with the moment when it was let through: the relay failed, or the
    courier did. Their places in the mission's hour are free again; else an hour's silence would follow each failure."""
    by_minute: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row, at in begun:
        if row.notice is None and row.mission is not None:
            by_minute[minute_of(at)][row.mission] += 1
    for minute, counts in sorted(by_minute.items()):
        work.timing.give_back(counts, minute=minute)


def _by_mission(rows: Sequence[Claimed]) -> dict[MissionId, list[Claimed]]:
    found: defaultdict[MissionId | None, list[Claimed]] = defaultdict(list)
    for row in rows:
        found[row.mission].append(row)
    assert None not in found  # noqa: S101 - a row without a mission is held, never queued
    return {mission: rows for mission, rows in found.items() if mission is not None}
