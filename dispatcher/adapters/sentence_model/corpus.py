"""What the model learns from: the sentences written for this project, and a little of public data sets.

config/tone/corpus/README.md and docs/guide/tone-model.md tell where each comes from. The folder corpus/test is never
read here.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatcher.domain.tone import Quotations
from dispatcher.services.tone_training import TrainingNotPossible

_LEAST_LETTERS = 3
_TAKEN = 40  # sentences of each label from each borrowed set: they are far from our register, and more did not help
_SHORTEST, _LONGEST = 15, 300  # characters of a borrowed sentence

# Rows whose label says "not hateful" of what is disrespectful all the same.
_ABUSE_CALLED_CIVIL = frozenset(
    {
        "profanity_nh",
        "target_indiv_nh",
        "target_obj_nh",
        "target_group_nh",
        "slur_reclaimed_nh",
        "slur_homonym_nh",
    }
)
# Tweets with a known bias against dialect, and a measure of courtesy, not of respect.
_LEFT_OUT = frozenset({"en_davidson", "en_stanford_politeness_quartiles"})


@dataclass(frozen=True, kw_only=True)
class Example:
    """author: whose letters these are; "second-en.jsonl" is another's than "en.jsonl"."""

    id: str
    language: str
    text: str
    disrespectful: bool
    own: bool
    author: str = ""


def own_examples(folder: Path, part: str) -> list[Example]:
    """part: "train" or "dev". In the order of the files' names and lines. Raises TrainingNotPossible."""
    found = []
    for path in sorted((folder / part).glob("*.jsonl")):
        for number, row in _rows(path):
            try:
                text, label, language = str(row["text"]), int(row["label"]), str(row["lang"])
            except (KeyError, TypeError, ValueError):
                raise _unreadable(path, number) from None
            found.append(
                Example(
                    id=str(row.get("id", f"{path.stem}-{number}")),
                    language=language,
                    text=text,
                    disrespectful=label == 1,
                    own=True,
                    author=path.stem.rpartition("-")[0],
                )
            )
    if not found:
        raise TrainingNotPossible(problem=f"there are no sentences in {folder / part}")
    return found


def borrowed_examples(folder: Path) -> list[Example]:
    """The same modest sample each time: the sentences whose digests come first."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        if path.stem in _LEFT_OUT:
            continue
        kept: dict[bool, list[tuple[bytes, Example]]] = {True: [], False: []}
        for number, row in _rows(path):
            try:
                text, label, note = str(row["text"]), int(row["label"]), row.get("note")
            except (KeyError, TypeError, ValueError):
                raise _unreadable(path, number) from None
            if note in _ABUSE_CALLED_CIVIL or not _SHORTEST <= len(text) <= _LONGEST:
                continue
            example = Example(
                id=f"{path.stem}-{number}",
                language=path.stem[:2],
                text=text,
                disrespectful=label == 1,
                own=False,
            )
            kept[label == 1].append((hashlib.sha256(text.encode()).digest(), example))
        for label in (False, True):
            found += [example for _, example in sorted(kept[label], key=lambda pair: pair[0])[:_TAKEN]]
    return found


def borrowed_texts(folder: Path) -> list[tuple[str, str]]:
    """Language and text of all that is borrowed, to know which words there are."""
    return [
        (path.stem[:2], str(row.get("text", "")))
        for path in sorted(folder.glob("*.jsonl"))
        for _, row in _rows(path)
    ]


def unquoted(text: str) -> str:
    """What the judge is asked about in a letter: the words that the writer does not quote; may be nothing."""
    bare = Quotations(text).left_out(0, text)
    return bare if sum(map(str.isalpha, bare)) >= _LEAST_LETTERS else ""


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise TrainingNotPossible(problem=f"{path} cannot be read") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError:
                raise _unreadable(path, number) from None
            if not isinstance(row, dict):
                raise _unreadable(path, number)
            yield number, row


def _unreadable(path: Path, number: int) -> TrainingNotPossible:
    return TrainingNotPossible(
        problem=f"{path.name} line {number} is not a JSON object with text, label and lang"
    )
