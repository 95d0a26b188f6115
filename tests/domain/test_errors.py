"""Errors: the docstring is the message and names the remedy."""

import importlib
import pkgutil
import string
from collections.abc import Iterator

import dispatcher
from dispatcher.domain.errors import DispatcherError, FileProblems, IllegalMove


def every_error() -> Iterator[type[DispatcherError]]:
    for module in pkgutil.walk_packages(dispatcher.__path__, "dispatcher."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    seen: set[type[DispatcherError]] = set()
    open_ones = [DispatcherError]
    while open_ones:
        for each in open_ones.pop().__subclasses__():
            if each.__module__.startswith("dispatcher.") and each not in seen:
                seen.add(each)
                open_ones.append(each)
    yield from sorted(seen, key=lambda each: each.__qualname__)


def test_a_message_is_filled_in_and_stands_on_one_line() -> None:
    error = IllegalMove(subject="letter", old="a", new="b")
    assert str(error).startswith("A letter cannot go from a to b.")
    assert "\n" not in str(error)
    assert error.fields == {"subject": "letter", "old": "a", "new": "b"}


def test_braces_in_a_value_are_not_filled_in_again() -> None:
    assert "{new}" in str(IllegalMove(subject="{new}", old="a", new="b"))


def test_a_files_problems_are_listed_each_on_its_line() -> None:
    told = str(FileProblems(file="x.csv", problems=["line 2: {odd}", "line 3: bad"]))
    assert told.splitlines()[0].startswith("x.csv has 2 problem(s)")
    assert told.splitlines()[1:] == ["  line 2: {odd}", "  line 3: bad"]


def test_every_error_has_a_sentence_that_can_be_filled_in() -> None:
    wrong = []
    for kind in every_error():
        text = kind.__dict__.get("__doc__") or ""
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        own_words = "__init__" in kind.__dict__ or "__str__" in kind.__dict__
        if len(text.split()) < 5 or (not own_words and "{" in str(kind(**dict.fromkeys(fields, "x")))):
            wrong.append(kind.__qualname__)
    assert wrong == []
