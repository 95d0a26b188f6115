"""What makes a letter heard, by the rules that letter-writing campaigns teach: greet, be brief, say who you are, ask
for one thing, be courteous. Said as hints beside the letter, never as a reason to refuse it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatcher.domain.letter_parts import Parts
from dispatcher.domain.tone import Hint
from dispatcher.domain.wording import fold

BRIEF = 3_500  # characters; a printed page. Chinese, Japanese and Korean say the same in less than half
_BRIEF_IN_SIGNS = 1_600
_SIGNS = ("ko", "ja", "zh")


@dataclass(frozen=True, kw_only=True)
class Courtesy:
    """The words of one language. *_words: any of them in the letter shows that the thing is there."""

    language: str = "en"
    doubtful_reason: str = "Somebody may read this sentence as an attack on a person, not on what was done."
    doubtful_advice: str = (
        "Say what happened and what you ask for. If it is right as it stands, a person decides."
    )
    greeting: str = ""
    brief: str = ""
    request: str = ""
    request_words: tuple[str, ...] = ()
    yourself: str = ""
    yourself_words: tuple[str, ...] = ()
    kindness: str = ""
    kindness_words: tuple[str, ...] = ()

    def hints(self, text: str, parts: Parts, spans: Sequence[tuple[int, str]]) -> tuple[Hint, ...]:
        if not spans:
            return ()
        folded = text if self.language in _SIGNS else " ".join(fold(text).split())
        longest = _BRIEF_IN_SIGNS if self.language in _SIGNS else BRIEF
        wanted = (
            ("greeting", self.greeting, parts.body == 0),
            ("brief", self.brief, len(text) > longest),
            ("request", self.request, not _any(self.request_words, folded)),
            ("yourself", self.yourself, not _any(self.yourself_words, folded)),
            ("kindness", self.kindness, not _any(self.kindness_words, folded)),
        )
        return tuple(Hint(id=id, text=words) for id, words, missing in wanted if missing and words)


def _any(words: tuple[str, ...], folded: str) -> bool:
    return any(word in folded for word in words)
