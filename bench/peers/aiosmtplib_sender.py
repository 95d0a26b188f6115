"""aiosmtplib as its guide shows it: an EmailMessage a letter, here over eight lines that stay open."""

import asyncio
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

import aiosmtplib
from peer_letter import LETTERS, LINES, PORT, SENDER, recipient, reply_to, report, subject, text


def letter(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = recipient(number)
    message["Reply-To"] = reply_to(number)
    message["Subject"] = subject(number)
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain="bench.internal")
    message.set_content(text(number))
    return message


async def line(numbers: Iterator[int]) -> None:
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1", port=PORT, start_tls=False, local_hostname="bench.internal"
    ) as smtp:
        for number in numbers:
            await smtp.send_message(letter(number))


async def main() -> None:
    began, cpu = time.perf_counter(), time.process_time()
    numbers = iter(range(LETTERS))
    await asyncio.gather(*(line(numbers) for _ in range(LINES)))
    report(began, cpu)


asyncio.run(main())
