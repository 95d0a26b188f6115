"""One letter as MIME: ours, and an EmailMessage with the same fields; microseconds and the ratio."""

import time
from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from email.policy import SMTP

from dispatcher.adapters.campaign_files import CampaignFolder
from dispatcher.adapters.mime import render_email
from dispatcher.domain.mission import Mission, MissionId, MissionKind
from dispatcher.services.stationery import LetterContent
from dispatcher.shelf import resource

ROUNDS = 300

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


def ours() -> bytes:
    return render_email(content, recipient="mission@example.net").content


def with_email_message() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f'"Zoë Müller via {campaign.from_name}" <{campaign.from_address}>'
    message["To"] = f'"{mission.name}" <mission@example.net>'
    message["Reply-To"] = '"Zoë Müller" <zoe@example.org>'
    message["Subject"] = content.subject
    message["Message-ID"] = content.message_id
    message["Content-Language"] = "en"
    message.set_content(content.text)
    return message.as_bytes()


def best(work: Callable[[], bytes]) -> float:
    times = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(ROUNDS):
            work()
        times.append((time.process_time() - start) / ROUNDS * 1e6)
    return min(times)


mine, theirs = best(ours), best(with_email_message)
print(f"{mine:.0f} us; EmailMessage {theirs:.0f} us; ratio {theirs / mine:.0f}")
