"""Reading a CSV file row by row, with every fault noted under its file and line instead of raised at once."""

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import TypeVar

_Choice = TypeVar("_Choice", bound=StrEnum)

# Longer cells are a missing quotation mark that swallows the rest of the file, not an address.
LONGEST_CELL = 4_000  # characters


@dataclass
class Problems:
    """What is wrong, as "contacts.csv line 12: ...", in the order in which it was found."""

    lines: list[str] = field(default_factory=list)

    def add(self, file: str, line: int, text: str) -> None:
        self.lines.append(f"{file} line {line}: {text}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record. Every reading method notes its own problem and then gives a harmless value."""

    file: str
    line: int
    cells: dict[str, str]
    problems: Problems

    def wrong(self, text: str) -> None:
        self.problems.add(self.file, self.line, text)

    def text(self, column: str) -> str:
        """The cell without blanks around it; empty where the file has no such column."""
        return self.cells.get(column, "")

    def needed(self, column: str) -> str:
        value = self.text(column)
        if not value:
            self.wrong(f"{column} is empty")
        return value

    def choice(self, column: str, choices: type[_Choice], otherwise: _Choice) -> _Choice:
        value = self.text(column)
        try:
            return choices(value)
        except ValueError:
            self.wrong(f"{column} is '{value}', but must be one of {', '.join(choices)}")
            return otherwise

    def day(self, column: str) -> date | None:
        value = self.text(column)
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.wrong(f"{column} is '{value}', but must be a day such as 2020-07-24, or blank")
            return None

    def yes(self, column: str, *, otherwise: bool) -> bool:
        value = self.text(column).lower()
        if value in {"y", "yes"}:
            return True
        if value in {"n", "no"}:
            return False
        if value:
            self.wrong(f"{column} is '{value}', but must be yes or no")
        return otherwise

    def number(self, column: str, limit: float) -> float | None:
        """A number between -limit and limit, or None where the cell is blank."""
        value = self.text(column)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = limit + 1
        if not -limit <= number <= limit:
            self.wrong(f"{column} is '{value}', but must be a number from -{limit:g} to {limit:g}")
            return None
        return number


def read_rows(
    path: Path, problems: Problems, *, needed: Collection[str], allowed: Collection[str] = ()
) -> Iterator[Row]:
    """The records of a UTF-8 file with a header line. A byte order mark, CRLF and blank lines are fine; a
    header with columns missing or unknown is one problem, and then no row is read."""
    text = _decoded(path, problems)
    if text is None:
        return
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    last = 0
    try:
        for cells in reader:
            line, last = last + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = [cell.strip() for cell in cells]
                if faults := _header_faults(columns, needed, allowed):
                    problems.add(path.name, line, f"the header {' and '.join(faults)}")
                    return
            elif len(cells) != len(columns):
                problems.add(path.name, line, f"has {len(cells)} cells, but the header has {len(columns)}")
            elif any(len(cell) > LONGEST_CELL for cell in cells):
                problems.add(path.name, line, "has a cell far too long; look for a missing quotation mark")
            else:
                values = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
                yield Row(file=path.name, line=line, cells=values, problems=problems)
    except csv.Error as fault:
        problems.add(path.name, last + 1, f"is not CSV: {fault}")
    if columns is None:
        problems.add(path.name, 1, "is empty; the header line is missing")


def _decoded(path: Path, problems: Problems) -> str | None:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        problems.add(path.name, line, "is not UTF-8; save the file with that encoding")
        return None


def _header_faults(columns: list[str], needed: Collection[str], allowed: Collection[str]) -> list[str]:
    found = {
        "lacks": [column for column in needed if column not in columns],
        "does not know": [column for column in columns if column not in needed and column not in allowed],
        "has twice": sorted({column for column in columns if columns.count(column) > 1}),
    }
    return [f"{fault} {', '.join(names)}" for fault, names in found.items() if names]
