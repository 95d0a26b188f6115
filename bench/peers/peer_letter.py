"""One letter, and the line that a sender ends with; needs nothing but the standard library, for peers run in
environments of their own."""

import json
import os
import re
import time
from pathlib import Path

PORT = int(os.environ["BENCH_PORT"])
LETTERS = int(os.environ["BENCH_LETTERS"])
LINES = int(os.environ["BENCH_LINES"])
WORK = Path(os.environ["BENCH_WORK"])
SENDER = "Jane Doe via Save North Korean Refugees Day <letters@bench.internal>"
_TEXT = os.environ["BENCH_TEXT"]
_SIZE = int(os.environ["BENCH_SIZE"])
# What headers come to, so that the whole is about as long as one of ours.
_HEADERS = 600


def subject(number: int) -> str:
    return f"A request for the safe passage of refugees, letter {number}"


def recipient(number: int) -> str:
    return f"mission-{number % 170}@dest.example"


def reply_to(number: int) -> str:
    return f"Jane Doe <supporter-{number}@example.net>"


def text(number: int) -> str:
    """With words of its own."""
    words = f"{_TEXT}\n\nHope is what letter {number} asks for.\n"
    missing = max(0, _SIZE - _HEADERS - len(words.encode()))
    return words + "\n" + ("Let them travel on in safety.\n" * (missing // 30 + 1))[:missing] + "\n"


def report(began: float, cpu_before: float) -> None:
    """began: time.perf_counter() before the first letter; cpu_before: time.process_time() then."""
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_before
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": int(peak[1]) / 1024}))
