"""The machine under the measurements, and what the operating system counts of a process."""

import multiprocessing
import os
import platform
import re
import socket
import time
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_BUSY_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Used:
    """cpu: seconds, user and system. peak: the most memory it ever held, in MB."""

    cpu: float
    peak: float


def use_of(process: int) -> Used:
    """Until now, of a process that still runs, with all threads that it still has, and of the processes that it
    started: their peaks are added up, though they may not have come at one time."""
    tasks = list(Path(f"/proc/{process}/task").iterdir())
    nanoseconds = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    started = [use_of(int(child)) for task in tasks for child in (task / "children").read_text().split()]
    return Used(
        cpu=nanoseconds / 1e9 + sum(each.cpu for each in started),
        peak=peak_memory(process) + sum(each.peak for each in started),
    )


def peak_memory(process: int | str) -> float:
    """In MB. Not ru_maxrss, which a process inherits from the one that started it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def effective_cores() -> float:
    """Two busy loops at once against one: 2.0 are two whole cores, 1.0 is one that both share."""
    return _loops(2) / _loops(1)


def _loops(count: int) -> int:
    queue: SimpleQueue[int] = multiprocessing.SimpleQueue()
    processes = [multiprocessing.Process(target=_busy, args=(queue,)) for _ in range(count)]
    for process in processes:
        process.start()
    done = sum(queue.get() for _ in processes)
    for process in processes:
        process.join()
    return done


def _busy(queue: "SimpleQueue[int]") -> None:
    end, done = time.perf_counter() + _BUSY_SECONDS, 0
    while time.perf_counter() < end:
        done += sum(1 for _ in range(1000))
    queue.put(done)


def description() -> str:
    """Processor, processors, system, Python."""
    lines = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*: (.+)", lines)
    processor = " ".join((model[1] if model else platform.machine()).split())
    return (
        f"{processor}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment with these DISPATCHER_ settings (named without it) and no others."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER_")}
    return others | {f"DISPATCHER_{name}": value for name, value in settings.items()}


def work_folder() -> Path:
    """What peers need is kept here between runs."""
    folder = Path(os.environ.get("BENCH_WORK") or ROOT / ".venv" / "bench")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
