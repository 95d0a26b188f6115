"""The C library's heap. Home of what is asked of it."""

import ctypes
import sys

# malloc.h of glibc.
_M_ARENA_MAX = -8


def share_one_heap() -> None:
    """For a process that stays, before it starts threads: glibc gives each thread a heap of its own, and what a tick
    has freed there nobody else can use. After a seal of the log that is 15 MB. Without effect on other C libraries.

    One lock for all costs nothing here: Python's threads take turns anyway."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_ARENA_MAX, 1)
