"""The pages of a fax or a printed letter as pictures, before and after they are sent."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dispatcher.domain.delivery import Delivery
from dispatcher.domain.mission import Channel
from dispatcher.services.house import House
from dispatcher.services.stationery import FaxLine, Rendered
from dispatcher.services.store import Work

_ON_PAGES = frozenset({Channel.FAX, Channel.PAPER})


@dataclass(frozen=True, kw_only=True)
class PageView:
    house: House

    def count(self, work: Work, delivery: Delivery) -> int:
        """0 for a mail, for what is not rendered yet, and for what was erased."""
        rendered = self._rendered(work, delivery)
        return (rendered.pages or 0) if rendered is not None else 0

    def pictures(self, delivery: Delivery) -> list[bytes]:
        """PNGs; those of a fax with the header line of the hour at which it is due."""
        with self.house.store.read() as work:
            rendered = self._rendered(work, delivery)
            if rendered is None or delivery.mission is None:
                return []
            zone = self.house.routing.present(work).mission(delivery.mission).time_zone
            parts = work.enclosures.get(rendered.enclosures) if delivery.channel is Channel.FAX else {}
        letterhead = self.house.campaigns.get(delivery.campaign).letterhead
        line = FaxLine(
            sent_at=delivery.due_at.astimezone(ZoneInfo(zone)),
            sender=letterhead.name,
            number=letterhead.telephone,
        )
        enclosures = [parts[digest].part for digest in rendered.enclosures if digest in parts]
        return self.house.preparation.pages.pictures(rendered, enclosures, line)

    def _rendered(self, work: Work, delivery: Delivery) -> Rendered | None:
        if delivery.rendering is None or delivery.notice is not None or delivery.channel not in _ON_PAGES:
            return None
        return work.outbox.content([delivery.rendering]).get(delivery.rendering)
