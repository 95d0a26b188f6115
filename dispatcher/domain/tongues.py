"""Which language each sentence of a letter is read in.

The form's language is the prior: a short sentence, or one that could be either of two sisters, is read in it and in
the other. A sentence in a language without rules is strange; enough of them, and a person reads the letter.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dispatcher.domain.campaign import LANGUAGES
from dispatcher.domain.language import Guess
from dispatcher.domain.letter_parts import Parts

_HANGUL = re.compile("[\u3130-\u318f\uac00-\ud7a3\u1100-\u11ff]")
_KANA = re.compile("[\u3040-\u30ff\uff66-\uff9f]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_STRANGE_SCRIPT = re.compile("[\u0400-\u052f\u0530-\u08ff\u0900-\u10ff\u1200-\u139f\u1780-\u18af]")
_LATIN = re.compile("[a-zA-Z\u00c0-\u024f]")

_SHORT = 12  # letters; the model guesses at fewer
_SPELT_OUT = 3  # letters a word; with fewer the words are taken apart, and the model guesses at nothing
_SURE = 0.9  # read in this language alone
_LIKELY = 0.5  # read in it, too
_STRANGE_SURE = 0.8
_STRANGE_SENTENCE = 30  # letters of a sentence that may be called strange
_STRANGE_LETTERS = 60  # letters in strange sentences that make a letter one for a person
_STRANGE_SCRIPT_LETTERS = 20
_LONGEST_WORD = 100  # letters and figures without a blank; no language of ours has such a word

# What the model takes for a smaller sister of one of the nine.
_SISTERS = {
    **dict.fromkeys(("gl", "ca", "ast", "an", "eo", "la", "ia"), ("es", "pt", "fr", "en")),
    **dict.fromkeys(("af", "fy", "li", "nds", "vls", "zea", "lb", "als", "bar"), ("nl", "de")),
    **dict.fromkeys(("oc", "wa", "br"), ("fr", "es")),
    **dict.fromkeys(("sco", "nov", "ie", "io", "vo"), ("en", "de", "fr", "es", "pt", "nl")),
    **dict.fromkeys(("yue", "wuu"), ("zh", "ja")),
}
_CLOSE = ({"es", "pt"}, {"nl", "de"})


@dataclass(frozen=True, kw_only=True)
class Tongues:
    """by_language: each language with the sentences that are read in it (one may be read in two); main: each
    sentence once, under the language it most likely is in; language: of the letter."""

    language: str
    by_language: dict[str, list[tuple[int, str]]]
    main: dict[str, list[tuple[int, str]]]
    strange: bool


def tongues_of(
    spans: Sequence[tuple[int, str]], parts: Parts, primary: str, guess: Callable[[str], Guess]
) -> Tongues:
    by_language: dict[str, list[tuple[int, str]]] = defaultdict(list)
    main: dict[str, list[tuple[int, str]]] = defaultdict(list)
    weight: Counter[str] = Counter()
    strange, other_script = 0, 0
    for start, sentence in spans:
        body = parts.holds(start)
        tongues, is_strange = _of_sentence(sentence, primary, guess, body=body)
        for tongue in tongues:
            by_language[tongue].append((start, sentence))
        main[tongues[0]].append((start, sentence))
        weight[tongues[0]] += len(sentence)
        strange += len(sentence) if is_strange else 0
        other_script += len(_STRANGE_SCRIPT.findall(sentence)) if not sentence.isascii() else 0
    return Tongues(
        language=weight.most_common(1)[0][0] if weight else primary,
        by_language=dict(by_language),
        main=dict(main),
        strange=strange >= _STRANGE_LETTERS or other_script >= _STRANGE_SCRIPT_LETTERS,
    )


def unbroken(text: str) -> bool:
    """Is there a run of letters and figures that no word is as long as (base64, a key pressed for long)?"""
    runs = text.split()
    if max(map(len, runs), default=0) <= _LONGEST_WORD:
        return False
    return any(
        len(run) > _LONGEST_WORD
        and run.isascii()
        and len(set(run)) > _LONGEST_WORD // 10
        and "://" not in run
        for run in runs
    )


def _of_sentence(
    sentence: str, primary: str, guess: Callable[[str], Guess], *, body: bool
) -> tuple[tuple[str, ...], bool]:
    """The languages it is read in, the likeliest first, and whether it is in none of ours."""
    signs = () if sentence.isascii() else _languages_of_signs(sentence, primary)
    latin = sentence if not signs else "".join(_LATIN.findall(sentence))
    letters = len(_LATIN.findall(sentence))
    if signs and letters < len(sentence) // 3:
        return (*signs, *((primary,) if primary not in signs and letters else ())), False
    prior = primary if primary in LANGUAGES else "en"
    if letters < _SHORT or not body:
        return (prior, *(sign for sign in signs if sign != prior)), False
    found = guess(latin)
    tongues, strange = _of_latin(found, prior, letters)
    if prior not in tongues and letters < _SPELT_OUT * len(sentence.split()):
        tongues = (prior, *tongues)
    return (*tongues, *(sign for sign in signs if sign not in tongues)), strange


def _of_latin(found: Guess, prior: str, letters: int) -> tuple[tuple[str, ...], bool]:
    if found.language == prior or prior in _SISTERS.get(found.language, ()):
        return (prior,), False
    if found.language not in LANGUAGES or found.language in {"ko", "ja", "zh"}:
        return (prior,), found.share >= _STRANGE_SURE and letters >= _STRANGE_SENTENCE
    if found.share >= _SURE and {found.language, prior} not in _CLOSE:
        return (found.language,), False
    if found.share >= _LIKELY:
        return (found.language, prior), False
    return (prior, found.language), False


def _languages_of_signs(sentence: str, primary: str) -> tuple[str, ...]:
    found: list[str] = []
    if _HANGUL.search(sentence):
        found.append("ko")
    if _KANA.search(sentence):
        found.append("ja")
    if _HAN.search(sentence) and not found:
        found.append(primary if primary in {"ja", "zh"} else "zh")
    # Chinese in a letter whose form says Japanese, and the reverse: both are asked where no kana tells.
    if found == ["ja"] and not _KANA.search(sentence):
        found.append("zh")
    return tuple(found)
