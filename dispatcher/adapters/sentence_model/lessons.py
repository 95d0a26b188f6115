"""What is taught: single sentences, and whole letters whose sentences have no labels of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dispatcher.adapters.sentence_model.corpus import Example, unquoted
from dispatcher.domain.letter_parts import parts_of
from dispatcher.domain.tone import Quotations
from dispatcher.domain.wording import sentences

Floats: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Letter:
    example: Example
    sentences: list[str]

    @classmethod
    def of(cls, example: Example) -> "Letter":
        text = example.text
        parts, quoted = parts_of(text), Quotations(text)
        bare = [quoted.left_out(start, words) for start, words in sentences(text) if parts.holds(start)]
        return cls(example, [each for each in bare if unquoted(each)])


@dataclass(frozen=True)
class Lessons:
    """texts: the single sentences, then those of the letters in their order."""

    singles: list[Example]
    letters: list[Letter]
    texts: list[str]
    languages: list[str]

    @classmethod
    def of(cls, singles: Sequence[Example], letters: Sequence[Example]) -> "Lessons":
        kept = [(each, bare) for each in singles if (bare := unquoted(each.text))]
        read = [letter for each in letters if (letter := Letter.of(each)).sentences]
        return cls(
            singles=[each for each, _ in kept],
            letters=read,
            texts=[*(bare for _, bare in kept), *(words for letter in read for words in letter.sentences)],
            languages=[
                *(each.language for each, _ in kept),
                *(letter.example.language for letter in read for _ in letter.sentences),
            ],
        )

    @property
    def known(self) -> int:
        """Single sentences; the letters' begin here."""
        return len(self.singles)

    @property
    def asked(self) -> int:
        return len(self.texts) - self.known

    @cached_property
    def ends(self) -> list[int]:
        """Where the sentences of each letter but the last end."""
        return list(accumulate(len(letter.sentences) for letter in self.letters))[:-1]

    @cached_property
    def owner(self) -> Places:
        return np.repeat(np.arange(len(self.letters)), [len(letter.sentences) for letter in self.letters])

    @cached_property
    def letter_targets(self) -> Floats:
        return np.array([1.0 if letter.example.disrespectful else -1.0 for letter in self.letters])

    @cached_property
    def civil_asked(self) -> NDArray[np.bool_]:
        return self.letter_targets[self.owner] < 0

    @cached_property
    def _turn(self) -> Places:
        """Each author's letters are judged by a model that has not seen them; those of one author alone, by halves."""
        authors = sorted({letter.example.author for letter in self.letters})
        if len(authors) == 1:
            return np.arange(len(self.letters)) % 2
        return np.array([authors.index(letter.example.author) for letter in self.letters])

    @property
    def turns(self) -> int:
        return int(self._turn.max()) + 1

    def letters_but(self, turn: int | None) -> Places:
        return np.flatnonzero(self._turn != (-1 if turn is None else turn))

    def sentences_of(self, turn: int) -> Places:
        return np.flatnonzero(self._turn[self.owner] == turn)

    def in_letters(self, letters: Places) -> tuple[Places, Places, Places]:
        """The sentences of these letters, the letter of each, counted anew, and how many each letter has."""
        inside = np.flatnonzero(np.isin(self.owner, letters))
        _, owner, sizes = np.unique(self.owner[inside], return_inverse=True, return_counts=True)
        return inside + self.known, owner, sizes

    def lesson(self, letters: Places, *, worst: Floats | None) -> tuple[Places, Floats]:
        """Sentences to learn from, and 1 (disrespectful) or -1 for each: the single ones, all of the civil letters,
        and of the others the one that scores worst."""
        inside = np.isin(self.owner, letters)
        rows = [np.arange(self.known), np.flatnonzero(inside & self.civil_asked) + self.known]
        if worst is not None:
            highest = np.full(len(self.letters), -np.inf)
            np.maximum.at(highest, self.owner, worst)
            at_top = inside & ~self.civil_asked & (worst >= highest[self.owner])
            rows.append(np.flatnonzero(at_top) + self.known)
        chosen = np.concatenate(rows)
        return chosen, np.concatenate([self.single_targets, self.letter_targets[self.owner]])[chosen]

    def weights(self, rows: Places, borrowed: float) -> Floats:
        single = np.array([1.0 if each.own else borrowed for each in self.singles])
        return np.concatenate([single, np.ones(self.asked)])[rows]

    @cached_property
    def single_targets(self) -> Floats:
        return np.array([1.0 if each.disrespectful else -1.0 for each in self.singles])

    @cached_property
    def own_singles(self) -> Places:
        return np.flatnonzero([each.own for each in self.singles])

    def means(self, near: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of the rows of each letter."""
        sums = np.add.reduceat(near, [0, *self.ends], axis=0)
        sizes = np.bincount(self.owner).astype(np.float32)
        return (sums / sizes[:, None]).astype(np.float32)
