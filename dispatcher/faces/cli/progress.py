"""Progress bars and tables on the terminal (rich). Bars go to stderr, and only where somebody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    def advance(self, count: float = 1) -> None: ...

    def show(self, words: str, done: int, total: int) -> None:
        """What is being done now, and how far it is."""


class _Silent:
    def advance(self, count: float = 1) -> None: ...

    def show(self, words: str, done: int, total: int) -> None: ...


@contextmanager
def progress(words: str, *, unit: str, total: float | None = None) -> Iterator[Bar]:
    """A bar with rate and expected end; nothing at all when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console  # noqa: PLC0415 - loading it takes longer than a short command
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text  # noqa: PLC0415

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else "")

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(words, total=total)

        class Shown:
            def advance(self, count: float = 1) -> None:
                bar.advance(task, count)

            def show(self, words: str, done: int, total: int) -> None:
                bar.update(task, description=words, completed=done, total=total)

        yield Shown()
