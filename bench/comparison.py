"""Rows `send` and `peers`: senders side by side, round after round, each against a fresh sink; all ratios are to
smtp-source -s 8 of the same round."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.outbox import Outbox, Sent, fill
from bench.peers import PEERS, PeerMissing
from bench.report import Bar, Bound, Results, Table, median, middle
from bench.sink import smtp_sink, smtp_source
from tests.servers.postgres_server import postgres_server

YARDSTICK = "smtp-source -s 8 (no queue, no log)"
OUR_SQLITE, OUR_POSTGRESQL = "dispatcher, SQLite", "dispatcher, PostgreSQL"
_NODEMAILER, _POST_OFFICE = "nodemailer", "django-post_office"


@dataclass(kw_only=True)
class Sender:
    name: str
    send: Callable[[], Sent]
    runs: list[Sent] = field(default_factory=list)

    @property
    def believed(self) -> bool:
        return bool(self.runs) and not any(run.bad for run in self.runs)


def compare(
    results: Results, *, ours: bool, peers: bool, letters: int, rounds: int, profile: bool, folder: Path
) -> None:
    with ExitStack() as stack:
        skipped: list[str] = []
        first = fill(folder / "sqlite", letters)
        senders = [_yardstick(letters, first.size), _copies(OUR_SQLITE, first, folder, profile=profile)]
        if ours:
            server = stack.enter_context(postgres_server())
            second = fill(folder / "postgresql", letters, postgresql=server.url)
            senders.append(_copies(OUR_POSTGRESQL, second, folder, postgresql=server.url, profile=profile))
        if peers:
            senders += _peers(first, skipped)
        for number in range(rounds):
            for sender in senders:
                print(f"round {number + 1} of {rounds}: {sender.name}", file=sys.stderr, flush=True)
                sender.runs.append(sender.send())
    _tell(results, senders, skipped, rounds)


def _yardstick(letters: int, size: int) -> Sender:
    def send() -> Sent:
        with smtp_sink() as sink:
            seconds, used = smtp_source(sink.port, letters, size)
            count = sink.count()
        bad = "" if count == letters else f"the sink took {count:,} letters"
        return Sent(letters=letters, seconds=seconds, cpu=used.cpu / letters * 1e6, peak=used.peak, bad=bad)

    return Sender(name=YARDSTICK, send=send)


def _copies(name: str, filled: Outbox, folder: Path, *, postgresql: str = "", profile: bool) -> Sender:
    """Each round sends another copy of the letters that were filled in once."""
    numbers = iter(range(1_000))

    def send() -> Sent:
        copy = filled.copy(folder / f"{filled.station.data.parent.name}-{next(numbers)}", postgresql)
        try:
            return copy.send(profile=profile)
        finally:
            copy.remove(postgresql)

    return Sender(name=name, send=send)


def _peers(filled: Outbox, skipped: list[str]) -> list[Sender]:
    found = []
    for peer in PEERS:
        try:
            command = peer.prepare()
        except PeerMissing as problem:
            skipped.append(f"{peer.name} was not measured: {problem}.")
            continue

        found.append(Sender(name=peer.name, send=partial(peer.send, command, filled.text, filled.size)))
    return found


def _tell(results: Results, senders: list[Sender], skipped: list[str], rounds: int) -> None:
    base = senders[0].runs
    rows = []
    for sender in senders:
        name = sender.name if sender.believed else f"BAD {sender.name}"
        results.bad += [f"{sender.name}: {run.bad}" for run in sender.runs if run.bad]
        ratio = _ratio(sender.runs, base)
        rows.append(
            (
                name,
                f"{sender.runs[0].letters:,}",
                middle(run.rate for run in sender.runs),
                f"{median(run.cpu for run in sender.runs):.0f}",
                f"{median(run.peak for run in sender.runs):.0f}",
                f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}",
            )
        )
        rate = median(run.rate for run in sender.runs)
        results.bars.append(
            Bar(name=name, value=rate, label=f"{rate:,.0f}", ours=sender.name in {OUR_SQLITE, OUR_POSTGRESQL})
        )
    results.show(
        Table(
            title="Letters a second, side by side",
            columns=("sender", "letters", "letters/s", "CPU us a letter", "peak MB", "ratio"),
            rows=rows,
            notes=(
                f"Median of {rounds} rounds, from least to most; ratio to smtp-source of the same round.",
                *skipped,
            ),
        )
    )
    results.bounds += _bounds({sender.name: sender for sender in senders})


def _bounds(senders: dict[str, Sender]) -> list[Bound]:
    known: list[tuple[str, str, float, float]] = [
        (OUR_SQLITE, YARDSTICK, 1.0, 1.25),
        (OUR_POSTGRESQL, YARDSTICK, 0.9, 1.15),
        *((OUR_SQLITE, name, 8, 12) for name in senders if name.startswith(_NODEMAILER)),
        *((OUR_SQLITE, name, 20, 30) for name in senders if name.startswith(_POST_OFFICE)),
    ]
    return [
        Bound(
            what=f"{one} / {other}",
            measured=_ratio(senders[one].runs, senders[other].runs),
            limit=limit,
            aim=aim,
        )
        for one, other, limit, aim in known
        if one in senders and other in senders
    ]


def _ratio(runs: list[Sent], base: list[Sent]) -> float:
    """The median of the rounds' own ratios."""
    return median(run.rate / yardstick.rate for run, yardstick in zip(runs, base, strict=True))
