"""The letter of which the benchmarks make as many as they need: the campaign's own sample, for Ottawa."""

from datetime import date

from dispatcher.adapters.campaign_files import CampaignFolder
from dispatcher.domain.mission import Mission, MissionId, MissionKind
from dispatcher.services.stationery import LetterContent
from dispatcher.shelf import resource

campaign = CampaignFolder(resource("config", "campaigns"), "save-north-korean-refugees-day").active
mission = Mission(
    id=MissionId("cn-xx-example"),
    kind=MissionKind.EMBASSY,
    country="CA",
    country_name="Canada",
    region=None,
    city="Ottawa",
    time_zone="America/Toronto",
    name="Embassy of the People's Republic of China in Canada",
)
content = LetterContent(
    campaign=campaign,
    action_day=date(2027, 9, 24),
    mission=mission,
    language="en",
    subject=campaign.sample("en").subject,
    text=campaign.sample("en").text,
    writer_name="Zoë Müller",
    organisation="",
    place_line="Ottawa, Ontario, Canada",
    shielded=False,
    reply_to="zoe@example.org",
    message_id="<letter@campaign.example.org>",
    reference="example/1",
)
