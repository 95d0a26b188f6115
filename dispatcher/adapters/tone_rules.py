"""The tone rules as files, one for each language; config/tone/README.md says how they are written."""

import re
import threading
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from dispatcher.domain.courtesy import Courtesy
from dispatcher.domain.errors import FileProblems
from dispatcher.domain.phrase import STEM_HEAD, Phrase, parse_phrase
from dispatcher.domain.rule import (
    SAID_BY_THE_CHECK,
    Category,
    Detector,
    Pattern,
    Rule,
    Together,
    Verdict,
    Words,
)
from dispatcher.domain.rulebook import READ_BY_SIGNS, RuleBook
from dispatcher.domain.wording import fold, fold_signs, without_wedges

_TOP_KEYS = frozenset({"language", "lists", "harmless", "testimony", "courtesy", "rule"})
_RULE_KEYS = frozenset(
    {
        "id",
        "category",
        "severity",
        "reason",
        "advice",
        "words",
        "stems",
        "phrases",
        "literals",
        "patterns",
        "together",
        "unless",
        "detect",
    }
)
_HARMLESS_KEYS = frozenset({"phrases", "literals", "names"})
_TESTIMONY_KEYS = frozenset({"phrases", "literals", "reader", "told_before"})
_COURTESY_WORDS = (
    "doubtful_reason",
    "doubtful_advice",
    "greeting",
    "brief",
    "request",
    "yourself",
    "kindness",
)
_COURTESY_LISTS = ("request_words", "yourself_words", "kindness_words")
_LANGUAGE = re.compile(r"[a-z]{2}")
_RULE_ID = re.compile(r"[a-z]+(-[a-z]+)*")
_LIST_NAME = re.compile(r"\{([a-z_]+)\}")
_UNBOUNDED = re.compile(r"(?<!\\)(?:[*+]|\{\d*,\}|\\[1-9]|\(\?P=)")  # what could make a pattern run away

_E = TypeVar("_E", Category, Verdict, Detector)


class RuleFolder:
    """The rules of a folder. Files are read when their language is first asked for.

    Safe to share among threads. Raises FileProblems with everything that is wrong in a file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, ToneFile | None] = {}
        self._lock = threading.Lock()

    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in self._folder.glob("*.toml")))

    def book(self, language: str) -> RuleBook | None:
        file = self._file(language)
        return None if file is None else file.book

    def courtesy(self, language: str) -> Courtesy:
        file = self._file(language)
        return Courtesy() if file is None else file.courtesy

    def _file(self, language: str) -> "ToneFile | None":
        if language in self._files:
            return self._files[language]
        with self._lock:
            if language not in self._files:
                path = self._folder / f"{language}.toml"
                known = _LANGUAGE.fullmatch(language) and path.is_file()
                self._files[language] = load_file(path) if known else None
            return self._files[language]


@dataclass(frozen=True, kw_only=True)
class ToneFile:
    """What one language's file says."""

    book: RuleBook
    courtesy: Courtesy


def load_rules(path: Path) -> RuleBook:
    """Raises FileProblems."""
    return load_file(path).book


def load_file(path: Path) -> ToneFile:
    """Raises FileProblems."""
    problems: list[str] = []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileProblems(file=path.name, problems=[str(error)]) from error
    except OSError as error:
        raise FileProblems(file=path.name, problems=[error.strerror or "cannot be read"]) from error
    reader = _Reader(path.stem, problems)
    book, courtesy = reader.book(table), reader.courtesy(table.get("courtesy", {}))
    if problems or book is None:
        raise FileProblems(file=path.name, problems=problems)
    return ToneFile(book=book, courtesy=courtesy)


@dataclass
class _Reader:
    """Reads one file's table and notes every problem on the way."""

    language: str
    problems: list[str]
    lists: dict[str, str] = field(default_factory=dict)
    place: str = ""

    def book(self, table: Mapping[str, object]) -> RuleBook | None:
        self._unknown(table, _TOP_KEYS)
        if table.get("language") != self.language:
            self._note(f'language must be "{self.language}", as the file is named')
        self._read_lists(table.get("lists", {}))
        harmless = self._excuse("harmless", table.get("harmless"), _HARMLESS_KEYS)
        testimony = self._excuse("testimony", table.get("testimony"), _TESTIMONY_KEYS)
        entries = table.get("rule")
        if not isinstance(entries, list) or not entries:
            self._note("there is no [[rule]]")
            return None
        rules = [self._rule(number, entry) for number, entry in enumerate(entries, start=1)]
        self.place = ""
        ids = [rule.id for rule in rules if rule is not None]
        for twice in sorted({rule_id for rule_id in ids if ids.count(rule_id) > 1}):
            self._note(f'rule "{twice}" is there twice')
        if self.problems:
            return None
        told = table.get("testimony", {})
        return RuleBook(
            language=self.language,
            rules=tuple(rule for rule in rules if rule is not None),
            harmless=harmless,
            names=self._folded(table.get("harmless", {}), "names"),
            testimony=testimony,
            told_after=isinstance(told, dict) and told.get("told_before") is True,
            reader=self._folded(told, "reader"),
        )

    def _note(self, problem: str) -> None:
        self.problems.append(f"{self.place}: {problem}" if self.place else problem)

    def _unknown(self, table: Mapping[str, object], known: frozenset[str]) -> None:
        for key in sorted(set(table) - known):
            self._note(f'unknown key "{key}"')

    def _read_lists(self, lists: object) -> None:
        if not isinstance(lists, dict):
            self._note("[lists] must be a table")
            return
        for name in lists:
            self.place = f"list {name}"
            entries = self._strings(lists, name)
            self.lists[name] = "|".join(self._fold(word) for entry in entries for word in entry.split())
        self.place = ""

    def _excuse(self, name: str, table: object, keys: frozenset[str]) -> Rule | None:
        """What is there to leave something out; a rule that finds nothing for itself."""
        if table is None:
            return None
        self.place = name
        if not isinstance(table, dict):
            self._note(f"[{name}] must be a table")
            return None
        self._unknown(table, keys)
        return Rule(
            id=name,
            category=Category.LANGUAGE,
            severity=Verdict.PASS,
            reason="",
            advice="",
            phrases=self._phrases(table),
            literals=frozenset(self._signs(table, "literals")),
        )

    def _folded(self, table: object, key: str) -> frozenset[str]:
        return (
            frozenset(map(self._fold, self._strings(table, key))) if isinstance(table, dict) else frozenset()
        )

    def _fold(self, text: str) -> str:
        # Folding keeps Latin letters only.
        return text if self.language in READ_BY_SIGNS else fold(text)

    def courtesy(self, table: object) -> Courtesy:
        self.place = "courtesy"
        if not isinstance(table, dict):
            self._note("[courtesy] must be a table")
            return Courtesy()
        self._unknown(table, frozenset({*_COURTESY_WORDS, *_COURTESY_LISTS}))
        words = {key: self._text(table, key) if key in table else "" for key in _COURTESY_WORDS}
        lists = {key: tuple(map(self._fold, self._strings(table, key))) for key in _COURTESY_LISTS}
        plain = Courtesy(language=self.language)
        return Courtesy(
            language=self.language,
            doubtful_reason=words["doubtful_reason"] or plain.doubtful_reason,
            doubtful_advice=words["doubtful_advice"] or plain.doubtful_advice,
            greeting=words["greeting"],
            brief=words["brief"],
            request=words["request"],
            request_words=lists["request_words"],
            yourself=words["yourself"],
            yourself_words=lists["yourself_words"],
            kindness=words["kindness"],
            kindness_words=lists["kindness_words"],
        )

    def _rule(self, number: int, entry: object) -> Rule | None:
        self.place = f"rule {number}"
        if not isinstance(entry, dict):
            self._note("must be a table")
            return None
        rule_id = self._text(entry, "id")
        self.place = f'rule {number} "{rule_id}"'
        self._unknown(entry, _RULE_KEYS)
        if not _RULE_ID.fullmatch(rule_id):
            self._note("id must be English words in lower case, joined by hyphens")
        severity = self._choice(entry, "severity", Verdict)
        if severity is Verdict.PASS:
            self._note('severity must be "revise" or "review"')
        category = self._choice(entry, "category", Category)
        if category in SAID_BY_THE_CHECK:
            self._note(f'category "{category}" is said by the check itself')
        detector = self._choice(entry, "detect", Detector) if "detect" in entry else None
        if not any(
            entry.get(key)
            for key in ("words", "stems", "phrases", "literals", "patterns", "together", "detect")
        ):
            self._note("finds nothing: give words, stems, phrases, literals, patterns, together or detect")
        return Rule(
            id=rule_id,
            category=category or Category.INSULT,
            severity=severity or Verdict.REVIEW,
            reason=self._text(entry, "reason"),
            advice=self._text(entry, "advice"),
            words=frozenset(self._words(entry)),
            stems=self._stems(entry),
            phrases=self._phrases(entry),
            literals=frozenset(self._signs(entry, "literals")),
            patterns=self._patterns(entry),
            together=self._together(entry),
            unless=self._any_of(entry, "unless"),
            detector=detector,
        )

    def _text(self, table: Mapping[str, object], key: str) -> str:
        value = table.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self._note(f"{key} is missing")
        return ""

    def _choice(self, table: Mapping[str, object], key: str, kind: type[_E]) -> _E | None:
        try:
            return kind(str(table.get(key)))
        except ValueError:
            self._note(f"{key} must be one of {', '.join(kind)}")
            return None

    def _strings(self, table: Mapping[str, object], key: str) -> list[str]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(entry, str) and entry.strip() for entry in value):
            return [str(entry) for entry in value]
        self._note(f"{key} must be a list of texts")
        return []

    def _words(self, table: Mapping[str, object]) -> Iterable[str]:
        for word in self._strings(table, "words"):
            folded = fold(word)
            if folded.isalnum():
                yield folded
            else:
                self._note(f'"{word}" is not one word; write it under phrases')

    def _signs(self, table: Mapping[str, object], key: str) -> Iterable[str]:
        for text in self._strings(table, key):
            folded = fold_signs(text)
            if without_wedges(folded) != folded:
                self._note(f'"{text}" has a mark or figure between two signs; those are read as if absent')
            yield folded

    def _stems(self, table: Mapping[str, object]) -> tuple[str, ...]:
        stems = tuple(fold(stem) for stem in self._strings(table, "stems"))
        for stem in stems:
            if not stem.isalnum() or len(stem) < STEM_HEAD:
                self._note(f'stem "{stem}" must be one word of at least {STEM_HEAD} letters')
        return stems

    def _phrases(self, table: Mapping[str, object]) -> tuple[Phrase, ...]:
        phrases: list[Phrase] = []
        for text in self._strings(table, "phrases"):
            try:
                phrases.append(parse_phrase(_LIST_NAME.sub(self._list, text)))
            except ValueError as error:
                self._note(str(error))
        return tuple(phrases)

    def _together(self, table: Mapping[str, object]) -> tuple[Together, ...]:
        entries = table.get("together", [])
        found: list[Together] = []
        for entry in entries if isinstance(entries, list) else [None]:
            if not isinstance(entry, dict) or not {"told", "beside"} <= set(entry) <= {
                "told",
                "beside",
                "unless",
            }:
                self._note("together must be a list of { told = [..], beside = [[..]], unless = [..] }")
                continue
            beside = entry["beside"] if isinstance(entry["beside"], list) else []
            found.append(
                Together(
                    told=self._any_of(entry, "told"),
                    beside=tuple(self._any_of({"beside": row}, "beside") for row in beside),
                    unless=self._any_of(entry, "unless"),
                )
            )
        return tuple(found)

    def _any_of(self, table: Mapping[str, object], key: str) -> Words:
        """Words, beginnings of words ("murder~") and lists ("{beasts}")."""
        typed = [
            word for text in self._strings(table, key) for word in _LIST_NAME.sub(self._list, text).split("|")
        ]
        if self.language in READ_BY_SIGNS:
            return Words(words=frozenset(map(fold_signs, typed)))
        folded = [fold(word) for word in typed]
        for word in folded:
            if not word.removesuffix("~").isalnum() or (word.endswith("~") and len(word) <= STEM_HEAD):
                self._note(f'"{word}" is not one word, or a beginning of fewer than {STEM_HEAD} letters')
        return Words(
            words=frozenset(word for word in folded if not word.endswith("~")),
            stems=tuple(word[:-1] for word in folded if word.endswith("~")),
        )

    def _list(self, name: re.Match[str]) -> str:
        if name.group(1) not in self.lists:
            self._note(f'there is no list "{name.group(1)}" under [lists]')
            return "missing"
        return self.lists[name.group(1)]

    def _patterns(self, table: Mapping[str, object]) -> tuple[Pattern, ...]:
        entries = table.get("patterns", [])
        patterns: list[Pattern] = []
        for entry in entries if isinstance(entries, list) else [None]:
            if not isinstance(entry, dict) or set(entry) != {"hints", "regex"}:
                self._note("patterns must be a list of { hints = [..], regex = '..' }")
                continue
            hints = tuple(
                part
                for hint in self._signs(entry, "hints")
                for part in _LIST_NAME.sub(self._list, hint).split("|")
            )
            regex = _LIST_NAME.sub(lambda name: f"(?:{self._list(name)})", str(entry["regex"]))
            if not hints:
                self._note(f"pattern {regex} needs hints, so that it is tried on few sentences")
            if _UNBOUNDED.search(regex):
                self._note(
                    f"pattern {regex} may run away: use {{0,9}} instead of * and +, and no back-references"
                )
                continue
            try:
                patterns.append(Pattern(hints=hints, regex=re.compile(regex)))
            except re.error as error:
                self._note(f"pattern {regex}: {error}")
        return tuple(patterns)
