"""Processes of our own: one for a single piece of work, and how many are worth having.

The press and the reading room, whose processes stay for a while, see to theirs.
"""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


def apart(work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
    """Work done by a process that ends with it: what it loads and reads does not stay with the caller.

    Answers or raises as `work` does. All of that, and its arguments, must be fit to cross between processes."""
    with ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        max_tasks_per_child=1,  # it ends also where the caller was killed meanwhile
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_DFL),  # Ctrl-C reaches both, and is told by the caller
    ) as pool:
        return pool.submit(work, *args, **named).result()


def usable_cores() -> int:
    """Containers are often given fewer than the machine has; only Linux tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
