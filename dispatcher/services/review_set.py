"""What moderators decided, kept sentence by sentence, so that the rules can be judged on real letters.

Only sentences that a rule spoke of are kept, without names, addresses and figures, and without any link to the letter
or its writer. A letter that went on says of its sentences that they are civil; one that was rejected, that they are not.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dispatcher.domain.letter import Letter
from dispatcher.domain.without_identity import without_identity


@dataclass(frozen=True, kw_only=True)
class ReviewedSentence:
    """label: 1 disrespectful, 0 civil. rules: what spoke of it, by id."""

    language: str
    text: str
    label: int
    rules: tuple[str, ...]
    id: str = ""


class ReviewSet(Protocol):
    def add(self, sentences: Sequence[ReviewedSentence]) -> None: ...

    def all(self) -> Iterator[ReviewedSentence]: ...


def decided(letter: Letter, *, label: int) -> list[ReviewedSentence]:
    """The sentences of a letter that somebody has just decided about."""
    known = (letter.name or "", letter.city or "", letter.organisation or "", letter.email or "")
    rules: dict[str, list[str]] = {}
    for finding in json.loads(letter.findings or "[]"):
        if finding["sentence"].strip():
            rules.setdefault(finding["sentence"].strip(), []).append(finding["rule"])
    return [
        ReviewedSentence(
            language=letter.language,
            text=without_identity(sentence, letter.language, known),
            label=label,
            rules=tuple(dict.fromkeys(ids)),
        )
        for sentence, ids in rules.items()
    ]


def jsonl_of(sentences: Iterable[ReviewedSentence]) -> Iterator[str]:
    """A line {id, lang, text, label, rules} a sentence, as `dispatcher tone eval` reads them."""
    for each in sentences:
        yield json.dumps(
            {
                "id": each.id,
                "lang": each.language,
                "text": each.text,
                "label": each.label,
                "rules": list(each.rules),
            },
            ensure_ascii=False,
        )
