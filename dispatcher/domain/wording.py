"""How a letter is read: its sentences, its words without disguise, quoted speech, runs of capitals.

Offsets always count characters of the text as it was given. Nothing here backtracks: every repeat is of
one class of characters, or bounded.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

# Characters nobody sees: soft hyphen, zero-width ones, direction marks, variation selectors.
_UNSEEN_CLASS = (
    "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
)
_UNSEEN = re.compile(f"[{_UNSEEN_CLASS}]")

# Cyrillic and Greek letters that pass for a Latin one. NFKD deals with mathematical and wide letters.
_LOOKALIKES = {
    ord(strange): plain
    for strange, plain in zip(
        "абвеёзкмнорстухһіїјѕԁԛԝαβγεηικνορτυχωɑɡı", "abbee3kmhopctyxhiijsdqwabyenikvoptuxwagi", strict=True
    )
}
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})  # NFKD leaves them whole: "cœur" would fold to "cur"
_FIGURES = (str.maketrans("013457@$!|+", "oieastasiit"), str.maketrans("013457@$!|+", "oleastasllt"))
_STRETCHED = re.compile(r"(.)\1{2,}")
_MASKS = "*#"

# A sentence holding none of these has no disguise, and its words are what they seem.
_ODD_WIDE = re.compile(rf"[{_UNSEEN_CLASS}\u0300-\u052f]")
_ODD_FIGURE = re.compile(r"[0-9!+][a-zA-Z]")
_ODD_MARK = "\x01"
BETWEEN = "\x1e"  # parts sentences that are looked at together: the record separator of ASCII
# Reads folded text: letters and figures stay, the marks people write for letters become one odd mark.
_KEPT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789" + BETWEEN)
_SPACED = "".join(
    sign if sign in _KEPT else _ODD_MARK if sign in "*@$#|_" else " " for sign in map(chr, range(128))
)
_STRETCHES = tuple(letter * 3 for letter in "aeiourstkhcgy")
_SINGLES = frozenset("abcdefghijklmnopqrstuvwxyz")

PLAIN_WORD = re.compile(r"[^\W_]+")
_CHUNK = re.compile(rf"[^\W_][\w@$*#|!+{_UNSEEN_CLASS}\u0300-\u036f]*|[@$][\w@$*#|!+{_UNSEEN_CLASS}]+")
_SPELT_LETTERS = 3  # different letters standing alone: "a" and "I" do in every letter
_SPELT = re.compile(r" [a-z](?: {1,3}[a-z]){3} ")
_SPELT_GAP = 3  # characters between letters that are spelt out: "s - h - i - t"
_SPELT_LONGEST = 14  # letters of the longest word looked for in spelt-out letters

_END = re.compile(r"[.!?\n]+[\"'”’»)\]」』）]*\s*")
_END_WIDE = re.compile(r"[.!?\n…。！？]+[\"'”’»)\]」』）]*\s*")
_TITLES = frozenset({"mr", "ms", "mrs", "dr", "st", "sr", "sra", "mme", "prof", "no", "nr", "art"})
LONGEST_SENTENCE = 2_000  # characters; one without full stops is cut at a blank: the work stays bounded

_CLUSTER = re.compile(
    "[\u1100-\u115f][\u1160-\u11a7]?[\u11a8-\u11ff]?|.[\u0300-\u036f\u3099\u309a\uff9e\uff9f]{0,4}", re.DOTALL
)
_SHAPED = re.compile(  # letters NFKC gives another shape: parts of Korean letters, wide and narrow forms, accents
    "[\u1100-\u11ff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc\u2460-\u24ff\U0001d400-\U0001d7ff]+"
    "|.[\u0300-\u036f\u3099\u309a]+"
)
_SIGN = "\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3"
_WEDGE = re.compile(  # what is put between two signs to slip past: 시1발
    rf"[0-9*~^_.·ㆍ|@#\-]{{1,2}}(?=[{_SIGN}])(?<=[{_SIGN}][0-9*~^_.·ㆍ|@#\-])|[{_UNSEEN_CLASS}]"
)

# 《 》 enclose titles of books and plays.
_QUOTE_PAIRS = ("“”", "„“", "„”", "””", "«»", "»«", "‹›", "「」", "『』", '""', "《》", "〈〉")
LONGEST_QUOTE = 1_500  # characters; a stray mark must not swallow the letter
# Single marks are apostrophes, too ("zo'n", "'s avonds", "the guards' dogs"): they quote where they open before a word,
# close after one, and stand in one line. The mark comes first, so that a text without one is soon read.
_SINGLE_PAIRS = ("‘’", "‚‘", "‚’", "''")
_SINGLE_QUOTE = 300  # characters
_QUOTED = re.compile(
    "|".join(
        [
            *(f"{pair[0]}[^{pair}]{{1,{LONGEST_QUOTE}}}{pair[1]}" for pair in _QUOTE_PAIRS),
            *(
                rf"{pair[0]}(?<!\w{pair[0]})(?!(?:[snktmr]|em|til|cause|tis|twas)\b)(?=\w)"
                rf"(?:[^{pair}\n]|(?<=\w){pair[1]}(?=\w)){{1,{_SINGLE_QUOTE}}}(?<=\S){pair[1]}(?!\w)"
                for pair in _SINGLE_PAIRS
            ),
        ]
    ),
    re.IGNORECASE,
)

_UPPER = "A-ZÀ-ÖØ-Þ"
_CAPITALS = re.compile(
    rf"\b[{_UPPER}][{_UPPER}'’-]*(?:,?[ \t\n][ \t]{{0,9}}[{_UPPER}][{_UPPER}'’-]*(?![a-zß-ÿ]))+!*"
)
_SHOUTED_WORDS = 4  # three capitals in a row may be a name or an acronym
_LONG_WORD = 4
_HEADING = 90  # characters of the longest line read as a heading
# "STOP THIS" and "I AM" are two words of capitals; "the UN Refugee Agency" is not.
_TWO_CAPITALS = re.compile(rf"[{_UPPER}][{_UPPER}'’-]{{0,40}},?[ \t\n]{{1,9}}[{_UPPER}]['’]?[{_UPPER} ]")
_TWO_MARKS = ("!!", "??", "!?", "?!", "！！", "？？", "！？", "？！")
_MARKS = re.compile(r"[!?！？]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    form: str  # folded: lower case, no accents, no disguise
    start: int
    end: int


def sentences(text: str) -> list[tuple[int, str]]:
    """Where each sentence starts, and the sentence without the blanks around it."""
    found: list[tuple[int, str]] = []
    start = 0
    wide = not text.isascii() and any(sign in text for sign in "。！？…")
    for mark in (_END_WIDE if wide else _END).finditer(text):  # the plain one reads four times as fast
        end = mark.end()
        if _ends_sentence(text, mark.group(), mark.start(), end):
            _add_pieces(found, text, start, end)
            start = end
    _add_pieces(found, text, start, len(text))
    return found


def _ends_sentence(text: str, mark: str, start: int, end: int) -> bool:
    if mark[0] == "\n":
        return "\n" in mark[1:]
    if mark[-1] in " \n":
        return mark[0] != "." or not _abbreviates(text, start)
    return end == len(text) or any(sign in mark for sign in "。！？")


def _abbreviates(text: str, dot: int) -> bool:
    if text[dot - 5 : dot].isalpha():  # longer than any title; the ordinary case
        return False
    last = text[text.rfind(" ", max(0, dot - 6), dot) + 1 : dot]
    return last.lower() in _TITLES or (len(last) == 1 and last.isupper())


def _add_pieces(found: list[tuple[int, str]], text: str, start: int, end: int) -> None:
    while end - start > LONGEST_SENTENCE:
        cut = text.rfind(" ", start, start + LONGEST_SENTENCE)
        cut = cut if cut > start else start + LONGEST_SENTENCE
        found.append((start, text[start:cut]))
        start = cut
    piece = text[start:end].rstrip()
    bare = piece.lstrip()
    if bare:
        found.append((start + len(piece) - len(bare), bare))


def fold(text: str) -> str:
    """Lower case without accents, in Latin letters only."""
    lower = text.casefold()
    if lower.isascii():
        return lower
    lower = lower.translate(_LIGATURES)
    return unicodedata.normalize("NFKD", lower).encode("ascii", "ignore").decode("ascii").lower()


def spaced(folded: str) -> str:
    """Folded text with nothing but words, blanks and odd marks; splits six times as fast as a pattern."""
    return folded.translate(_SPACED)


def looks_odd(sentence: str, row: str, heads: set[str]) -> bool:
    """Cheap: may a word be in disguise? row: the sentence folded and spaced; heads: how its words begin."""
    if _ODD_MARK in row or _ODD_FIGURE.search(sentence):
        return True
    if len(heads & _SINGLES) >= _SPELT_LETTERS and _SPELT.search(f" {row} "):
        return True
    for stretch in _STRETCHES:  # a plain loop costs half of any(...), and this is asked of every new sentence
        if stretch in row:
            return True
    return not sentence.isascii() and _ODD_WIDE.search(sentence) is not None


def words(sentence: str, known: Callable[[str], bool], masked: Callable[[str], str | None]) -> list[Word]:
    """The words of a sentence. A disguised one is undone only where that gives a word the rules know.

    known: is this one of the rules' words? masked: the rules' word for "f**k", or None.
    """
    found: list[Word] = []
    for chunk in _CHUNK.finditer(sentence):
        raw = chunk.group()
        form = _undisguised(raw, known, masked)
        if form is not None:
            found.append(Word(form=form, start=chunk.start(), end=chunk.start() + len(raw.rstrip("!|+#"))))
            continue
        for plain in PLAIN_WORD.finditer(raw):
            start = chunk.start() + plain.start()
            found.append(Word(form=fold(plain.group()), start=start, end=start + len(plain.group())))
    return _join_spelt(found, known)


def plain_words(sentence: str) -> list[Word]:
    """The words of a sentence that does not look odd."""
    return [
        Word(form=fold(found.group()), start=found.start(), end=found.end())
        for found in PLAIN_WORD.finditer(sentence)
    ]


def _undisguised(raw: str, known: Callable[[str], bool], masked: Callable[[str], str | None]) -> str | None:
    if raw.isascii() and raw.isalpha():
        form = raw.lower()
        return form if known(form) else _unstretched(form, known)
    seen = _UNSEEN.sub("", raw).casefold().translate(_LOOKALIKES)
    form = fold(seen).rstrip("!|+")
    if any(mask in form for mask in _MASKS):
        return masked(form)
    for figures in _FIGURES:
        letters = form.translate(figures)
        # "101" is a number; only among letters is a figure a mask ("l0l").
        if not letters.isalpha() or form.isdigit():
            return None
        if known(letters):
            return letters
        plain = _unstretched(letters, known)
        if plain is not None:
            return plain
    return None


def _unstretched(form: str, known: Callable[[str], bool]) -> str | None:
    if not _STRETCHED.search(form):
        return None
    for replacement in (r"\1", r"\1\1"):
        shorter = _STRETCHED.sub(replacement, form)
        if known(shorter):
            return shorter
    return None


def _join_spelt(found: list[Word], known: Callable[[str], bool]) -> list[Word]:
    """Puts "s h i t" and "f.u.c.k" together."""
    if sum(len(word.form) == 1 for word in found) < _LONG_WORD:
        return found
    letters = "".join(word.form if len(word.form) == 1 else " " for word in found)
    joined: list[Word] = []
    place = 0
    while place < len(found):
        end = place + 1
        for stop in range(min(len(found), place + _SPELT_LONGEST), place + _LONG_WORD - 1, -1):
            form = letters[place:stop]
            if form.isalpha() and known(form) and _stand_close(found[place:stop]):
                end = stop
                break
        joined.append(
            found[place]
            if end == place + 1
            else Word(form=letters[place:end], start=found[place].start, end=found[end - 1].end)
        )
        place = end
    return joined


def _stand_close(row: list[Word]) -> bool:
    return all(after.start - before.end <= _SPELT_GAP for before, after in pairwise(row))


def fold_signs(text: str) -> str:
    """For Chinese, Japanese and Korean: one shape for each letter; punctuation stays as it is."""
    if _SHAPED.search(text):  # NFKC of a whole letter would cost more than all the rest
        text = _SHAPED.sub(lambda shaped: unicodedata.normalize("NFKC", shaped.group()), text)
    return text.casefold()


def without_wedges(text: str) -> str:
    return _WEDGE.sub("", text)


def traced_signs(text: str, *, wedged: bool) -> tuple[str, list[int]]:
    """The folded text and, for each of its characters and its end, the offset in the text as given."""
    gone = {at for wedge in _WEDGE.finditer(text) for at in range(*wedge.span())} if wedged else set()
    folded: list[str] = []
    offsets: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        if cluster.start() in gone:
            continue
        shape = fold_signs(cluster.group())
        folded.append(shape)
        offsets.extend([cluster.start()] * len(shape))
    offsets.append(len(text))
    return "".join(folded), offsets


def quotations(text: str) -> list[tuple[int, int]]:
    """Start and end of what stands in quotation marks, each within one paragraph."""
    return [quote.span() for quote in _QUOTED.finditer(text) if "\n\n" not in quote.group()]


def shouted_capitals(sentence: str) -> Iterator[tuple[int, int]]:
    """Runs of words in capitals that are neither a name, a row of acronyms, nor short."""
    for run in _CAPITALS.finditer(sentence):
        row = run.group().split()
        long = [word for word in row if sum(letter.isalpha() for letter in word) >= _LONG_WORD]
        is_list = all(word.endswith(",") for word in row[:-1])
        needed = _SHOUTED_WORDS - run.group().endswith("!")
        if len(row) >= needed and len(long) > 1 and not is_list:
            yield run.span()


def repeated_marks(sentence: str) -> Iterator[tuple[int, int]]:
    yield from (marks.span() for marks in _MARKS.finditer(sentence))


def may_shout(text: str) -> bool:
    """Cheap: is there a word in capitals, or a mark that could be repeated?"""
    return _TWO_CAPITALS.search(text) is not None or any(marks in text for marks in _TWO_MARKS)


def is_heading(text: str, start: int, end: int) -> bool:
    """A short line of its own in capitals, without a mark at its end."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    if line_end - line_start > _HEADING or line_end < end:
        return False
    line = text[line_start:line_end].strip()
    return line == line.upper() and not line.endswith(("!", "?", "."))


def mostly_capitals(text: str) -> bool:
    return sum(map(str.isupper, text)) > sum(map(str.islower, text))
