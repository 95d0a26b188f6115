"""One letter as MIME: ours, and an EmailMessage with the same fields; microseconds and the ratio."""

import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

from bench.sample_letter import campaign, content, mission
from dispatcher.adapters.mime import render_email

ROUNDS = 300


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
