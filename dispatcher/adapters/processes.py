"""Processes of our own: one for a single piece of work, and how many are worth having.

The press, the reading room and the lines to the relay, whose processes stay for a while, see to theirs.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dispatcher.domain.errors import DispatcherError

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, SpawnContext

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ProcessLost(DispatcherError):
    """A process that was to do a part of the work ended too soon, most likely for want of memory. Try again."""


def apart(work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
    """Work done by a process that ends with it: what it loads and reads does not stay with the caller.

    Answers or raises as `work` does; that must be fit to be pickled, and so must `work` and its arguments. For a
    start, before anything is opened: a fork has all that is open in common with the caller."""
    context = _context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, work, args, named))
    process.start()
    theirs.close()
    answer: _T
    try:
        answer, problem = ours.recv()
    except EOFError:
        raise ProcessLost from None
    finally:
        ours.close()
        process.join()
    if problem is not None:
        raise problem
    return answer


def usable_cores() -> int:
    """Containers are often given fewer than the machine has; only Linux tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _context() -> "ForkContext | SpawnContext":
    """A fork costs nothing, a new Python half a second and a watcher of 12 MB, which stays. But a fork of a process
    with threads may stand still for ever, and macOS' own libraries bear none."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return get_context("fork")
    return get_context("spawn")


def _work(
    caller: Connection, work: Callable[..., object], args: tuple[Any, ...], named: Mapping[str, Any]
) -> None:
    """What the other process does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches both, and is told by the caller
    answer: tuple[object, Exception | None]
    try:
        answer = work(*args, **named), None
    except Exception as problem:  # the caller tells of it
        answer = None, problem
    caller.send(answer)
