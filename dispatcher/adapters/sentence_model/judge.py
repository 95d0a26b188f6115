"""The judge that the tone check asks: the better of two trained models that can run here."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from typing import Protocol

from dispatcher.adapters.sentence_model.ngrams import NgramScores
from dispatcher.adapters.sentence_model.weights import (
    MANIFEST,
    LayerRecord,
    read_checked,
    read_manifest,
    small_integers,
)
from dispatcher.services.tone import JudgeUnavailable, SentenceJudge, Thresholds

KERNEL = "kernel"
NGRAMS = "ngrams"
UNIT_OF_NGRAMS = 1 / 64


class Scores(Protocol):
    def scores(self, sentences: Sequence[str]) -> Sequence[float]: ...


def load_judge(folder: Path) -> SentenceJudge | None:
    """folder: config/tone/model. None where nothing was trained. Reads no weights before the first sentence."""
    return TrainedJudge(folder) if (folder / MANIFEST).is_file() else None


class TrainedJudge:
    """Safe to share among threads. A changed file is refused at the first sentence, and at every later one."""

    def __init__(self, folder: Path, *, small: bool = False) -> None:
        """small: use the model that needs no library, even where the larger one could run."""
        self._folder = folder
        self._small = small
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def probabilities(self, sentences: Sequence[str], language: str) -> Sequence[float]:
        """language changes the thresholds, not the probabilities: one model reads all nine."""
        opened = self._open()
        record = opened.record
        return [_share(record.slope * score + record.offset) for score in opened.model.scores(sentences)]

    def thresholds_for(self, language: str) -> Thresholds:
        return self._open().record.thresholds_for(language)

    def layer(self) -> str:
        """Which of the two models answers here: "kernel" or "ngrams"."""
        return self._open().name

    def _open(self) -> "_Opened":
        if self._opened is None:
            with self._lock:
                if self._opened is None:
                    self._opened = _open(self._folder, small=self._small)
        return self._opened


@dataclass(frozen=True)
class _Opened:
    name: str
    record: LayerRecord
    model: Scores


def _open(folder: Path, *, small: bool) -> _Opened:
    records = read_manifest(folder)
    try:
        if not small and KERNEL in records and _embedding_installed():
            from dispatcher.adapters.sentence_model.kernel import KernelScores  # noqa: PLC0415 - 125 MB

            record = records[KERNEL]
            return _Opened(KERNEL, record, KernelScores(read_checked(folder, record)))
        record = records[NGRAMS]
        weights = small_integers(read_checked(folder, record), "weights")
        return _Opened(NGRAMS, record, NgramScores(weights, UNIT_OF_NGRAMS))
    except (KeyError, ValueError) as fault:
        raise JudgeUnavailable(
            reason=f"the model's files do not fit together ({type(fault).__name__})"
        ) from None


def _embedding_installed() -> bool:
    try:
        from dispatcher.adapters.sentence_model.embedding import is_installed  # noqa: PLC0415 - needs numpy
    except ImportError:
        return False
    return is_installed()


def _share(logit: float) -> float:
    return 1 / (1 + exp(-logit)) if logit >= 0 else 1 - 1 / (1 + exp(logit))
