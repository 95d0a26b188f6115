"""The one family of errors.

The docstring of a class is its message and names the remedy; fields in braces are filled from keyword
arguments. Errors carry ids, file names and field names, never personal data.
"""


class DispatcherError(Exception):
    """Something went wrong."""

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(str(self))

    def __str__(self) -> str:
        text = " ".join((type(self).__doc__ or "").split())
        return text.format(**self.fields)


class IllegalMove(DispatcherError):
    """A {subject} cannot go from {old} to {new}. This is a fault in the program: please report it."""


class FileProblems(DispatcherError):
    """{file} has {count} problem(s) and was not used; mend these lines and try again:
    {listing}"""

    def __init__(self, *, file: str, problems: "list[str]") -> None:
        self.problems = problems
        super().__init__(file=file, count=len(problems), problems=problems, listing="")

    def __str__(self) -> str:
        head = f"{self.fields['file']} has {len(self.problems)} problem(s) and was not used. Mend these and try again:"
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])
