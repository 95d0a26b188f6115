"""Results as tables: on the terminal, and in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Table:
    """The first column is words, the others are figures. notes: sentences under the table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def plain(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = (
            "  ".join(
                cell.rjust(width) if index else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in (self.columns, *self.rows)
        )
        return "\n".join([f"\n{self.title}", *(line.rstrip() for line in lines), *self.notes])

    def markdown(self) -> str:
        rule = ["---", *("---:" for _ in self.columns[1:])]
        table = "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))
        notes = "\n".join(self.notes)
        return f"## {self.title}\n\n{table}\n" + (f"\n{notes}\n" if notes else "")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A number to reach: at least `limit` and better `aim`, or at most where `at_most`."""

    what: str
    measured: float
    limit: float
    aim: float
    unit: str = ""
    at_most: bool = False

    @property
    def verdict(self) -> str:
        sign = -1 if self.at_most else 1
        if sign * self.measured >= sign * self.aim:
            return "aim reached"
        return "holds" if sign * self.measured >= sign * self.limit else "BROKEN"

    def row(self) -> tuple[str, ...]:
        word = "at most" if self.at_most else "at least"
        return (
            self.what,
            f"{self.measured:.3g}{self.unit}",
            f"{word} {self.limit:g}{self.unit}",
            f"{self.aim:g}{self.unit}",
            self.verdict,
        )


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of the picture. ours: drawn in the house's own colour."""

    name: str
    value: float
    label: str
    ours: bool = False


@dataclass(kw_only=True)
class Results:
    """What the rows have found. bad: sentences; a row that must not be believed."""

    tables: list[Table] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def show(self, table: Table) -> None:
        print(table.plain(), flush=True)
        self.tables.append(table)

    def show_bounds(self) -> None:
        if self.bounds:
            rows = [bound.row() for bound in self.bounds]
            columns = ("what", "measured", "bound", "aim", "verdict")
            self.tables.insert(0, Table(title="Bounds", columns=columns, rows=rows))
            print(self.tables[0].plain())


def middle(values: Iterable[float], show: str = ",.0f") -> str:
    """The median, and from least to most."""
    ordered = sorted(values)
    return f"{median(ordered):{show}} ({ordered[0]:{show}} to {ordered[-1]:{show}})"


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
