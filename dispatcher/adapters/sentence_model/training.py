"""`dispatcher tone train`: all layers, their calibration and thresholds, from the same data to the same bytes.

Sentences teach what is disrespectful by itself; whole letters teach that the sentences of civil ones are civil, that
the worst one of the others is not, and in what company it stands. What calibrates and sets thresholds are always
scores of letters whose author the model does not know.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model import kernel
from dispatcher.adapters.sentence_model.calibration import Judged, limits, platt
from dispatcher.adapters.sentence_model.corpus import borrowed_examples, borrowed_texts, own_examples
from dispatcher.adapters.sentence_model.descent import LetterRows, SentenceRows, learned
from dispatcher.adapters.sentence_model.embedding import (
    Embedding,
    Points,
    fast_embedding,
    fast_runs_here,
    fine_embedding,
    fine_runs_here,
)
from dispatcher.adapters.sentence_model.judge import FAST, FINE, GATE, NGRAMS
from dispatcher.adapters.sentence_model.landmarks import Field, sample
from dispatcher.adapters.sentence_model.lessons import Lessons
from dispatcher.adapters.sentence_model.ngrams import features
from dispatcher.adapters.sentence_model.weights import archive_of, write_model
from dispatcher.adapters.sentence_model.whole import score_of
from dispatcher.adapters.sentence_model.word_classes import class_table, vocabulary
from dispatcher.services.tone import Impression
from dispatcher.services.tone_training import Tell, Trained, TrainingNotPossible

Floats: TypeAlias = NDArray[np.float64]

STOPPED = {FINE: 0.09, FAST: 0.09, NGRAMS: 0.11}  # civil letters that may go to a person for a layer's sake
# In English more may: the veiled letters are there, and the people who read are, too.
STOPPED_IN_ENGLISH = {FINE: 0.13, FAST: 0.13, NGRAMS: 0.11}
UNASKED = 0.85  # of the sentences of civil letters: the fine embedding is not asked about them
WEIGHT_OF_BORROWED = {FAST: 0.05, FINE: 0.05, NGRAMS: 0.1}  # against 1 for a sentence of our own
_SMOOTHING, _SMOOTHING_OF_LETTERS = 0.03, 0.005  # of the words
_PART_OF_SCORE, _PART_OF_LEAN = 0.5, 0.6  # brings the words to the scale of the kernels
_WEIGHT_OF_SINGLES = 0.05  # as letters of one sentence, beside whole letters
_LANDMARKS_AT_FIRST = 2_000  # to find the worst sentence of a letter
_SHOWN = 256  # sentences between two steps of the progress bar
_STEPS = 127


def train(*, corpus: Path, borrowed: Path | None, folder: Path, tell: Tell) -> Trained:
    """See services.tone_training.Trainer."""
    if not (fast_runs_here() and fine_runs_here()):
        raise TrainingNotPossible(
            problem='both libraries of the extra "coach" are needed: pip install "dispatcher[coach]" on a machine '
            "that runs them (docs/guide/tone-model.md)"
        )
    own = own_examples(corpus, "train")
    others = borrowed_examples(borrowed) if borrowed else []
    lessons = Lessons.of([*own, *others], own_examples(corpus, "dev"))
    course = _Course(lessons, borrowed_texts(borrowed) if borrowed else [], tell)
    judged = {FINE: np.zeros((lessons.asked, 2)), FAST: np.zeros((lessons.asked, 2))}
    judged[NGRAMS] = np.zeros((lessons.asked, 2))
    alone = np.zeros(lessons.asked)
    for turn in range(lessons.turns):
        tell("Learning in turns", turn, lessons.turns)
        model = course.learn(lessons.letters_but(turn))
        left = lessons.sentences_of(turn)
        alone[left] = model.scores[FAST][left, 0]
        for name, scores in model.scores.items():
            judged[name][left] = scores[left]
    gate = round(float(np.quantile(alone[lessons.civil_asked], UNASKED)), 4)
    tell("Learning from all", 0, 1)
    whole = course.learn(lessons.letters_but(None))
    calibrated = {name: _calibrated(lessons, _joined(lessons, judged, gate, name), name) for name in STOPPED}
    calibrated[FINE]["numbers"] = {GATE: gate}
    calibrated[NGRAMS]["numbers"] = whole.numbers
    digests = write_model(
        folder,
        {name: (_npz(**whole.arrays[name]), calibrated[name]) for name in STOPPED},
        {"sentences": len(own), "letters": len(lessons.letters), "borrowed": len(others)},
    )
    languages = [each.language for each in own]
    return Trained(
        sentences={language: languages.count(language) for language in sorted(set(languages))},
        borrowed=len(others),
        digests=digests,
    )


class _Model:
    """scores: score and lean of each sentence of the letters, by what each layer alone learned."""

    def __init__(self) -> None:
        self.arrays: dict[str, dict[str, NDArray[Any]]] = {}
        self.scores: dict[str, Floats] = {}
        self.numbers: dict[str, float] = {}


class _Course:
    """What is learned from again and again: the sentences as points and as places in the tables."""

    def __init__(self, lessons: Lessons, texts: Sequence[tuple[str, str]], tell: Tell) -> None:
        self._lessons = lessons
        self._tell = tell
        chosen = sample(lessons.texts)
        self._fields: dict[str, Field] = {}
        self._probes: dict[str, Points] = {}
        for name, embedding in ((FAST, fast_embedding()), (FINE, fine_embedding())):
            points = self._points(lessons.texts, embedding, f"Reading the sentences ({name})")
            self._fields[name] = Field.of(points, chosen, points[: lessons.known].mean(axis=0))
            self._probes[name] = embedding.points([kernel.PROBE])[0]
        tell("Sorting the words", 0, 1)
        own = zip(lessons.languages, lessons.texts, strict=True)
        self._classes = class_table(vocabulary(own, texts), fast_embedding())
        self._places = [
            np.array(features(text, language, self._classes), dtype=np.int64)
            for language, text in zip(lessons.languages, lessons.texts, strict=True)
        ]

    def learn(self, letters: NDArray[np.int64]) -> _Model:
        """From all single sentences and from these letters."""
        lessons, model = self._lessons, _Model()
        rows, targets = lessons.lesson(letters, worst=None)
        field = self._fields[FAST]
        pulls, level = field.fitted(
            rows, targets, lessons.weights(rows, WEIGHT_OF_BORROWED[FAST]), landmarks=_LANDMARKS_AT_FIRST
        )
        first = (field.near[lessons.known :, : len(pulls)] @ pulls + level).astype(np.float64)
        rows, targets = lessons.lesson(letters, worst=first)
        for name in (FAST, FINE):
            self._learn_kernel(model, name, rows, targets, letters)
        self._learn_words(model, rows, targets, letters)
        return model

    def _learn_kernel(
        self,
        model: _Model,
        name: str,
        rows: NDArray[np.int64],
        targets: Floats,
        letters: NDArray[np.int64],
    ) -> None:
        lessons, field = self._lessons, self._fields[name]
        pulls, level = field.fitted(rows, targets, lessons.weights(rows, WEIGHT_OF_BORROWED[name]))
        columns, levels = [pulls], [level]
        if name == FAST:  # the fine embedding is not asked about each sentence, and has no lean
            lean, lean_level = field.fitted_to_letters(
                np.concatenate(
                    [lessons.means(field.near[lessons.known :])[letters], field.near[lessons.own_singles]]
                ),
                *self._company(letters),
            )
            columns.append(lean)
            levels.append(lean_level)
        both = np.stack(columns, axis=1)
        model.arrays[name] = {
            "small": field.rows.small,
            "unit": np.array([field.rows.unit]),
            "middle": field.rows.middle,
            "pulls": both,
            "levels": np.array(levels, dtype=np.float32),
            "probe": self._probes[name],
        }
        found = (field.near[lessons.known :] @ both + np.array(levels)).astype(np.float64)
        model.scores[name] = np.pad(found, ((0, 0), (0, 2 - found.shape[1])))

    def _learn_words(
        self, model: _Model, rows: NDArray[np.int64], targets: Floats, letters: NDArray[np.int64]
    ) -> None:
        lessons = self._lessons
        chosen = SentenceRows([self._places[at] for at in rows])
        score = learned(chosen, targets, lessons.weights(rows, WEIGHT_OF_BORROWED[NGRAMS]), _SMOOTHING)
        asked, owner, sizes = lessons.in_letters(letters)
        alone = lessons.own_singles
        company = LetterRows(
            SentenceRows([self._places[at] for at in [*asked, *alone]]),
            np.concatenate([owner, len(letters) + np.arange(len(alone))]),
            np.concatenate([sizes, np.ones(len(alone), np.int64)]),
        )
        lean = learned(company, *self._company(letters), _SMOOTHING_OF_LETTERS)
        everything = SentenceRows(self._places[lessons.known :])
        arrays, columns = {"classes": np.frombuffer(self._classes, dtype=np.int8)}, []
        for name, (table, level), part in (("score", score, _PART_OF_SCORE), ("lean", lean, _PART_OF_LEAN)):
            unit = round(float(np.abs(table).max()) * part / _STEPS, 6) or 1.0
            arrays[name] = np.clip(np.rint(table * part / unit), -_STEPS, _STEPS).astype(np.int8)
            model.numbers |= {f"{name}_unit": unit, f"{name}_level": round(level * part, 6)}
            columns.append(everything.times(arrays[name].astype(np.float64) * unit) + level * part)
        model.arrays[NGRAMS] = arrays
        model.scores[NGRAMS] = np.stack(columns, axis=1)

    def _company(self, letters: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Targets and weights of these letters, and of single sentences as letters of one sentence."""
        lessons = self._lessons
        singles = lessons.own_singles
        return (
            np.concatenate([lessons.letter_targets[letters], lessons.single_targets[singles]]),
            np.concatenate([np.ones(len(letters)), np.full(len(singles), _WEIGHT_OF_SINGLES)]),
        )

    def _points(self, texts: Sequence[str], embedding: Embedding, words: str) -> Points:
        found = []
        for start in range(0, len(texts), _SHOWN):
            found.append(embedding.points(texts[start : start + _SHOWN]))
            self._tell(words, min(start + _SHOWN, len(texts)), len(texts))
        return np.concatenate(found)


def _joined(lessons: Lessons, judged: Mapping[str, Floats], gate: float, name: str) -> Floats:
    """As kernel.KernelReadings joins them."""
    words, fast = judged[NGRAMS], judged[FAST]
    if name == NGRAMS:
        return words
    joint = np.array([kernel.joined(score, None) for score in fast[:, 0]])
    if name == FINE:
        for letter in np.split(np.arange(lessons.asked), lessons.ends):
            for at in letter[kernel.read_again(list(fast[letter, 0]), gate)]:
                joint[at] = kernel.joined(fast[at, 0], judged[FINE][at, 0])
    score = joint + kernel.NGRAMS_SCORE * words[:, 0]
    return np.stack([score, fast[:, 1] + kernel.NGRAMS_LEAN * words[:, 1]], axis=1)


def _calibrated(lessons: Lessons, scores: Floats, layer: str) -> dict[str, Any]:
    judged = []
    for letter, rows in zip(lessons.letters, np.split(scores, lessons.ends), strict=True):
        heard = [Impression(score=float(score), lean=float(lean)) for score, lean in rows]
        judged.append(Judged(letter.example.language, letter.example.disrespectful, score_of(heard, heard)))
    slope, offset = platt(
        np.array([each.score for each in judged]), np.array([each.disrespectful for each in judged])
    )
    return {
        "slope": round(slope, 4),
        "offset": round(offset, 4),
        "review": limits(
            judged,
            lambda language: (STOPPED_IN_ENGLISH if language == "en" else STOPPED)[layer],
            lambda score: slope * score + offset,
        ),
    }


def _npz(**arrays: NDArray[Any]) -> bytes:
    written: dict[str, bytes] = {}
    for name, values in arrays.items():
        memory = io.BytesIO()
        np.lib.format.write_array(memory, values, version=(1, 0), allow_pickle=False)
        written[name] = memory.getvalue()
    return archive_of(written)
