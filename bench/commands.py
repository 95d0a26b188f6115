"""Rows about the commands: whole processes, timed from outside with the operating system's own accounting."""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from bench.machine import ROOT, clean_environment
from bench.report import Bound, Results, Table

EXAMPLES = ROOT / "config" / "examples" / "letters.csv"
_AUDITED = 200_000

# Name, what was measured, what is aimed at.
Row = tuple[str, str, str]


def audit(results: Results, folder: Path) -> None:
    """`dispatcher audit` over 200,000 letters that were sent, log and seals read whole."""
    data = folder / "audited"
    command = [sys.executable, "-m", "bench.audit_data", "--letters", str(_AUDITED), "--keep", str(data)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    results.show(
        Table(
            title=f"Audit of {_AUDITED:,} letters ({found['rows']:,} rows of the log, {found['blocks']} seals)",
            columns=("step", "seconds", "CPU s", "peak MB"),
            rows=[
                ("seal", f"{found['seal_seconds']:.1f}", "", ""),
                ("audit", f"{found['seconds']:.1f}", f"{found['cpu']:.1f}", f"{found['peak_mb']:.0f}"),
            ],
        )
    )
    words = "audit of 200,000 letters"
    results.bounds.append(
        Bound(what=words, measured=found["seconds"], limit=20, aim=5, unit=" s", at_most=True)
    )


def help_text() -> Row:
    """CPU of `dispatcher --help`, the middle one of five."""
    times = sorted(_run(["--help"], Path())[0] for _ in range(5))
    return ("help", f"{times[2]:.2f} s CPU", "under 0.35 s CPU")


_IMPORTED, _READ = 10_000, 1_000


def import_letters() -> Row:
    """Letters with words of their own: no two share a sentence of their body. Taken in; and then, fewer of them, read
    a second time by the learned layer."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        small, large = data / "small.csv", data / "large.csv"
        to_read = data / "to-read.csv"
        _letters(small, 0)
        _letters(large, _IMPORTED)
        _letters(to_read, _READ)
        base_cpu, _ = _run(["import", str(small), "--confirmed", "--json"], data / "a")
        cpu, wall = _run(["import", str(large), "--confirmed", "--json"], data / "b")
        _run(["import", str(to_read), "--confirmed", "--json"], data / "a")
        read_cpu, read_wall = _run(["import", "--read", "--json"], data / "a")
    return (
        "import",
        f"{_IMPORTED / wall:,.0f} letters/s taken in, with start and first import of the directory "
        f"({(cpu - base_cpu) / _IMPORTED * 1e6:.0f} us CPU a letter); "
        f"{_READ / read_wall:,.0f} letters/s read a second time, with start and loading of the model "
        f"({read_cpu / _READ * 1e3:.1f} ms CPU a letter)",
        "1,000 letters/s",
    )


def rehearsal() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = _run(["rehearse", "--no-log"], Path(folder))
    return ("rehearse", f"{wall:.1f} s for the example letters, {cpu:.1f} s CPU", "under 20 s")


def idle_memory() -> Row:
    """Resident memory of `serve` after a few seconds without work."""
    with tempfile.TemporaryDirectory() as folder:
        environment = _clean(Path(folder)) | {"DISPATCHER_WEB__PORT": "0"}
        process = subprocess.Popen(
            [sys.executable, "-m", "dispatcher", "serve"],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(8)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.terminate()
            process.wait(30)
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return ("serve", f"{resident / 1024:.0f} MB resident when idle", "under 180 MB")


def mime() -> Row:
    """Our writer against an EmailMessage with the same fields, in the same process."""
    command = [sys.executable, "-m", "bench.mime"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return ("mime", answer.stdout.strip(), "0.12 ms a letter")


def _letters(path: Path, count: int) -> None:
    with EXAMPLES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "@" in row["email"] and len(row["letter"]) > 200]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(islice(cycle(rows), count)):
            letter = row["letter"].replace(". ", f" ({number}). ")
            writer.writerow(row | {"email": f"supporter-{number}@example.net", "letter": letter})


def _clean(data: Path) -> dict[str, str]:
    return clean_environment(DATA=str(data), MODE="rehearsal")


def _run(arguments: list[str], data: Path) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of one command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "dispatcher", *arguments],
        env=_clean(data),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


BENCHES: dict[str, Callable[[], Row]] = {
    "help": help_text,
    "import": import_letters,
    "rehearse": rehearsal,
    "serve": idle_memory,
    "mime": mime,
}
