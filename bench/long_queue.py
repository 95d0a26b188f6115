"""Rows `flat` and `enclosure`: what a letter costs, and what the courier holds, however long the queue."""

import random
import shutil
import sys
from pathlib import Path

from PIL import Image

from bench.machine import ROOT
from bench.outbox import Sent, fill
from bench.report import Bound, Results, Table, median, middle

# Short runs are repeated, for the start of a courier weighs more in them.
_LENGTHS = ((1_000, 5), (20_000, 3), (200_000, 1))
_ENCLOSED_LETTERS = 2_000
_ENCLOSURE_BYTES = 200_000
_COLUMNS = ("letters", "letters/s", "CPU us a letter", "peak MB")
_CAMPAIGN = "save-north-korean-refugees-day"


def flat(results: Results, folder: Path) -> None:
    """Every letter goes through intake, also the 200,000: that takes a few minutes and is not timed."""
    measured: dict[int, list[Sent]] = {}
    rows = []
    for letters, times in _LENGTHS:
        print(f"taking in {letters:,} letters", file=sys.stderr, flush=True)
        filled = fill(folder / f"flat-{letters}", letters)
        runs = measured[letters] = []
        for number in range(times):
            copy = folder / f"flat-{letters}-{number}"
            runs.append((filled if times == 1 else filled.copy(copy)).send())
            shutil.rmtree(copy, ignore_errors=True)
        shutil.rmtree(filled.station.data.parent)
        rows.append(_row(f"{letters:,}", runs))
        results.bad += [f"{letters:,} letters: {run.bad}" for run in runs if run.bad]
    results.show(
        Table(title="Cost of a letter by the length of the queue (SQLite)", columns=_COLUMNS, rows=rows)
    )
    shortest, longest = measured[_LENGTHS[0][0]], measured[_LENGTHS[-1][0]]
    cost = median(run.cpu for run in longest) / median(run.cpu for run in shortest)
    words = f"CPU a letter, {_LENGTHS[-1][0]:,} / {_LENGTHS[0][0]:,} letters"
    results.bounds.append(Bound(what=words, measured=cost, limit=1.2, aim=1.0, at_most=True))
    peak = max(run.peak for run in longest)
    words = f"courier's memory with {_LENGTHS[-1][0]:,} letters waiting"
    results.bounds.append(Bound(what=words, measured=peak, limit=150, aim=100, unit=" MB", at_most=True))


def enclosure(results: Results, folder: Path) -> None:
    """A campaign with a PDF of about 200 kB, stored once and joined to each letter as it is sent."""
    campaigns = folder / "campaigns"
    campaigns.mkdir()
    # Noise cannot be packed: a byte of the page is a byte of the file, or nearly.
    noise = Image.frombytes("L", (400, _ENCLOSURE_BYTES // 400), random.Random(1).randbytes(_ENCLOSURE_BYTES))
    noise.save(campaigns / "enclosure.pdf", quality=95)
    size = (campaigns / "enclosure.pdf").stat().st_size
    shipped = (ROOT / "config" / "campaigns" / f"{_CAMPAIGN}.toml").read_text(encoding="utf-8")
    listed = 'enclosures = [{ file = "enclosure.pdf" }]\n'
    (campaigns / f"{_CAMPAIGN}.toml").write_text(listed + shipped, encoding="utf-8")
    filled = fill(folder / "enclosure", _ENCLOSED_LETTERS, CAMPAIGNS__PATH=str(campaigns))
    runs = [filled.copy(folder / f"enclosure-{number}").send() for number in range(3)]
    results.bad += [f"enclosure: {run.bad}" for run in runs if run.bad]
    rows = [_row(f"{_ENCLOSED_LETTERS:,}", runs)]
    results.show(
        Table(title=f"With an enclosure of {size / 1000:.0f} kB (SQLite)", columns=_COLUMNS, rows=rows)
    )


def _row(name: str, runs: list[Sent]) -> tuple[str, ...]:
    bad = "BAD " if any(run.bad for run in runs) else ""
    return (
        bad + name,
        middle(run.rate for run in runs),
        middle(run.cpu for run in runs),
        f"{max(run.peak for run in runs):.0f}",
    )
