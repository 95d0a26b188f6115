"""A phrase: words in their order, as the rule files write them, found in a row of words.

you are murderers        these words, side by side
(we|i) will              one of these
you are [all|really]     one of these, or none
murder~                  any word that begins so
*                        up to three words of any kind
Sie sind grausam         a capital here asks for a capital in the letter (German "Sie", not "sie")
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from dispatcher.domain.wording import PLAIN_WORD, fold

GAP = 3  # words a "*" may span: "we will very soon find you" yes, the next clause no
STEM_HEAD = 4  # letters of a stem that the quick look compares; a shorter stem would catch ordinary words

_OPEN_CLOSE = {"(": ")", "[": "]"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One place of a phrase. A gap has neither words nor stems."""

    words: frozenset[str]
    stems: tuple[str, ...]
    optional: bool
    gap: bool

    def takes(self, word: str) -> bool:
        return word in self.words or (bool(self.stems) and word.startswith(self.stems))


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """anchor: index of the step whose words are rarest; reach: the most words that may stand before it.
    capitals: folded words of the phrase that count only where the letter writes them with a capital."""

    text: str
    steps: tuple[Step, ...]
    anchor: int
    reach: int
    capitals: frozenset[str]
    needed: tuple[frozenset[str], ...]

    def may_stand_in(self, forms: Set[str]) -> bool:
        """Cheap: has the sentence of these words one for each step that must be there?"""
        for words in self.needed:  # noqa: SIM110 - a generator costs more than what it asks
            if words.isdisjoint(forms):
                return False
        return True

    def find(self, words: Sequence[str], at: int) -> tuple[int, int] | None:
        """First and one-past-last word of the longest match that has its anchor near `at`, or None."""
        begins = self.steps[0].takes  # a phrase begins with a word that must be there
        for first in range(max(0, at - self.reach), at + 1):
            if not begins(words[first]):
                continue
            last = max(self._ends(words, first, 0), default=first)
            if last > at:
                return first, last
        return None

    def _ends(self, words: Sequence[str], at: int, place: int) -> Iterator[int]:
        if place == len(self.steps):
            yield at
            return
        step = self.steps[place]
        if step.gap:
            for skip in range(min(GAP, len(words) - at) + 1):
                yield from self._ends(words, at + skip, place + 1)
            return
        if at < len(words) and step.takes(words[at]):
            yield from self._ends(words, at + 1, place + 1)
        if step.optional:
            yield from self._ends(words, at, place + 1)


def parse_phrase(text: str) -> Phrase:
    """Reads one phrase. ValueError says what is wrong with it."""
    steps = tuple(_step(piece) for piece in fold(text).split())
    solid = [place for place, step in enumerate(steps) if not step.optional and not step.gap]
    if not solid:
        raise ValueError(f'phrase "{text}" needs at least one word that must be there')
    if steps[0].gap or steps[-1].gap or steps[0].optional:
        raise ValueError(f'phrase "{text}" must begin with a word that must be there and not end in *')
    anchor = max(solid, key=lambda place: (_rarity(steps[place]), place))
    reach = sum(GAP if step.gap else 1 for step in steps[:anchor])
    capitals = frozenset(fold(word) for word in PLAIN_WORD.findall(text) if word[0].isupper())
    needed = tuple(steps[place].words for place in solid if not steps[place].stems)
    return Phrase(text=text, steps=steps, anchor=anchor, reach=reach, capitals=capitals, needed=needed)


def _rarity(step: Step) -> int:
    # Long words are rarer than short ones, and a step is as common as its commonest word.
    return min(len(word) for word in (*step.words, *step.stems))


def _step(piece: str) -> Step:
    if piece == "*":
        return Step(words=frozenset(), stems=(), optional=False, gap=True)
    optional = piece.startswith("[")
    if piece[0] in _OPEN_CLOSE:
        if not piece.endswith(_OPEN_CLOSE[piece[0]]):
            raise ValueError(f'"{piece}" is not closed; alternatives hold no blanks')
        piece = piece[1:-1]
    choices = piece.split("|")
    for choice in choices:
        if not choice.removesuffix("~").isalnum():
            raise ValueError(f'"{choice}" is not one word (write "don\'t" as "don t")')
    stems = tuple(choice[:-1] for choice in choices if choice.endswith("~"))
    for stem in stems:
        if len(stem) < STEM_HEAD:
            raise ValueError(f'stem "{stem}~" is shorter than {STEM_HEAD} letters')
    words = frozenset(choice for choice in choices if not choice.endswith("~"))
    return Step(words=words, stems=stems, optional=optional, gap=False)
