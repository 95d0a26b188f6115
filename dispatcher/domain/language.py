"""Which of the nine languages a letter is in, when the writer did not say: by its script, else by its small words."""

import re
from collections import Counter
from dataclasses import dataclass

# Frequent function words that few of the other languages share. Our own list; a count of them is enough to tell
# apart six languages in a text of letter length.
_SMALL_WORDS = {
    "en": "the and of to that is with for they are this have not you our was were please who would",
    "de": "der die das und ist nicht ich wir sie mit den dem ein eine für auf werden bitte dass ihre",
    "nl": "de het een en van dat niet ik wij zijn voor met op aan worden naar ook hun deze uw",
    "fr": "le la les des et est que qui nous vous dans pour une sur pas avec ces leur être au",
    "es": "el los las y es que por con una para como más su sus del nosotros usted personas no muy",
    "pt": "o os as e é que não com uma para por mais seu sua dos das nós ao pessoas são",
}
_LANGUAGES_OF_WORD: dict[str, list[str]] = {}
for _language, _words in _SMALL_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF_WORD.setdefault(_word, []).append(_language)

_HANGUL = re.compile("[가-힣]")
_KANA = re.compile("[぀-ヿ]")
_HAN = re.compile("[一-鿿]")
_WORD = re.compile(r"[^\W\d_]+")
_LOOKED_AT = 2_000  # characters; more of a letter does not change the answer
_SCRIPT_SHARE = 10  # one character in so many decides: names and quotations in another script do not


@dataclass(frozen=True, kw_only=True)
class Guess:
    """language: ISO 639 code of any language, "" where nothing tells; share: 0 to 1, how sure it is."""

    language: str
    share: float


def guess_language(text: str) -> str:
    """A code of the nine languages; "en" where nothing tells."""
    head = text[:_LOOKED_AT]
    least = max(1, len(head) // _SCRIPT_SHARE)
    if len(_HANGUL.findall(head)) >= least:
        return "ko"
    kana = len(_KANA.findall(head))
    if kana + len(_HAN.findall(head)) >= least:
        return "ja" if kana else "zh"
    votes: Counter[str] = Counter()
    for word in _WORD.findall(head.casefold()):
        votes.update(_LANGUAGES_OF_WORD.get(word, ()))
    return votes.most_common(1)[0][0] if votes else "en"
