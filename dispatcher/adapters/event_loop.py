"""The event loop: uvloop where there is one for this system, else Python's own. Home of uvloop.

With uvloop a letter on the wire costs half the time; nothing else is different.
"""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

# A courier's thread at the database and its lines share one interpreter. Python lets a busy thread go on for 5 ms
# by default before another one's turn comes, and in that time the lines stand still.
_TURN_SECONDS = 0.0005
# A courier makes some ten objects for a letter, none of them in a ring. Looking for rings after each 700, and among all
# that the modules keep, costs a fifth of its time.
_RINGS_LOOKED_FOR_AFTER = 50_000


def run(work: Coroutine[Any, Any, _T]) -> _T:
    sys.setswitchinterval(_TURN_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_RINGS_LOOKED_FOR_AFTER)
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
