"""Processes of our own: one for a single piece of work, and how many are worth having.

The press, the reading room and the lines to the relay, whose processes stay for a while, see to theirs.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import dispatcher
from dispatcher.domain.errors import DispatcherError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ProcessLost(DispatcherError):
    """A process that was to do a part of the work ended too soon, most likely for want of memory. Try again."""


def apart(work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
    """Work done by a process that ends with it: what it loads and reads does not stay with the caller.

    Answers or raises as `work` does; all of that, and its arguments, must be fit to be pickled. Python's own
    multiprocessing would leave a process behind that watches over it, of 12 MB."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dispatcher.adapters.processes"],
        input=pickle.dumps((work, args, named)),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": own_path()},
        check=False,
    )
    if done.returncode != 0:
        raise ProcessLost
    answer: _T
    answer, problem = pickle.loads(done.stdout)  # noqa: S301 - written by ourselves, below
    if problem is not None:
        raise problem
    return answer


def own_path() -> str:
    """PYTHONPATH for a process of ours: where this package lies, before whatever else the environment names."""
    here = str(Path(dispatcher.__file__).parent.parent)
    return os.pathsep.join(each for each in (here, os.environ.get("PYTHONPATH")) if each)


def usable_cores() -> int:
    """Containers are often given fewer than the machine has; only Linux tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work() -> None:
    """What the other process does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches both, and is told by the caller
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is said meanwhile is no answer
    work, args, named = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by ourselves, above
    answer: tuple[object, Exception | None]
    try:
        answer = work(*args, **named), None
    except Exception as problem:  # the caller tells of it
        answer = None, problem
    with os.fdopen(answers, "wb") as caller:
        pickle.dump(answer, caller)


if __name__ == "__main__":
    _work()
