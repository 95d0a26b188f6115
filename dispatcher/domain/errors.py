"""The one family of errors.

The docstring of a class is its message and names the remedy; fields in braces are filled from keyword
arguments. Errors carry ids, file names and field names, never personal data.
"""


class DispatcherError(Exception):
    """Something went wrong."""

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(str(self))

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuilt from its fields, so that an error can cross from one process to another."""
        return _rebuilt, (type(self), self.fields)

    def __str__(self) -> str:
        text = " ".join((type(self).__doc__ or "").split())
        return text.format(**self.fields)


def _rebuilt(kind: type[DispatcherError], fields: dict[str, object]) -> DispatcherError:
    return kind(**fields)


class SettingsProblem(DispatcherError):
    """The settings are not right: {problem}"""


class IllegalMove(DispatcherError):
    """A {subject} cannot go from {old} to {new}. This is a fault in the program: please report it."""


class FileProblems(DispatcherError):
    """{file} has {count} problem(s) and was not used. Mend these and try again:"""

    def __init__(self, *, file: str, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(file=file, problems=problems)

    def __str__(self) -> str:
        text = " ".join((FileProblems.__doc__ or "").split())
        head = text.format(file=self.fields["file"], count=len(self.problems))
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])
