"""Work for which a process of its own is made: what it loads and reads goes with it and does not stay with the caller.

Home of what is done once at a start. The press and the reading room, whose processes stay for a while, see to theirs.
"""

import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


def apart(work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
    """What `work` answers or raises. All of that, and its arguments, must be fit to cross to another process."""
    with ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        max_tasks_per_child=1,  # it ends also where the caller was killed meanwhile
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_DFL),  # Ctrl-C reaches both, and is told by the caller
    ) as pool:
        return pool.submit(work, *args, **named).result()
