"""The log played from its first step to its last, to see where each letter and delivery must stand now."""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from dispatcher.domain.delivery import UNLOGGED, as_logged
from dispatcher.domain.sealing import MoveRow

LETTER, DELIVERY = "letter", "delivery"
_APPROVED, _DISPATCHED = "approved", "dispatched"
# Steps without a row of their own: an attempt tells of the one, the letter's delivery of the other. Logs of old have
# rows of them.
_SAID_ELSEWHERE = {**{state.value: as_logged(state).value for state in UNLOGGED}, _DISPATCHED: _APPROVED}
# More of one kind would not be read.
_SHOWN = 1000


class Replay:
    """A few bytes a letter and a delivery, however long the log. highest: the largest id of each table.

    out_of_order: (subject, id) with a step that does not begin where the one before ended. strays: (subject, id)
    that the log tells of and that cannot be. kinds: (subject, old, new) with an id that made this step.
    approvals, dispatches: by id of a letter, 1 where a row of the log says that it was approved, or dispatched."""

    def __init__(self, *, highest: dict[str, int]) -> None:
        self.out_of_order: dict[tuple[str, int], None] = {}
        self.strays: dict[tuple[str, int], None] = {}
        self.kinds: dict[tuple[str, str | None, str], int] = {}
        self._codes = _Codes()
        self._ends = {subject: array("H", bytes(2 * (last + 1))) for subject, last in highest.items()}
        self.approvals = bytearray(highest[LETTER] + 1)
        self.dispatches = bytearray(highest[LETTER] + 1)

    def read(self, pages: Iterable[Sequence[MoveRow]]) -> Iterator[Sequence[MoveRow]]:
        """Hands the pages on, so that what else reads the log reads it at the same time."""
        for page in pages:
            self._read(page)
            yield page

    def _read(self, rows: Sequence[MoveRow]) -> None:
        codes, all_ends, kinds = self._codes, self._ends, self.kinds
        approvals, dispatches = self.approvals, self.dispatches
        for _, subject, number, old, new, _, _, _, _ in rows:
            kinds[subject, old, new] = number
            try:
                ends = all_ends[subject]
                if ends[number] != codes[old]:
                    self._note(self.out_of_order, subject, number)
                ends[number] = codes[new]
                if new == _APPROVED:
                    approvals[number] = 1
                elif new == _DISPATCHED:
                    dispatches[number] = 1
            except (KeyError, IndexError, TypeError):
                self._note(self.strays, subject, number)

    def differing(self, subject: str, rows: Iterable[tuple[int, str]]) -> Iterator[int]:
        """The ids of those rows (id, state) that do not stand where the log ends."""
        codes, ends = self._codes, self._ends[subject]
        for id, state in rows:
            if ends[id] != codes[state]:
                yield id
            ends[id] = 0

    def without_row(self, subject: str) -> Iterator[int]:
        """After `differing` has seen every row: what the log tells of and has no row any more."""
        return (id for id, code in enumerate(self._ends[subject]) if code)

    def _note(self, where: dict[tuple[str, int], None], subject: str, number: int) -> None:
        if len(where) < _SHOWN:
            where[subject, number] = None


class _Codes(dict[str | None, int]):
    """A number for each word; 0 where there is none."""

    def __init__(self) -> None:
        super().__init__({None: 0})

    def __missing__(self, word: str | None) -> int:
        same = _SAID_ELSEWHERE.get(word) if word else None
        self[word] = len(self) if same is None else self[same]
        return self[word]
