"""`make torture`: kill -9 at random moments under load, and databases that go away in mid-run.

    make torture ARGS="--rounds 20 --database sqlite --seed 7"

SQLite with one courier and PostgreSQL with two, eight lines each, batches of up to 1,000, against a server on
loopback that remembers every Message-ID it took. After each round: nothing lost, nothing twice, the audit in
order, and in doubt only what was between its final dot and the answer. Exit 1 when a promise was broken.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.acceptance.station import Station, live
from tests.servers.in_thread import in_thread
from tests.servers.postgres_server import postgres_server
from tests.servers.receiving_smtp import ReceivingSmtp
from tests.torture.series import CONNECTIONS, DOUBT_A_KILL, Figures, Series, locked_sqlite

SQLITE, POSTGRESQL = "sqlite", "postgresql"
COURIERS = {SQLITE: 1, POSTGRESQL: 2}
# A new installation after so many rounds: the whole log is audited after each.
ROUNDS_A_SERIES = 25
# Longer than a writer waits for SQLite's lock, so that it is told of it.
SECONDS_AWAY = 35.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="on each engine")
    parser.add_argument("--database", choices=[SQLITE, POSTGRESQL], help="both by default")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the moments; printed, to repeat a run"
    )
    parser.add_argument(
        "--away", type=float, default=SECONDS_AWAY, help="seconds that the database is away; 0 leaves it out"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    engines = [options.database] if options.database else [SQLITE, POSTGRESQL]
    violations: list[str] = []
    lines = []
    for engine in engines:
        figures, broken = _rounds(engine, options.rounds, random.Random(options.seed))
        violations += [f"{engine}, {each}" for each in broken]
        lines.append(_line(f"{engine}, {COURIERS[engine]} courier(s)", figures))
    if options.away:
        for engine in engines:
            figures, broken = _away(engine, options.away, random.Random(options.seed))
            violations += [f"{engine} away, {each}" for each in broken]
            lines.append(_line(f"{engine} away for {options.away:.0f} s", figures))
    print("\n" + _line("", None))
    print("\n".join(lines))
    for each in violations:
        print(f"BROKEN: {each}")
    sys.exit(1 if violations else 0)


def _rounds(engine: str, rounds: int, dice: random.Random) -> tuple[Figures, list[str]]:
    total, violations = Figures(), []
    began = time.monotonic()
    while total.rounds < rounds:
        with _series(engine, dice) as (series, _):
            try:
                for _ in range(min(ROUNDS_A_SERIES, rounds - total.rounds)):
                    series.round()
                    _progress(engine, total.rounds + series.figures.rounds, rounds, began, series)
                series.finish()
            except AssertionError as failure:  # the rest of this series cannot be played
                series.figures.rounds += 1
                series.violations.append(f"round {series.figures.rounds}: {failure}")
        total.add(series.figures)
        violations += series.violations
    print(file=sys.stderr)
    return total, violations


def _away(engine: str, seconds: float, dice: random.Random) -> tuple[Figures, list[str]]:
    with _series(engine, dice) as (series, gone):
        print(f"{engine}: the database goes away for {seconds:.0f} s", file=sys.stderr, flush=True)
        series.lose_database(gone, seconds)
        series.finish()
    return series.figures, series.violations


@contextmanager
def _series(engine: str, dice: random.Random) -> Iterator[tuple[Series, AbstractContextManager[None]]]:
    """A new installation, and what takes its database away for the length of a block."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-"))
        receiver = stack.enter_context(in_thread(ReceivingSmtp(dice=random.Random(dice.random()))))
        station = live(
            Station(data=Path(folder) / "data"),
            receiver.port,
            SMTP__CONNECTIONS=str(CONNECTIONS),
            COURIER__BATCH="1000",
        )
        gone = locked_sqlite(station)
        if engine == POSTGRESQL:
            server = stack.enter_context(postgres_server())
            station = station.with_settings(DATABASE__URL=server.url)
            gone = server.stopped()
        series = Series(station=station, receiver=receiver, couriers=COURIERS[engine], dice=dice)
        yield stack.enter_context(series), gone


def _progress(engine: str, done: int, rounds: int, began: float, series: Series) -> None:
    a_round = (time.monotonic() - began) / done
    words = (
        f"{engine}: round {done} of {rounds}, {a_round:.1f} s each, {len(series.receiver.taken):,} letters taken here, "
        f"{len(series.violations)} broken promises, done in {a_round * (rounds - done):.0f} s"
    )
    if sys.stderr.isatty():
        print(f"\r{words}\033[K", end="", file=sys.stderr, flush=True)
    elif done % 10 == 0 or done == rounds:
        print(words, file=sys.stderr, flush=True)


def _line(name: str, figures: Figures | None) -> str:
    if figures is None:
        return f"{'':<26} rounds  kills  letters   lost  doubled  in doubt  most for a kill (bound {DOUBT_A_KILL})"
    return (
        f"{name:<26} {figures.rounds:>6} {figures.kills:>6} {figures.taken:>8,} {figures.lost:>6} "
        f"{figures.doubled:>8} {figures.doubtful:>9} {figures.doubtful_at_most:>16.1f}"
    )


if __name__ == "__main__":
    main()
