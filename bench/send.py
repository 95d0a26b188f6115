"""Durable end to end: letters in the outbox -> claimed -> sent by SMTP -> accepted in the log, against Postfix's own
load generator on the same sink in the same run. The sink's count must be right, and so must the audit.

    python bench/send.py --letters 20000 --rounds 3 [--database postgresql://...]
"""

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.audit import audit
from dispatcher.services.house import House
from dispatcher.services.intake import Draft, Tally
from dispatcher.settings import Settings, load_settings
from dispatcher.wiring import at_work, make_courier, open_house

SESSIONS = 8
PACE = 1_000_000_000  # the pacing check runs, and lets everything through
CHUNK = 500
WORDS = [
    "hope",
    "border",
    "river",
    "family",
    "mother",
    "winter",
    "safety",
    "dignity",
    "promise",
    "courage",
    "journey",
    "daughter",
    "village",
    "kindness",
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--letters", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", default="", help="SQLite in a temporary folder when empty")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if not (shutil.which("smtp-sink", path=SBIN) and shutil.which("smtp-source", path=SBIN)):
        sys.exit("smtp-sink and smtp-source are missing; on Debian: apt install postfix")
    ours, theirs, cpu = [], [], []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            settings = _settings(Path(folder), options.database)
            house = open_house(settings)
            size = _fill(house, options.letters)
            theirs.append(_yardstick(options.letters, size))
            with smtp_sink(settings.smtp.port) as sink:
                rate, used = _send(house, settings, options.letters, profile=options.profile)
                received = sink()
            if received != options.letters:
                sys.exit(f"the sink counted {received} letters instead of {options.letters}")
            with house.store.read() as work:
                result = audit(work.ledger)
            if not result.ok or result.totals != {DeliveryState.ACCEPTED: options.letters}:
                sys.exit(f"the audit does not agree: {result.document()}")
            ours.append(rate)
            cpu.append(used)
    row = {
        "letters": options.letters,
        "bytes": size,
        "rate": round(statistics.median(ours)),
        "cpu_us": round(statistics.median(cpu)),
        "smtp_source_s8": round(statistics.median(theirs)),
        "ratio": round(statistics.median(o / t for o, t in zip(ours, theirs, strict=True)), 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(row))


SBIN = f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', '')}"


def _settings(folder: Path, database: str) -> Settings:
    return load_settings(
        {
            "DISPATCHER_DATA": str(folder),
            "DISPATCHER_DATABASE__URL": database,
            "DISPATCHER_MODE": "live",
            "DISPATCHER_SMTP__HOST": "127.0.0.1",
            "DISPATCHER_SMTP__PORT": str(_free_port()),
            "DISPATCHER_SMTP__SECURITY": "none",
            "DISPATCHER_SMTP__CONNECTIONS": str(SESSIONS),
            "DISPATCHER_CAMPAIGNS__FROM_ADDRESS": "letters@bench.internal",
            "DISPATCHER_CAMPAIGNS__LETTERS_PER_HOUR": str(PACE),
            "DISPATCHER_COURIER__BATCH": "1000",
        }
    )


def _fill(house: House, count: int) -> int:
    """Takes in `count` letters, each with its own words, for missions with a mailbox; answers a mail's size."""
    with house.store.read() as work:
        way = house.routing.present(work)
        countries = sorted({mission.country for mission in way.directory.missions})
    campaign = house.campaigns.active
    reached = []
    for country in countries:
        place = house.intake.place(country=country)
        with house.store.read() as work:
            found = house.routing.present(work).route(
                place, campaign, on=house.clock.now().date(), shielded=False
            )
        if found.channels and found.channels[0].channel.value == "email":
            reached.append(country)
    sample = campaign.sample("en").text
    drafts = (
        Draft(
            name="Jane Doe",
            email=f"supporter-{number}@example.net",
            country=country,
            language="en",
            letter=f"{sample}\n\n{WORDS[number % len(WORDS)].capitalize()} is what letter {number} asks for.",
        )
        for number, country in enumerate(cycle(reached))
    )
    tally = Tally()
    for start in range(0, count, CHUNK):
        rows = [(index, next(drafts)) for index in range(min(CHUNK, count - start))]
        house.intake.take_batch(rows, tally, confirmed=True)
    assert tally.taken == count, tally.refusals[:3]
    house.preparation.prepare_all()
    with house.store.write() as work:
        house.dispatch.release(work, campaign, at=house.clock.now(), now=True)
    with house.store.read() as work:
        (content,) = work.outbox.content([1]).values()
    return len(content.content)


def _send(house: House, settings: Settings, count: int, *, profile: bool) -> tuple[float, float]:
    """(letters a second, CPU microseconds a letter) from the start of the courier to the last letter settled."""

    async def until_done() -> float:
        courier = make_courier(house, settings)
        with at_work(courier, settings):
            started = time.perf_counter()
            working = asyncio.create_task(courier.run())
            while True:
                await asyncio.sleep(0.05)
                if working.done():
                    working.result()
                    sys.exit("the courier stopped before all was sent")
                with house.store.read() as work:
                    if work.outbox.next_due() is None and not work.outbox.under_way():
                        break
            wall = time.perf_counter() - started
            courier.stop()
            await working
        return wall

    before = time.process_time()
    if profile:
        import cProfile  # noqa: PLC0415
        import pstats  # noqa: PLC0415

        profiler = cProfile.Profile()
        wall = profiler.runcall(asyncio.run, until_done())
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)
    else:
        wall = _runner()(until_done())
    return count / wall, (time.process_time() - before) / count * 1e6


def _runner():  # type: ignore[no-untyped-def]
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.run
    return uvloop.run


def _yardstick(count: int, size: int) -> float:
    """Letters a second of smtp-source with 8 sessions and mails of this size."""
    port = _free_port()
    with smtp_sink(port) as sink:
        started = time.perf_counter()
        command = [
            "smtp-source",
            "-s",
            str(SESSIONS),
            "-d",
            "-m",
            str(count),
            "-l",
            str(size),
            f"127.0.0.1:{port}",
        ]
        subprocess.run(command, check=True, env={"PATH": SBIN})
        wall = time.perf_counter() - started
        assert sink() == count
    return count / wall


@contextmanager
def smtp_sink(port: int) -> Iterator[object]:
    """A sink on loopback; the answer, when called, ends it and gives its own count."""
    counting = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe would fill up: the sink writes its count with every letter
    process = subprocess.Popen(
        ["smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{port}", "1000"],
        stdout=counting,
        stderr=subprocess.STDOUT,
        env={"PATH": SBIN},
    )
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)

    def count() -> int:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        counting.seek(0)
        counts = re.findall(rb"mesg=(\d+)", counting.read())
        return int(counts[-1]) if counts else 0

    try:
        yield count
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        counting.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
