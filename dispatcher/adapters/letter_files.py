"""Letters collected elsewhere, from CSV or JSONL files; and the file of rejects that goes back.

A broken row never stops the rest: it is told with its line, and reading goes on with the next line.
"""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dispatcher.domain.errors import DispatcherError
from dispatcher.services.intake import FIELDS
from dispatcher.services.letter_file import FileRow, LetterFile

REQUIRED = ("name", "email", "country", "letter")

# A letter is far shorter; a longer "row" is one whose closing quotation mark is missing. A few such rows are
# followed to the end of the file all the same (they might close there); after that no more, or a file with an
# open mark in every line would be read as many times as it has lines.
_LONGEST_ROW_LINES = 2_000
_LONG_READS = 50
# Larger than any file of letters of one day; a guard against being handed a disk image.
_LARGEST_FILE = 1_000_000_000
_SNIFFED = 64_000  # characters of the head that decide on the delimiter
# What makes a spreadsheet program take a cell for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class LetterFileUnusable(DispatcherError):
    """{file} cannot be read as a file of letters: {problem}"""


def read_letters(path: Path) -> LetterFile:
    """Raises LetterFileUnusable when nothing of the file can be used."""
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise LetterFileUnusable(file=path, problem="it is larger than 1 GB. Split it.")
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise LetterFileUnusable(
            file=path, problem=f"{(error.strerror or 'it cannot be read').lower()}."
        ) from None
    if not text.strip():
        raise LetterFileUnusable(file=path, problem="it is empty.")
    if path.suffix.casefold() in {".jsonl", ".ndjson"} or text.lstrip().startswith("{"):
        return _jsonl(path, text, size)
    return _csv(path, text, size)


def write_rejects(path: Path, columns: Iterable[str], rejects: Iterable[tuple[FileRow, str]]) -> None:
    """The rejected rows with line and reason in front, ready to be mended and imported again. Cells that a
    spreadsheet program would take for a formula get an apostrophe in front."""
    names = [name for name in columns if name not in {"line", "reason"}]
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "reason", *names])
        for row, reason in rejects:
            writer.writerow([row.line, reason, *(_harmless(row.cells.get(name, "")) for name in names)])


def _harmless(cell: str) -> str:
    cell = cell.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _decoded(raw: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 with one. Bytes that are neither stay visible as lone surrogates, so
    that their row can be told."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "surrogateescape")


def _not_utf8(cells: Iterable[str]) -> str | None:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return "The row is not in UTF-8. Save the file as UTF-8 (in a spreadsheet program: CSV UTF-8) and try again."
    return None


def _jsonl(path: Path, text: str, size: int) -> LetterFile:
    rows = (_json_row(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
    return LetterFile(path=path, rows=rows, size=size, columns=list(FIELDS))


def _json_row(number: int, line: str) -> FileRow:
    broken = _not_utf8([line])
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return FileRow(
            line=number, cells={"letter": line[:200]}, problem=broken or "The line is not a JSON object."
        )
    if not isinstance(value, dict):
        return FileRow(line=number, cells={"letter": line[:200]}, problem="The line is not a JSON object.")
    cells = {str(key): _as_text(each) for key, each in value.items()}
    return FileRow(line=number, cells=cells, problem=broken)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv(path: Path, text: str, size: int) -> LetterFile:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    delimiter = _delimiter(lines[0])
    csv.field_size_limit(_LARGEST_FILE)
    header = [name.strip().casefold() for name in next(csv.reader([lines[0]], delimiter=delimiter))]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise LetterFileUnusable(
            file=path,
            problem=f"its first line must name the columns, and {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Needed are {', '.join(REQUIRED)}; "
            f"possible are also {', '.join(name for name in FIELDS if name not in REQUIRED)}.",
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise LetterFileUnusable(
            file=path, problem=f"its first line names a column twice: {', '.join(twice)}."
        )
    return LetterFile(
        path=path,
        rows=_csv_rows(lines, header, delimiter),
        ignored=tuple(
            name for name in header if name and name not in FIELDS and name not in {"line", "reason"}
        ),
        size=size,
        columns=header,
    )


def _csv_rows(lines: list[str], header: list[str], delimiter: str) -> Iterator[FileRow]:
    at, long_reads = 1, _LONG_READS
    while at < len(lines):
        most = len(lines) if long_reads else _LONGEST_ROW_LINES
        reader = csv.reader(_from(lines, at, most), delimiter=delimiter, strict=True)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield FileRow(
                line=at + 1,
                cells={"letter": lines[at][:200]},
                problem="The row has a quotation mark that is never closed, or text behind a closing one.",
            )
            long_reads -= long_reads > 0 and reader.line_num > _LONGEST_ROW_LINES
            at += 1
            continue
        start, at = at, at + reader.line_num
        if any(cell.strip() for cell in cells):
            yield _csv_row(start + 1, cells, header)


def _from(lines: list[str], start: int, most: int) -> Iterator[str]:
    for index in range(start, min(start + most, len(lines))):
        yield lines[index] + "\n"


def _csv_row(line: int, cells: list[str], header: list[str]) -> FileRow:
    named = dict(zip(header, cells, strict=False))
    problem = _not_utf8(cells)
    if problem is None and len(cells) != len(header):
        problem = f"The row has {len(cells)} cells; the first line names {len(header)} columns."
    return FileRow(line=line, cells=named, problem=problem)


def _delimiter(first_line: str) -> str:
    return max(",;\t", key=first_line[:_SNIFFED].count)
