"""Text that a command is given: a file, or standard input."""

import io
import sys
from pathlib import Path
from typing import TextIO

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
