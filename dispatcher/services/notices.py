"""Mails to supporters: what each kind says about its letter."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dispatcher.domain.campaign import Campaign
from dispatcher.domain.delivery import Delivery, Notice
from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import MissionId
from dispatcher.services.confirmation import CONFIRM, LINK_LIFE, STATUS
from dispatcher.services.place_names import PlaceNames
from dispatcher.services.routing import Wayfinder
from dispatcher.services.stationery import Rendered
from dispatcher.services.store import Links


class NoticeWriter(Protocol):
    def render_notice(
        self,
        kind: str,
        *,
        language: str,
        campaign: Campaign,
        recipient: str,
        recipient_name: str,
        message_id: str,
        variables: dict[str, str],
    ) -> Rendered:
        """The mail without its Date."""


@dataclass(frozen=True, kw_only=True)
class Notices:
    writer: NoticeWriter
    links: Links
    places: PlaceNames
    public_url: str

    def render(self, delivery: Delivery, letter: Letter, campaign: Campaign, way: Wayfinder) -> Rendered:
        """The mail to this letter's own writer."""
        assert delivery.notice is not None and letter.email is not None  # noqa: S101
        mission = way.directory.mission(MissionId(letter.mission))
        return self.writer.render_notice(
            delivery.notice.value,
            language=letter.language,
            campaign=campaign,
            # An answer to a shielded letter goes to the campaign.
            recipient=delivery.recipient or letter.email,
            recipient_name=letter.name or "",
            message_id=delivery.message_id,
            variables={
                "name": letter.name or "",
                "campaign_name": campaign.name,
                "mission_name": mission.name if mission else "",
                "day": self.places.long_date(letter.action_day, letter.language),
                "link": self._link(delivery.notice, letter.id),
                "letter_text": letter.text or "",
                "expires": self._date(letter.submitted_at + LINK_LIFE, letter.language),
            },
        )

    def _link(self, kind: Notice, letter: LetterId) -> str:
        if kind in {Notice.CONFIRMATION, Notice.REMINDER}:
            return f"{self.public_url}/confirm/{self.links.token(CONFIRM, letter)}"
        return f"{self.public_url}/letter/{self.links.token(STATUS, letter)}"

    def _date(self, at: datetime, language: str) -> str:
        return self.places.long_date(at.date(), language)
