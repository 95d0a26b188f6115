"""Text that a command is given: a file, or standard input."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from dispatcher.domain.errors import DispatcherError


class TextUnreadable(DispatcherError):
    """{file} cannot be read: {problem}."""


def open_text(file: str) -> TextIO:
    """ "-" is standard input. UTF-8; bytes that are not become replacement characters. Raises TextUnreadable."""
    if file == "-":
        return io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    if Path(file).is_dir():
        raise TextUnreadable(file=file, problem="it is a folder")
    try:
        return Path(file).open(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise TextUnreadable(file=file, problem=(error.strerror or "it cannot be opened").lower()) from None


def json_rows(file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of JSON lines as they come, with their lines' numbers; one without any key where a line is no JSON
    object. Blank lines are left out. Raises TextUnreadable."""
    with open_text(file) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield number, row if isinstance(row, dict) else {}
