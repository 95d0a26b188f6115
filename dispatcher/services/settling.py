"""What an answer of the far end means for its delivery, and what follows: written in one transaction."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from dispatcher.domain.backoff import next_try
from dispatcher.domain.delivery import Delivery, DeliveryId, DeliveryState
from dispatcher.domain.mission import ContactKind, Health
from dispatcher.domain.outcome import Attempt, OutcomeKind
from dispatcher.domain.reply import address_is_dead
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.outbox import Dispatch
from dispatcher.services.pacing import give_back
from dispatcher.services.routing import Routing
from dispatcher.services.store import Settlement, Store, Work

# A fault of the relay does not use up a letter's own tries; only its time limit ends it.
_RELAY_TRIES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Settling:
    """draw: a random number in [0, 1), for jitter."""

    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing
    dispatch: Dispatch
    draw: Callable[[], float] = random.random

    def settle(self, attempts: Mapping[DeliveryId, Attempt], lease: str, *, by: str) -> int:
        """Settles what this lease had on the wire. Answers how many were still this lease's to settle."""
        others = {id: each for id, each in attempts.items() if each.outcome.kind is not OutcomeKind.ACCEPTED}
        taken = {id: each for id, each in attempts.items() if id not in others} if others else attempts
        with self.store.write() as work:
            now = self.clock.now()
            count = len(work.outbox.accept(taken, lease=lease, at=now, by=by)) if taken else 0
            return count + (self._settle_others(work, others, lease, now, by) if others else 0)

    def _settle_others(
        self, work: Work, attempts: Mapping[DeliveryId, Attempt], lease: str, now: datetime, by: str
    ) -> int:
        rows = work.outbox.get(attempts)
        settlements = [self._settlement(work, row, lease, attempts[row.id]) for row in rows.values()]
        done = work.outbox.settle(settlements, at=now, by=by)
        failed = [
            rows[each.delivery]
            for each in settlements
            if each.delivery in done
            and each.new is DeliveryState.FAILED
            and rows[each.delivery].notice is None
        ]
        if failed:
            self._after_failure(work, failed, attempts, now)
        give_back(work, ((rows[id], attempts[id].at) for id in done if attempts[id].outcome.relay))
        return len(done)

    def _after_failure(
        self,
        work: Work,
        failed: Sequence[Delivery],
        attempts: Mapping[DeliveryId, Attempt],
        now: datetime,
    ) -> None:
        """The next channel opens; a mailbox that its own server does not know is not tried for other letters."""
        dead = set()
        for row in failed:
            if address_is_dead(attempts[row.id].outcome) and row.mission and row.recipient:
                work.directory.set_health(row.mission, ContactKind.EMAIL, row.recipient, Health.DEAD, at=now)
                dead.add(row.mission)
        self.dispatch.open_next(work, failed, at=now)
        if dead:
            self.dispatch.reroute(work, at=now, missions=sorted(dead))

    def _settlement(self, work: Work, row: Delivery, lease: str, attempt: Attempt) -> Settlement:
        """With the mission, once more later, over, or in doubt."""
        match attempt.outcome.kind:
            case OutcomeKind.ACCEPTED:  # settled together, see `settle`
                new, reason, due = DeliveryState.ACCEPTED, None, None
            case OutcomeKind.DELIVERED:
                new, reason, due = DeliveryState.DELIVERED, None, None
            case OutcomeKind.REFUSED:
                new, reason, due = DeliveryState.FAILED, "refused", None
            case OutcomeKind.UNKNOWN:
                new, reason, due = DeliveryState.IN_DOUBT, "no_answer", None
            case OutcomeKind.DEFERRED:
                due = self._again(work, row, attempt)
                new = DeliveryState.FAILED if due is None else DeliveryState.QUEUED
                reason = "gave_up" if due is None else "deferred"
            case _:
                assert_never(attempt.outcome.kind)
        return Settlement(delivery=row.id, lease=lease, attempt=attempt, new=new, reason=reason, due_at=due)

    def _again(self, work: Work, row: Delivery, attempt: Attempt) -> datetime | None:
        campaign = self.campaigns.get(row.campaign)
        policy = campaign.retry_policy(row.channel)
        if attempt.outcome.relay:
            policy = replace(policy, tries=_RELAY_TRIES)
        again = next_try(
            policy,
            tries=row.tries,
            first_try=row.first_try_at or attempt.at,
            now=attempt.ended_at,
            spread=self.draw(),
        )
        if again is None or row.notice is not None or row.any_hour or row.mission is None:
            return again
        way = self.routing.present(work)
        day = work.letters.action_days([row.letter])[row.letter]
        return way.timetable(way.mission(row.mission), campaign, day).next_open(again)
