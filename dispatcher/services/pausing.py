"""Stop and go: one mission, one campaign, or everything; it takes hold with the next letter."""

from dataclasses import dataclass
from typing import assert_never

from dispatcher.domain.campaign import CampaignId
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.pauses import Pause, PauseScope
from dispatcher.services.routing import Routing
from dispatcher.services.store import Store, Work

EVERYTHING = "*"


@dataclass(frozen=True, kw_only=True)
class Pausing:
    store: Store
    clock: Clock
    campaigns: Campaigns
    routing: Routing

    def pause(self, scope: PauseScope, key: str = EVERYTHING, *, by: str, reason: str = "") -> int:
        """Answers how many deliveries are now held. What is on the wire at this moment is let finish.

        Raises NoSuchMission or NoSuchCampaign."""
        now = self.clock.now()
        with self.store.write() as work:
            self._check(scope, key, work)
            work.pauses.set(Pause(scope=scope, key=key, since=now, by=by, reason=reason))
            held, _ = work.outbox.apply_pauses(at=now, by=by)
            return held

    def resume(self, scope: PauseScope, key: str = EVERYTHING, *, by: str) -> tuple[bool, int]:
        """Answers whether there was such a pause, and how many deliveries go on."""
        now = self.clock.now()
        with self.store.write() as work:
            self._check(scope, key, work)
            was = work.pauses.lift(scope, key)
            _, lifted = work.outbox.apply_pauses(at=now, by=by)
            return was, lifted

    def all(self) -> list[Pause]:
        with self.store.read() as work:
            return work.pauses.all()

    def apply(self) -> None:
        """Holds what came into the queue while a pause stood."""
        with self.store.read() as work:
            if not work.pauses.all():
                return
        with self.store.write() as work:
            work.outbox.apply_pauses(at=self.clock.now(), by="clock")

    def _check(self, scope: PauseScope, key: str, work: Work) -> None:
        match scope:
            case PauseScope.CAMPAIGN:
                self.campaigns.get(CampaignId(key))
            case PauseScope.MISSION:
                self.routing.present(work).mission(key)
            case PauseScope.ALL:
                pass
            case _:
                assert_never(scope)
