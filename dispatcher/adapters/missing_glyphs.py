"""Characters that no font here can print, in words that their writer can act on."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from dispatcher.domain.errors import DispatcherError

# More would not help anybody: a letter in a script without a font has dozens.
_NAMED = 6
# From so many letters of one script on, it is the script that is missing.
_A_SCRIPT = 3

# Controls and lone surrogates: they have no shape in any font, and typst would not say so of all of them.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# typst writes both as Rust's debug strings: "\u{e01}", "\"".
_MISSING = re.compile(r'the (?:text|disallowed codepoint) `"((?:\\.|[^"\\])*)"`')
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}|\\(.)")


class CannotTypeset(DispatcherError):
    """This letter cannot be printed as it is: no font here has {characters}. Ask its writer to write it without,
    or print it by hand."""


def unprintable(texts: Iterable[str]) -> set[str]:
    """Characters that no font can have."""
    return {character for text in texts for character in _UNPRINTABLE.findall(text)}


def missing(diagnostic: str) -> set[str]:
    """The characters that typst's message complains of; none when it complains of something else."""
    return {character for text in _MISSING.findall(diagnostic) for character in _unquoted(text)}


def cannot_typeset(characters: Iterable[str]) -> CannotTypeset:
    found = sorted(characters, key=lambda each: (_is_modifier(each), each))
    found = [each for each in found if not _is_modifier(each)] or found
    named = [_named(character) for character in found[:_NAMED]]
    if len(found) > _NAMED:
        named.append(f"{len(found) - _NAMED} more")
    joined = " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    scripts = list(_scripts(found))
    return CannotTypeset(characters=f"{' and '.join(scripts)} letters ({joined})" if scripts else joined)


def _scripts(characters: Iterable[str]) -> Iterator[str]:
    """Arabic, Thai ...: the first word of the Unicode name of a letter is its script."""
    counts: dict[str, int] = {}
    for character in characters:
        if unicodedata.category(character) in {"Lo", "Ll", "Lu", "Lm"}:
            script = unicodedata.name(character, "").partition(" ")[0].capitalize()
            counts[script] = counts.get(script, 0) + 1
    return (script for script, count in counts.items() if script and count >= _A_SCRIPT)


def _is_modifier(character: str) -> bool:
    """Joiners, variation selectors and skin tones: they go away with the character that they belong to."""
    return unicodedata.category(character) in {"Cf", "Mn", "Me", "Sk"}


def _named(character: str) -> str:
    """The character itself, where it can be shown alone, and its number."""
    number = f"U+{ord(character):04X}"
    if not character.isprintable() or character.isspace():
        return number
    shown = f"\u25cc{character}" if unicodedata.combining(character) else character
    return f"{shown} ({number})"


def _unquoted(debug_string: str) -> str:
    return _ESCAPE.sub(lambda part: chr(int(part[1], 16)) if part[1] else part[2], debug_string)
