"""`dispatcher tone train`: all layers, their calibration and thresholds, from the same data to the same bytes.

Scores that calibrate and set thresholds are always those of a model that has not seen the sentence: the training
sentences are judged in turns (four folds), the letters of corpus/dev by the model of all training sentences.
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
from dispatcher.adapters.sentence_model.embedding import (
    Embedding,
    Points,
    fast_embedding,
    fast_runs_here,
    fine_embedding,
    fine_runs_here,
)
from dispatcher.adapters.sentence_model.judge import FAST, FINE, NGRAMS, UNIT_OF_NGRAMS
from dispatcher.adapters.sentence_model.ngrams import TABLE, features
from dispatcher.adapters.sentence_model.weights import archive_of, write_model
from dispatcher.domain.letter_parts import parts_of
from dispatcher.domain.tone import Quotations
from dispatcher.domain.wording import sentences
from dispatcher.services.tone_training import Tell, Trained, TrainingNotPossible

Floats: TypeAlias = NDArray[np.float64]

FOLDS = 4
WEIGHT_OF_BORROWED = {FAST: 0.05, FINE: 0.05, NGRAMS: 0.2}  # against 1 for a sentence of our own
UNASKED = (
    0.8  # of the civil training sentences, which are harder than most: the fine layer is not asked about them
)
_SHOWN = 256  # sentences between two steps of the progress bar
_ROUNDS = 30  # over the n-grams; the weights stand still by then
_STRENGTH = 1.0  # how far one sentence may pull the n-grams


def train(*, corpus: Path, borrowed: Path | None, folder: Path, tell: Tell) -> Trained:
    """See services.tone_training.Trainer."""
    if not (fast_runs_here() and fine_runs_here()):
        raise TrainingNotPossible(
            problem='both libraries of the extra "coach" are needed: pip install "dispatcher[coach]" on a machine '
            "that runs them (docs/guide/tone-model.md)"
        )
    own = own_examples(corpus, "train")
    others = borrowed_examples(borrowed) if borrowed else []
    known = _Known.of([*own, *others])
    letters = [_Letter.of(each) for each in own_examples(corpus, "dev")]
    asked = [words for letter in letters for words in letter.sentences]
    fast = _learn_kernel(known, asked, fast_embedding(), FAST, tell)
    fine = _learn_kernel(known, asked, fine_embedding(), FINE, tell)
    gate = round(float(np.quantile(fast.turns[known.own & (known.targets < 0)], UNASKED)), 4)
    learned = {
        FAST: fast,
        FINE: _with_second_look(fast, fine, gate),
        NGRAMS: _learn_ngrams(known, asked, tell),
    }
    layers = {name: (each.archive, _calibrated(each, known, letters)) for name, each in learned.items()}
    layers[FINE][1]["gate"] = gate
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
    all letters of dev."""

    archive: bytes
    turns: Floats
    letters: Floats


def _learn_kernel(
    known: _Known, asked: Sequence[str], embedding: Embedding, layer: str, tell: Tell
) -> _Learned:
    """asked: sentences to score with what was learned from all."""

    def points(texts: Sequence[str], words: str) -> Points:
        found = []
        for start in range(0, len(texts), _SHOWN):
            found.append(embedding.points(texts[start : start + _SHOWN]))
            tell(words, min(start + _SHOWN, len(texts)), len(texts))
        return np.concatenate(found)

    rows = kernel.Rows.of(points(known.texts, f"Reading the sentences ({layer})"))
    places = rows.points()
    nearness = kernel.near(places, places)

    def fit(chosen: NDArray[np.bool_]) -> tuple[Points, float]:
        return kernel.fitted(
            nearness[np.ix_(chosen, chosen)], known.targets[chosen], known.weights(layer)[chosen]
        )

    turns = np.zeros(len(places))
    for fold in range(FOLDS):
        tell(f"Learning in turns ({layer})", fold, FOLDS)
        seen = known.fold != fold
        pulls, level = fit(seen)
        turns[~seen] = nearness[np.ix_(~seen, seen)] @ pulls + level
    tell(f"Learning from all ({layer})", 0, 1)
    pulls, level = fit(np.ones(len(places), dtype=bool))
    archive = _npz(
        small=rows.small,
        unit=np.array([rows.unit]),
        middle=rows.middle,
        pulls=pulls,
        level=np.array([level]),
        probe=embedding.points([kernel.PROBE])[0],
    )
    others = kernel.centred(points(asked, f"Reading the letters ({layer})"), rows.middle)
    return _Learned(archive, turns, (kernel.near(others, places) @ pulls + level).astype(np.float64))


def _with_second_look(fast: _Learned, fine: _Learned, gate: float) -> _Learned:
    def joined(first: Floats, second: Floats) -> Floats:
        return np.where(first > gate, first + second, first + first)

    return _Learned(fine.archive, joined(fast.turns, fine.turns), joined(fast.letters, fine.letters))


def _learn_ngrams(known: _Known, asked: Sequence[str], tell: Tell) -> _Learned:
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
    letters = np.array([_dot(rounded, np.array(features(words), dtype=np.int64)) for words in asked])
    return _Learned(_npz(weights=small), turns, letters)


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


def _calibrated(learned: _Learned, known: _Known, letters: Sequence[_Letter]) -> dict[str, Any]:
    slope, offset = platt(learned.turns[known.own], known.targets[known.own] > 0)
    civil: dict[str, list[float]] = {}
    for example, own, score in zip(known.examples, known.own, learned.turns, strict=True):
        if own and not example.disrespectful:
            civil.setdefault(example.language, []).append(float(score))
    ends = np.cumsum([len(letter.sentences) for letter in letters])[:-1]
    judged = [
        Judged(letter.example.language, letter.example.disrespectful, tuple(map(float, scores)))
        for letter, scores in zip(letters, np.split(learned.letters, ends), strict=True)
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
