"""What training the learned layer of the tone check is given, and what it tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dispatcher.domain.errors import DispatcherError

Tell = Callable[[str, int, int], None]  # what is being done, how far, of how much


class TrainingNotPossible(DispatcherError):
    """The model cannot be trained: {problem}."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """sentences: learned from, by language. digests: SHA-256 of each file written."""

    sentences: Mapping[str, int]
    borrowed: int
    digests: Mapping[str, str]


class Trainer(Protocol):
    def train(self, *, corpus: Path, borrowed: Path | None, folder: Path, tell: Tell) -> Trained:
        """corpus: the sentences written for this project (train/ and dev/). borrowed: a folder of public data sets, or
        None. folder: where the weights go. The same data give the same bytes on the same kind of processor. Raises
        TrainingNotPossible."""
