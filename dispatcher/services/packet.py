"""The printed packet of a mission: its letters that wait for paper, one behind the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.mission import Channel
from dispatcher.services.house import House
from dispatcher.services.store import LogFilter

_WAITING = frozenset({DeliveryState.HELD, DeliveryState.QUEUED})


class PageBinder(Protocol):
    def bind(self, documents: Sequence[bytes]) -> tuple[bytes, int]:
        """One PDF of several, and its number of pages."""


@dataclass(frozen=True, kw_only=True)
class Packets:
    house: House
    pages: PageBinder

    def write(self, mission: str, target: Path) -> tuple[int, int]:
        """Answers letters and pages; writes nothing where no letter waits. Raises NoSuchMission."""
        house = self.house
        with house.store.read() as work:
            way = house.routing.present(work)
            way.mission(mission)
            rows = [
                row.delivery
                for row in work.outbox.log(LogFilter(mission=mission, channel=Channel.PAPER))
                if row.delivery.state in _WAITING
            ]
            letters = work.letters.get(row.letter for row in rows)
        documents = [house.preparation.page(row, letters[row.letter], way).content for row in rows]
        if not documents:
            return 0, 0
        bound, count = self.pages.bind(documents)
        target.touch(mode=0o600)
        target.write_bytes(bound)
        return len(documents), count
