"""`make bench`: rates, CPU time and memory of the service on this machine, beside yardsticks and other senders.

    make bench                                  every row, about half an hour
    make bench ARGS="send peers"                rows by name
    make bench ARGS="send --rounds 5 --profile" and where the courier's time goes
    make bench ARGS="--write"                   and docs/guide/throughput.md and .svg are written anew

Nothing leaves the machine, except that the peers are installed from their registries on first use. Compare ratios
of one run, never the rates of two runs.
"""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import commands, long_queue, signed, sink, stationery
from bench.comparison import compare
from bench.machine import ROOT, description, effective_cores
from bench.picture import draw
from bench.report import Results, Table

_COMPARED = {"send", "peers"}
_SENDING = {"flat": long_queue.flat, "enclosure": long_queue.enclosure}
ROWS = ("send", "peers", *_SENDING, "dkim", "audit", "pages", *commands.BENCHES)
GUIDE = ROOT / "docs" / "guide"


def main() -> None:
    options = _options()
    chosen = options.rows or list(ROWS)
    if lacking := set(chosen) & {*_COMPARED, *_SENDING, "dkim"} and sink.missing():
        sys.exit(lacking)
    cores = effective_cores()
    print(f"cores     {cores:.2f} effective (two busy loops against one); {description()}", flush=True)
    results = Results()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if set(chosen) & _COMPARED:
            compare(
                results,
                ours="send" in chosen,
                peers="peers" in chosen,
                letters=options.letters,
                rounds=options.rounds,
                profile=options.profile,
                folder=folder,
            )
        for row in (row for row in _SENDING if row in chosen):
            _SENDING[row](results, folder)
        if "dkim" in chosen:
            signed.dkim(results, folder, letters=options.letters, rounds=options.rounds)
        if "audit" in chosen:
            commands.audit(results, folder)
        if "pages" in chosen:
            stationery.pages(results)
    small = [commands.BENCHES[row]() for row in commands.BENCHES if row in chosen]
    if small:
        results.show(Table(title="Commands", columns=("row", "measured", "aim"), rows=small))
    results.show_bounds()
    if options.write:
        _write(results, cores)
    for sentence in results.bad:
        print(f"BAD: {sentence}.", file=sys.stderr)
    sys.exit(1 if results.bad else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="of the rows send, peers and dkim")
    parser.add_argument("--letters", type=int, default=100_000, help="that the quick senders send in a round")
    parser.add_argument(
        "--profile", action="store_true", help="of the courier, in the row send; slows it down"
    )
    parser.add_argument("--write", action="store_true", help="the page and the picture in docs/guide")
    options = parser.parse_args()
    if unknown := [row for row in options.rows if row not in ROWS]:
        parser.error(f"there is no row {', '.join(unknown)}; the rows are {', '.join(ROWS)}")
    return options


def _write(results: Results, cores: float) -> None:
    page = [
        "# Throughput\n\n"
        f"Measured by `make bench` on {datetime.now(UTC):%d %B %Y}: {description()}; "
        f"{cores:.2f} effective cores (two busy loops against one).\n\n"
        "Sender, receiver (Postfix's smtp-sink) and database share these cores, so the rates are this machine's; what "
        "carries over is the ratios of one run and the CPU time a letter. Each letter has its own words and went in "
        "through intake; `dispatcher courier` is measured as an operator runs it, from the moment it is at work until "
        "the last letter is settled in the database, with states, log and pacing. After each run the sink's own count "
        "and the audit must agree. smtp-source, nodemailer and aiosmtplib keep no queue and no log.\n"
    ]
    if results.bars:
        page.append("![Letters a second by sender](throughput.svg)\n")
        (GUIDE / "throughput.svg").write_text(draw(results.bars, "Letters a second"), encoding="utf-8")
    page += [table.markdown() for table in results.tables]
    (GUIDE / "throughput.md").write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
