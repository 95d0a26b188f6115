"""`dispatcher tone train`: both models, their calibration and thresholds, from the same data to the same bytes.

Scores that calibrate and set thresholds are always those of a model that has not seen the sentence: the training
sentences are judged in turns (five folds), the letters of corpus/dev by the model of all training sentences.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model import kernel
from dispatcher.adapters.sentence_model.calibration import Judged, limits, platt
from dispatcher.adapters.sentence_model.corpus import Example, borrowed_examples, own_examples, unquoted
from dispatcher.adapters.sentence_model.embedding import Embedding, Points, is_installed
from dispatcher.adapters.sentence_model.judge import KERNEL, NGRAMS, UNIT_OF_NGRAMS
from dispatcher.adapters.sentence_model.ngrams import TABLE, features
from dispatcher.adapters.sentence_model.weights import archive_of, write_model
from dispatcher.domain.letter_parts import parts_of
from dispatcher.domain.tone import Quotations
from dispatcher.domain.wording import sentences
from dispatcher.services.tone_training import Tell, Trained, TrainingNotPossible

Floats: TypeAlias = NDArray[np.float64]

FOLDS = 5
WEIGHT_OF_BORROWED = {KERNEL: 0.05, NGRAMS: 0.2}  # against 1 for a sentence of our own
_ROUNDS = 30  # over the n-grams; the weights stand still by then
_STRENGTH = 1.0  # how far one sentence may pull the n-grams


def train(*, corpus: Path, borrowed: Path | None, folder: Path, tell: Tell) -> Trained:
    """See services.tone_training.Trainer."""
    if not is_installed():
        raise TrainingNotPossible(
            problem='the extra "coach" is not installed; pip install "dispatcher[coach]"'
        )
    own = own_examples(corpus, "train")
    others = borrowed_examples(borrowed) if borrowed else []
    known = _Known.of([*own, *others])
    letters = [_Letter.of(each) for each in own_examples(corpus, "dev")]
    layers: dict[str, tuple[bytes, dict[str, Any]]] = {}
    for name, learn in ((KERNEL, _learn_kernel), (NGRAMS, _learn_ngrams)):
        learned = learn(known, letters, tell)
        layers[name] = (learned.archive, _calibrated(learned, known, letters))
    digests = write_model(folder, layers, {"sentences": len(own), "borrowed": len(others)})
    languages = [each.language for each in own]
    return Trained(
        sentences={language: languages.count(language) for language in sorted(set(languages))},
        borrowed=len(others),
        digests=digests,
    )


@dataclass(frozen=True)
class _Known:
    """The training sentences, as columns."""

    examples: list[Example]
    texts: list[str]
    targets: Floats
    own: NDArray[np.bool_]
    fold: NDArray[np.int64]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> "_Known":
        kept = [(each, bare) for each in examples if (bare := unquoted(each.text))]
        return cls(
            examples=[each for each, _ in kept],
            texts=[bare for _, bare in kept],
            targets=np.array([1.0 if each.disrespectful else -1.0 for each, _ in kept]),
            own=np.array([each.own for each, _ in kept]),
            fold=np.arange(len(kept)) % FOLDS,
        )

    def weights(self, layer: str) -> Floats:
        return np.where(self.own, 1.0, WEIGHT_OF_BORROWED[layer])


@dataclass(frozen=True)
class _Letter:
    example: Example
    sentences: list[str]

    @classmethod
    def of(cls, example: Example) -> "_Letter":
        text = example.text
        parts, quoted = parts_of(text), Quotations(text)
        bare = [quoted.left_out(start, words) for start, words in sentences(text) if parts.holds(start)]
        return cls(example, [each for each in bare if unquoted(each)])


@dataclass(frozen=True)
class _Learned:
    """turns: scores of the training sentences, each by a model that has not seen it. letters: of each sentence of
    each letter of dev."""

    archive: bytes
    turns: Floats
    letters: list[Floats]


def _learn_kernel(known: _Known, letters: Sequence[_Letter], tell: Tell) -> _Learned:
    embedding = Embedding()

    def points(texts: Sequence[str], words: str) -> Points:
        rows = []
        for start in range(0, len(texts), 256):
            rows.append(embedding.points(texts[start : start + 256]))
            tell(words, min(start + 256, len(texts)), len(texts))
        return np.concatenate(rows)

    small, unit = kernel.squeezed(points(known.texts, "Reading the sentences"))
    rows: Floats = small.astype(np.float64) * unit
    nearness = kernel.near(rows, rows)
    weights = known.weights(KERNEL)

    def fit(chosen: NDArray[np.bool_]) -> tuple[Floats, float]:
        return kernel.fitted(nearness[np.ix_(chosen, chosen)], known.targets[chosen], weights[chosen])

    turns = np.zeros(len(rows))
    for fold in range(FOLDS):
        tell("Learning in turns", fold, FOLDS)
        seen = known.fold != fold
        pulls, level = fit(seen)
        turns[~seen] = nearness[np.ix_(~seen, seen)] @ pulls + level
    tell("Learning from all", 0, 1)
    pulls, level = fit(np.ones(len(rows), dtype=bool))
    archive = _npz(
        known=small,
        unit=np.array([unit]),
        pulls=pulls.astype(np.float32),
        level=np.array([level]),
        probe=embedding.points([kernel.PROBE])[0],
    )
    flat = points([words for letter in letters for words in letter.sentences], "Reading the letters")
    return _Learned(archive, turns, _cut(kernel.near(flat.astype(np.float64), rows) @ pulls + level, letters))


def _learn_ngrams(known: _Known, letters: Sequence[_Letter], tell: Tell) -> _Learned:
    rows = [np.array(features(text), dtype=np.int64) for text in known.texts]
    weights = known.weights(NGRAMS)
    turns = np.zeros(len(rows))
    for fold in range(FOLDS):
        tell("Learning letters in a row, in turns", fold, FOLDS)
        table = _descend(rows, known.targets, np.where(known.fold == fold, 0.0, weights))
        for at, row in enumerate(rows):
            if known.fold[at] == fold:
                turns[at] = _dot(table, row)
    tell("Learning letters in a row, from all", 0, 1)
    table = _descend(rows, known.targets, weights)
    small = np.clip(np.rint(table / UNIT_OF_NGRAMS), -127, 127).astype(np.int8)
    rounded: Floats = small.astype(np.float64) * UNIT_OF_NGRAMS
    flat = [
        _dot(rounded, np.array(features(words), dtype=np.int64))
        for letter in letters
        for words in letter.sentences
    ]
    return _Learned(_npz(weights=small), turns, _cut(np.array(flat), letters))


def _descend(rows: Sequence[NDArray[np.int64]], targets: Floats, weights: Floats) -> Floats:
    """Squared hinge loss by dual coordinate descent (Hsieh et al. 2008), in the order of the data."""
    table, pulls = np.zeros(TABLE), np.zeros(len(rows))
    chosen = [at for at in map(int, np.flatnonzero(weights)) if len(rows[at])]
    for _ in range(_ROUNDS):
        for at in chosen:
            row, target = rows[at], targets[at]
            slack = 1 / (2 * _STRENGTH * weights[at])
            slope = target * _dot(table, row) - 1 + slack * pulls[at]
            pull = max(0.0, pulls[at] - slope / (1 + slack))
            if pull != pulls[at]:
                table[row] += (pull - pulls[at]) * target / np.sqrt(len(row))
                pulls[at] = pull
    return table


def _dot(table: Floats, row: NDArray[np.int64]) -> float:
    return float(table[row].sum() / np.sqrt(len(row))) if len(row) else 0.0


def _cut(flat: Floats, letters: Sequence[_Letter]) -> list[Floats]:
    return np.split(flat, np.cumsum([len(letter.sentences) for letter in letters])[:-1])


def _calibrated(learned: _Learned, known: _Known, letters: Sequence[_Letter]) -> dict[str, Any]:
    slope, offset = platt(learned.turns[known.own], known.targets[known.own] > 0)
    civil: dict[str, list[float]] = {}
    for example, own, score in zip(known.examples, known.own, learned.turns, strict=True):
        if own and not example.disrespectful:
            civil.setdefault(example.language, []).append(float(score))
    judged = [
        Judged(letter.example.language, letter.example.disrespectful, tuple(map(float, scores)))
        for letter, scores in zip(letters, learned.letters, strict=True)
    ]
    return {
        "slope": round(slope, 4),
        "offset": round(offset, 4),
        "thresholds": limits(civil, judged, lambda score: slope * score + offset),
    }


def _npz(**arrays: NDArray[Any]) -> bytes:
    written: dict[str, bytes] = {}
    for name, values in arrays.items():
        memory = io.BytesIO()
        np.lib.format.write_array(memory, values, version=(1, 0), allow_pickle=False)
        written[name] = memory.getvalue()
    return archive_of(written)
