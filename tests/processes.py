"""Processes that a test has to do with but did not start itself: whether they live, and that they end."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def lives(pid: int) -> bool:
    """One that has ended and that nobody has asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def all_end(pids: Sequence[int]) -> bool:
    """Waits ten seconds for it at the most."""
    deadline = time.monotonic() + 10
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def orphans(program: str) -> list[int]:
    """program: Python that prints the ids of its workers in one line, and then waits on its stdin. It is killed;
    these are the ids, of which each lived until then."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
    ) as parent:
        assert parent.stdout is not None
        workers = [int(each) for each in parent.stdout.readline().split()]
        alive = [pid for pid in workers if lives(pid)]
        parent.kill()
    assert alive == workers
    return workers
