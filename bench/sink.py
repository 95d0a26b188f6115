"""Postfix's smtp-sink on loopback, a fresh one for each sender, whose own count is asked for at the end; and
smtp-source, the yardstick."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from bench.machine import Used, free_port, peak_memory

SESSIONS = 8
_SBIN = f"/usr/sbin:/usr/local/sbin:{os.environ.get('PATH', '')}"
_PATIENCE = 30
# Bytes of what it writes, with more than one count in them.
_LAST = 256


def missing() -> str:
    """A sentence when Postfix's tools are not there; else nothing."""
    there = all(shutil.which(name, path=_SBIN) for name in ("smtp-sink", "smtp-source"))
    return "" if there else "smtp-sink and smtp-source are missing; on Debian: apt install postfix"


@dataclass(kw_only=True)
class Sink:
    port: int
    process: subprocess.Popen[bytes]
    counting: IO[bytes]

    def taken(self) -> int:
        """How many letters it has taken by its own count, which is a moment behind."""
        end = os.fstat(self.counting.fileno()).st_size
        counts = re.findall(rb"mesg=(\d+)", os.pread(self.counting.fileno(), _LAST, max(0, end - _LAST)))
        return int(counts[-1]) if counts else 0

    def count(self) -> int:
        """Ends it; how many letters it took."""
        self.process.terminate()
        self.process.wait(_PATIENCE)
        return self.taken()


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    port = free_port()
    # A pipe would fill up: the sink writes its count with every letter.
    with tempfile.TemporaryFile() as counting:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            ["smtp-sink", *user, "-c", "-m", "2000", f"127.0.0.1:{port}", "1000"],
            stdout=counting,
            stderr=subprocess.STDOUT,
            env={"PATH": _SBIN},
        )
        try:
            _wait_for(port)
            yield Sink(port=port, process=process, counting=counting)
        finally:
            process.kill()
            process.wait(_PATIENCE)


def smtp_source(port: int, count: int, size: int) -> tuple[float, Used]:
    """Sends letters of so many bytes over 8 lines; seconds, and what it used."""
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
    began = time.perf_counter()
    process = subprocess.Popen(command, env={"PATH": _SBIN})
    time.sleep(0.1)
    peak = peak_memory(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - began, Used(cpu=used.ru_utime + used.ru_stime, peak=peak)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("smtp-sink did not open its port")
