"""What the tone check found, laid over the letter: which words, and the note that stands beside them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dispatcher.domain.tone import Finding


@dataclass(frozen=True, kw_only=True)
class Piece:
    text: str
    marked: bool


@dataclass(frozen=True, kw_only=True)
class Remark:
    reason: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """What there is to say about one sentence. spans: offsets of its noted words in the letter."""

    spans: tuple[tuple[int, int], ...]
    sentence: tuple[Piece, ...]
    remarks: tuple[Remark, ...]


def notes_of(text: str, findings: Iterable[Finding]) -> tuple[Note, ...]:
    return kept_notes(text, json.dumps([asdict(finding) for finding in findings]))


def kept_notes(text: str, findings: str | None) -> tuple[Note, ...]:
    """The notes as they are kept with a letter (a JSON list of findings), in the order of the letter."""
    sentences: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(findings or "[]"):
        sentences.setdefault(one["sentence"].strip(), []).append(one)
    return tuple(_note(text, sentence, found) for sentence, found in sentences.items())


def laid_over(text: str, notes: Sequence[Note]) -> tuple[Piece, ...]:
    """The letter in pieces, the noted words marked."""
    return _marked(text, [span for note in notes for span in note.spans])


def _note(text: str, sentence: str, found: Sequence[dict[str, Any]]) -> Note:
    spans = tuple((one["start"], one["end"]) for one in found)
    # A finding knows its place in the letter; the sentence begins where all of its noted words fit.
    begins = text.rfind(sentence, 0, min(start for start, _ in spans) + len(sentence))
    remarks = dict.fromkeys(Remark(reason=one["reason"], advice=one["advice"]) for one in found)
    return Note(
        spans=spans,
        sentence=_marked(sentence, [(start - begins, end - begins) for start, end in spans]),
        remarks=tuple(remarks),
    )


def _marked(text: str, spans: Iterable[tuple[int, int]]) -> tuple[Piece, ...]:
    """Spans that overlap mark their words once; one that does not lie in the text marks nothing."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        if start < 0 or end > len(text) or end <= at:
            continue
        begins = max(start, at)
        pieces += [Piece(text=text[at:begins], marked=False), Piece(text=text[begins:end], marked=True)]
        at = end
    pieces.append(Piece(text=text[at:], marked=False))
    return tuple(piece for piece in pieces if piece.text)
