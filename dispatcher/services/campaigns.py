"""The campaigns of this installation."""

from datetime import date, datetime, timedelta
from typing import Protocol

from dispatcher.domain.action_day import next_action_day
from dispatcher.domain.campaign import Campaign, CampaignId

# The zone in which a day ends last (UTC-12): until it is over there, it is still the action day somewhere.
_LAST_ZONE = timedelta(hours=-12)


class Campaigns(Protocol):
    @property
    def active(self) -> Campaign:
        """The campaign that the form writes for."""

    def get(self, id: CampaignId) -> Campaign:
        """Raises NoSuchCampaign."""

    def all(self) -> tuple[Campaign, ...]: ...


def coming_day(campaign: Campaign, now: datetime) -> date:
    """The action day that a letter written now is for."""
    return next_action_day(campaign.action_day, (now + _LAST_ZONE).date())
