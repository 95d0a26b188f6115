"""Names of places as people type them, brought to one form so that they can be compared."""

import re
import unicodedata


def plain(name: str) -> str:
    """Lower case, without accents, dots and apostrophes, one blank between words; "St." is "saint".

    "  SÃO-Paulo " and "sao paulo" become the same. Scripts without case keep their signs. Not for display."""
    text = name.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", text)).translate(_LETTERS)
    words = _GAPS.sub(" ", _DROPPED.sub("", text)).split()
    return " ".join([_SHORT.get(word, word) for word in words])


def city_spellings(typed: str) -> tuple[str, ...]:
    """The plain forms in which a typed city may stand in a list, the closest first: "City of Los Angeles, CA"
    gives itself, then what stands before the comma, then that without "city of" or "city"."""
    forms = [plain(typed)]
    if "," in typed:
        forms.append(plain(typed.partition(",")[0]))
    last = forms[-1]
    forms.append(last.removeprefix("city of ").removeprefix("town of "))
    forms.append(forms[-1].removesuffix(" city"))
    return tuple(form for form in dict.fromkeys(forms) if form)


# Latin accents only: the voicing marks of kana are combining signs too, and they make another word.
_ACCENTS = re.compile("[\u0300-\u036f]")
_DROPPED = re.compile(r"['’‘ʼʹʺ`.·]")
_GAPS = re.compile(r"[\W_]+")
# Latin letters that Unicode does not take apart into a letter and an accent.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"}
)
_SHORT = {"st": "saint", "ste": "sainte", "mt": "mount", "ft": "fort", "&": "and"}
