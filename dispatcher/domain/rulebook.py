"""The rules of one language, and what they find in one sentence."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from dispatcher.domain.phrase import STEM_HEAD, Phrase
from dispatcher.domain.rule import TOLD, Detector, Match, Pattern, Rule, Together, outranks
from dispatcher.domain.wording import (
    BETWEEN,
    Word,
    fold,
    fold_signs,
    looks_odd,
    may_shout,
    plain_words,
    repeated_marks,
    shouted_capitals,
    spaced,
    traced_signs,
    without_wedges,
    words,
)

# Languages without blanks between words, or with endings on them.
READ_BY_SIGNS = frozenset({"ko", "ja", "zh"})
SENTENCES_KEPT = 20_000  # most letters of a campaign share the sample's sentences; about 10 MB a language
_KEPT_OF_A_LETTER = 500  # sentences; a text with more is no letter, and must not empty the memory
_LONGEST_KEPT = 600  # characters; a longer sentence is rarely written twice
_TOLD_WITHIN = 8  # signs between the words told and the verb that tells them, in Korean and Japanese
_TOLD_FAR = 90  # characters; "called us dogs, pigs and whatever came to his mind"
_WORD_BEFORE = re.compile(r"([A-ZÀ-Þ][\w'’]{0,30})\.?[ ]$")
_WORD_AFTER = re.compile(
    r"[ ](?:(?:van|von|de|der|den|da|di|do|dos|du|le|la|ter|zu) ){0,2}([A-ZÀ-Þ][\w'’]{0,30})"
)
FINDINGS_A_SENTENCE = 20  # nobody mends more at once, and a hostile text costs no more


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """harmless: phrases and literals in which nothing is found ("dirty war"); names: folded words that are names, too,
    and count as such beside another word with a capital ("Mr Dick"). testimony: how one begins to tell what was said
    to somebody ("called us"); told_after: in this language the words told stand before it. reader: words for the
    one who reads; what is said to them is not told of others.

    Keeps what it found in up to SENTENCES_KEPT sentences, in memory only. Safe to share among threads.
    """

    language: str
    rules: tuple[Rule, ...]
    harmless: Rule | None = None
    names: frozenset[str] = frozenset()
    testimony: Rule | None = None
    told_after: bool = False
    reader: frozenset[str] = frozenset()
    _index: "_Index" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", _Index(self))

    def examine(self, row: Sequence[str]) -> list[tuple[Match, ...]]:
        """What the rules find in each sentence, first to last."""
        return self._index.examine(row)


class _Index:
    """The rules by word, by beginning of word and by sign, so that a civil sentence costs little."""

    def __init__(self, book: RuleBook) -> None:
        rules = book.rules
        excuses = [rule for rule in (book.harmless, book.testimony) if rule is not None]
        everything = (*rules, *excuses)
        self.book = book
        self.by_word: dict[str, Rule] = {}
        self.by_stem: dict[str, list[tuple[str, Rule]]] = defaultdict(list)
        self.by_anchor: dict[str, list[tuple[Phrase, Rule]]] = defaultdict(list)
        self.by_anchor_stem: dict[str, list[tuple[str, Phrase, Rule]]] = defaultdict(list)
        self.by_literal: dict[str, Rule] = {}
        self.by_told: dict[str, list[tuple[Together, Rule]]] = defaultdict(list)
        self.by_told_stem: dict[str, list[tuple[str, Together, Rule]]] = defaultdict(list)
        self.by_told_sign: dict[str, list[tuple[Together, Rule]]] = defaultdict(list)
        self.reads_signs = book.language in READ_BY_SIGNS
        self.patterns: list[tuple[Pattern, Rule]] = []
        self.vocabulary: set[str] = set()
        self.detectors = {rule.detector: rule for rule in rules if rule.detector is not None}
        for rule in everything:
            self._add(rule)
        self.triggers = frozenset(self.by_word) | frozenset(self.by_anchor) | frozenset(self.by_told)
        self.heads = frozenset(self.by_stem) | frozenset(self.by_anchor_stem) | frozenset(self.by_told_stem)
        self.reads_words = bool(self.triggers or self.heads)
        self.literals = _alternation(self.by_literal)
        self.told_signs = _alternation(self.by_told_sign)
        self.hints = _alternation(
            {*(hint for pattern, _ in self.patterns for hint in pattern.hints), *self.by_told_sign}
        )
        self.stems = frozenset(stem for stems in self.by_stem.values() for stem, _ in stems)
        self.all_stems = (
            *self.stems,
            *(stem for row in self.by_anchor_stem.values() for stem, _, _ in row),
            *(stem for row in self.by_told_stem.values() for stem, _, _ in row),
        )
        self.by_initial: dict[str, list[str]] = defaultdict(list)
        for word in sorted({*self.by_word, *self.stems}):
            self.by_initial[word[0]].append(word)
        self.seen: dict[str, tuple[Match, ...]] = {}

    def _add(self, rule: Rule) -> None:
        self.by_word.update(dict.fromkeys(rule.words, rule))
        self.by_literal.update(dict.fromkeys(rule.literals, rule))
        self.patterns.extend((pattern, rule) for pattern in rule.patterns)
        for stem in rule.stems:
            self.by_stem[stem[:STEM_HEAD]].append((stem, rule))
        for together in rule.together:
            self._add_together(together, rule)
        for phrase in rule.phrases:
            anchor = phrase.steps[phrase.anchor]
            for word in anchor.words:
                self.by_anchor[word].append((phrase, rule))
            for stem in anchor.stems:
                self.by_anchor_stem[stem[:STEM_HEAD]].append((stem, phrase, rule))
            for step in phrase.steps:
                self.vocabulary.update(step.words)

    def _add_together(self, together: Together, rule: Rule) -> None:
        told = together.told
        if self.reads_signs:
            for sign in told.words:
                self.by_told_sign[sign].append((together, rule))
            return
        for word in told.words:
            self.by_told[word].append((together, rule))
        for stem in told.stems:
            self.by_told_stem[stem[:STEM_HEAD]].append((stem, together, rule))
        for words_ in (told, *together.beside):
            self.vocabulary.update(words_.words)

    def examine(self, row: Sequence[str]) -> list[tuple[Match, ...]]:
        seen = self.seen  # held for the whole call: another thread may put a new one in its place
        found = {sentence: seen[sentence] for sentence in row if sentence in seen}
        fresh = [sentence for sentence in row if sentence not in found]
        if fresh:
            news: dict[str, tuple[Match, ...]] = dict.fromkeys(fresh, ())
            news.update((sentence, self._examine(sentence)) for sentence in self._doubtful(fresh))
            self._remember(news)
            found |= news
        return [found[sentence] for sentence in row]

    def _remember(self, news: dict[str, tuple[Match, ...]]) -> None:
        if len(news) > _KEPT_OF_A_LETTER:
            return
        if len(self.seen) + len(news) > SENTENCES_KEPT:
            self.seen = {}
        short = {sentence: matches for sentence, matches in news.items() if len(sentence) <= _LONGEST_KEPT}
        self.seen.update(short)

    def _doubtful(self, fresh: list[str]) -> list[str]:
        """The sentences in which something may be found: one look at all costs less than many looks."""
        text = BETWEEN.join(fresh)
        if self.detectors and may_shout(text):
            return fresh
        by_signs = self._doubtful_by_signs(fresh, text) if self.literals or self.hints else []
        return by_signs + (self._doubtful_by_words(fresh, text) if self.reads_words else [])

    def _doubtful_by_signs(self, fresh: list[str], text: str) -> list[str]:
        bare = without_wedges(fold_signs(text))
        if not self._signs_may_hit(bare):
            return []
        lines = bare.split(BETWEEN)
        if len(lines) != len(fresh):
            return fresh
        return [sentence for sentence, line in zip(fresh, lines, strict=True) if self._signs_may_hit(line)]

    def _signs_may_hit(self, folded: str) -> bool:
        if self.literals and self.literals.search(folded):
            return True
        return self.hints is not None and self.hints.search(folded) is not None

    def _doubtful_by_words(self, fresh: list[str], text: str) -> list[str]:
        row = spaced(fold(text))
        forms = set(row.split())
        heads = {form[:STEM_HEAD] for form in forms}
        if looks_odd(text, row, heads):
            return fresh
        if not self.heads.isdisjoint(heads) and any(form.startswith(self.all_stems) for form in forms):
            return fresh
        telling = {form for form in self.triggers & forms if self._tells(form, forms)}
        lines = row.split(BETWEEN)
        if len(lines) != len(fresh):
            return fresh
        return [
            sentence for sentence, line in zip(fresh, lines, strict=True) if self._line_tells(line, telling)
        ]

    def _line_tells(self, line: str, telling: set[str]) -> bool:
        forms = set(line.split())
        return any(self._tells(form, forms) for form in telling & forms)

    def _tells(self, form: str, forms: set[str]) -> bool:
        if form in self.by_word:
            return True
        for phrase, _ in self.by_anchor.get(form, ()):
            if phrase.may_stand_in(forms):
                return True
        for together, _ in self.by_told.get(form, ()):  # noqa: SIM110 - a generator costs more than what it asks
            if together.may_stand_in(forms):
                return True
        return False

    def _examine(self, sentence: str) -> tuple[Match, ...]:
        found: list[Match] = []
        if self.detectors:
            found.extend(self._shouts(sentence))
        if self.reads_words:
            found.extend(self._in_words(sentence))
        if self.literals or self.hints:
            found.extend(self._in_signs(sentence))
        return self._tidy(sentence, self._spoken(sentence, found)) if found else ()

    def _spoken(self, sentence: str, found: list[Match]) -> list[Match]:
        """Without those of rules that are silent in such a sentence."""
        if self.reads_signs:
            folded = fold_signs(sentence)
            return [match for match in found if not match.rule.unless.found_in(folded)]
        forms = set(spaced(fold(sentence)).split())
        return [match for match in found if not match.rule.unless.stand_in(forms)]

    def _tidy(self, sentence: str, found: list[Match]) -> tuple[Match, ...]:
        """Leaves out what is harmless, a name or told of others, and what another finding wholly covers."""
        book = self.book
        excused = [match for match in found if match.rule is book.harmless]
        told = [match for match in found if match.rule is book.testimony]
        kept: list[Match] = []
        rest = [
            match for match in found if match.rule is not book.harmless and match.rule is not book.testimony
        ]
        for match in sorted(rest, key=lambda match: (match.start - match.end, match.start)):
            covers = [*excused, *(other for other in kept if outranks(other, match))]
            if any(other.start <= match.start and match.end <= other.end for other in covers):
                continue
            if (told and self._is_told(sentence, match, told)) or (
                book.names and self._is_name(sentence, match)
            ):
                continue
            kept.append(match)
            if len(kept) == FINDINGS_A_SENTENCE:
                break
        return tuple(sorted(kept, key=lambda match: (match.start, match.end)))

    def _is_told(self, sentence: str, match: Match, told: list[Match]) -> bool:
        if match.rule.category not in TOLD:
            return False
        said = sentence[match.start : match.end]
        if not self.book.reader.isdisjoint(fold(said).split()) or any(
            sign in said for sign in self.book.reader if not sign.isascii()
        ):
            return False
        if self.book.told_after:
            return any(0 <= other.start - match.end <= _TOLD_WITHIN for other in told)
        return any(other.end <= match.start <= other.end + _TOLD_FAR for other in told)

    def _is_name(self, sentence: str, match: Match) -> bool:
        word = sentence[match.start : match.end]
        if fold(word) not in self.book.names or not word[0].isupper() or (len(word) > 1 and word.isupper()):
            return False
        before = _WORD_BEFORE.search(sentence[max(0, match.start - 40) : match.start])
        after = _WORD_AFTER.match(sentence[match.end : match.end + 40])
        if before is not None and fold(before.group(1)) not in self.book.reader:
            return True
        return after is not None and not after.group(1).isupper()

    def _shouts(self, sentence: str) -> Iterator[Match]:
        for detector, rule in self.detectors.items():
            match detector:
                case Detector.CAPITALS:
                    yield from (Match(rule, *span) for span in shouted_capitals(sentence))
                case Detector.MARKS:
                    yield from (Match(rule, *span) for span in repeated_marks(sentence))
                case _:
                    assert_never(detector)

    def _in_words(self, sentence: str) -> Iterator[Match]:
        spaced_out = spaced(fold(sentence))
        forms = set(spaced_out.split())
        heads = {form[:STEM_HEAD] for form in forms}
        if looks_odd(sentence, spaced_out, heads):
            row = words(sentence, self._known, self._unmasked)
        elif self._may_match(forms, heads):
            row = plain_words(sentence)
        else:
            return
        forms_in_row = [word.form for word in row]
        for at in range(len(row)):
            yield from self._at_word(sentence, row, forms_in_row, at)

    def _may_match(self, forms: set[str], heads: set[str]) -> bool:
        if not self.heads.isdisjoint(heads) and any(form.startswith(self.all_stems) for form in forms):
            return True
        return any(self._tells(form, forms) for form in self.triggers & forms)

    def _at_word(self, sentence: str, row: list[Word], forms: list[str], at: int) -> Iterator[Match]:
        word, form = row[at], forms[at]
        rule = self.by_word.get(form)
        if rule is not None:
            yield Match(rule, word.start, word.end)
        head = form[:STEM_HEAD]
        if head in self.by_stem:
            for stem, rule in self.by_stem[head]:
                if form.startswith(stem):
                    yield Match(rule, word.start, word.end)
        for together, rule in self._told_by(form, head):
            if together.may_stand_in(set(forms)):
                yield Match(rule, word.start, word.end)
        phrases = self.by_anchor.get(form, [])
        if head in self.by_anchor_stem:
            rest = [
                (phrase, rule) for stem, phrase, rule in self.by_anchor_stem[head] if form.startswith(stem)
            ]
            phrases = phrases + rest
        for phrase, rule in phrases:
            span = phrase.find(forms, at)
            if span is not None and all(
                sentence[part.start].isupper() for part in row[slice(*span)] if part.form in phrase.capitals
            ):
                yield Match(rule, row[span[0]].start, row[span[1] - 1].end)

    def _told_by(self, form: str, head: str) -> Iterator[tuple[Together, Rule]]:
        yield from self.by_told.get(form, ())
        for stem, together, rule in self.by_told_stem.get(head, ()):
            if form.startswith(stem):
                yield together, rule

    def _known(self, form: str) -> bool:
        if form in self.by_word or form in self.vocabulary:
            return True
        head = form[:STEM_HEAD]
        return head in self.by_stem and any(form.startswith(stem) for stem, _ in self.by_stem[head])

    def _unmasked(self, form: str) -> str | None:
        """ "f**k" and "f**king": the first letter stands, stars and hashes are letters."""
        if len(form) < STEM_HEAD:
            return None
        shape = [sign if sign.isalpha() else None for sign in form]
        for word in self.by_initial.get(form[0], ()):
            if (len(word) == len(form) or (word in self.stems and len(word) < len(form))) and all(
                sign is None or sign == letter for sign, letter in zip(shape, word, strict=False)
            ):
                return word
        return None

    def _in_signs(self, sentence: str) -> Iterator[Match]:
        folded = fold_signs(sentence)
        if self._signs_hit(folded):
            yield from self._trace_signs(sentence, wedged=False)
            return
        bare = without_wedges(folded)
        if len(bare) < len(folded) and self._signs_hit(bare):
            yield from self._trace_signs(sentence, wedged=True)

    def _signs_hit(self, folded: str) -> bool:
        if self.literals and self.literals.search(folded):
            return True
        if self.told_signs and self.told_signs.search(folded):
            return True
        return any(pattern.search(folded) for pattern, _ in self.patterns)

    def _trace_signs(self, sentence: str, *, wedged: bool) -> Iterator[Match]:
        folded, offsets = traced_signs(sentence, wedged=wedged)
        if self.literals:
            for literal in self.literals.finditer(folded):
                yield Match(
                    self.by_literal[literal.group()], offsets[literal.start()], offsets[literal.end()]
                )
        if self.told_signs:
            for told in self.told_signs.finditer(folded):
                for together, rule in self.by_told_sign[told.group()]:
                    if together.may_stand_in_signs(folded):
                        yield Match(rule, offsets[told.start()], offsets[told.end()])
        for pattern, rule in self.patterns:
            if pattern.search(folded):
                for found in pattern.regex.finditer(folded):
                    yield Match(rule, offsets[found.start()], offsets[found.end()])


def _alternation(literals: Iterable[str]) -> re.Pattern[str] | None:
    """Longest first, grouped by first sign, so that most places of a text fail at one comparison."""
    rests: dict[str, list[str]] = defaultdict(list)
    for literal in sorted(literals, key=lambda literal: (-len(literal), literal)):
        rests[literal[0]].append(re.escape(literal[1:]))
    groups = [f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in sorted(rests.items())]
    return re.compile("|".join(groups)) if groups else None
