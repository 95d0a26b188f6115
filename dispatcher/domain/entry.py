"""What a supporter types, field by field: cleaned, or sent back with the field named and a way to mend it."""

import re
import unicodedata
from dataclasses import dataclass

NAME_LENGTH = 100
EMAIL_LENGTH = 254  # RFC 5321 4.5.3.1.3: a path of 256 with its angle brackets
CITY_LENGTH = 100
ORGANISATION_LENGTH = 200
# Six printed pages. An office that gets more puts it aside; a fax of it takes half an hour.
LETTER_LENGTH = 20_000
# Blanks that are folded and accents that are joined may make a field shorter, but megabytes are not looked through.
_BLANKS_ALLOWED = 20

_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Direction overrides and isolates can make a line read as something else than it says.
_DECEIVING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_WEB_ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """field: the column or form field. message: one sentence that says what to do; no personal data in it."""

    field: str
    message: str


class Unusable(Exception):
    """Carries a FieldProblem from a check to the one who collects them; never leaves this module's callers."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.problem = FieldProblem(field=field, message=message)


def single_line(field: str, text: str, *, longest: int) -> str:
    """A field of one line, in NFC, blanks folded. Raises Unusable for line breaks and other control characters:
    they have no place in a name and could smuggle a header into a mail."""
    if len(text) > longest * _BLANKS_ALLOWED:
        raise _too_long(field, len(text), longest)
    cleaned = unicodedata.normalize("NFC", text.strip())
    # What is printable as a whole needs no look at each character.
    if not cleaned.isprintable() and any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in cleaned
    ):
        raise Unusable(
            field, f"The {field} has a line break or another invisible character in it. Type it in one line."
        )
    if not _DECEIVING.isdisjoint(cleaned):
        raise Unusable(
            field, f"The {field} has a hidden character that turns the reading direction. Type it afresh."
        )
    cleaned = " ".join(cleaned.split())
    if len(cleaned) > longest:
        raise _too_long(field, len(cleaned), longest)
    return cleaned


def _too_long(field: str, length: int, longest: int) -> Unusable:
    return Unusable(field, f"The {field} has {length:,} characters; {longest} fit. Please shorten it.")


def person_name(text: str) -> str:
    """Raises Unusable for an empty name and for a web address."""
    name = single_line("name", text, longest=NAME_LENGTH)
    if not name:
        raise Unusable("name", "The name is missing. Give the name that the letter is to be signed with.")
    if _WEB_ADDRESS.search(name):
        raise Unusable("name", "The name has a web address in it. Give the name only.")
    if not any(character.isalpha() for character in name):
        raise Unusable(
            "name", "The name has no letter in it. Give the name that the letter is to be signed with."
        )
    return name


def letter_text(text: str) -> str:
    """The letter in NFC with plain line feeds. Raises Unusable when it is empty, too long or not text."""
    if not text.strip():
        raise Unusable(
            "letter", "The letter is empty. Write a few words of your own, or start from the sample letter."
        )
    if len(text) > LETTER_LENGTH:
        raise Unusable(
            "letter", f"The letter has {len(text):,} characters; {LETTER_LENGTH:,} fit. Please shorten it."
        )
    cleaned = unicodedata.normalize("NFC", _LINE_BREAKS.sub("\n", text)).replace("\ufeff", "")
    unprintable = _UNPRINTABLE.search(cleaned)
    if unprintable:
        line = cleaned.count("\n", 0, unprintable.start()) + 1
        raise Unusable(
            "letter",
            f"Line {line} of the letter has a character that cannot be printed. Type that line afresh.",
        )
    return cleaned.strip("\n").rstrip()


def yes_or_no(field: str, text: str) -> bool:
    """Raises Unusable for anything else than a plain yes or no."""
    word = text.strip().casefold()
    if word in {"", "no", "n", "false", "0", "off"}:
        return False
    if word in {"yes", "y", "true", "1", "on", "x"}:
        return True
    raise Unusable(field, f"'{field}' is neither yes nor no. Write yes, no, or nothing.")
