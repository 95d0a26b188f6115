"""The sum of the letters: every approved one has its deliveries, each is counted once, none is with its mission twice."""

from array import array
from collections.abc import Iterable, Iterator

from dispatcher.domain.delivery import WITH_MISSION, DeliveryState

# (id, state as it is written down, whether it carries an hour of approval)
LetterRow = tuple[int, str, bool]
# (id, state, kind, letter, mission, channel)
OutboxRow = tuple[int, str, str, int, str | None, str | None]
_LETTER = "letter"
_DISPATCHED = "dispatched"
_TAKEN = WITH_MISSION | {DeliveryState.BOUNCED}
_MANY = 255


class Balance:
    """A few bytes a letter, however many deliveries. highest_letter: the largest id that a letter has.

    Give it all letters, then all deliveries in order of id; both hand on (id, state). homeless: deliveries of letters
    that cannot be."""

    def __init__(self, *, highest_letter: int) -> None:
        self.homeless: list[int] = []
        self._approved = bytearray(highest_letter + 1)
        self._with_mission = bytearray(highest_letter + 1)
        # Of old letters: whether the row says that it is dispatched.
        self._dispatched = bytearray(highest_letter + 1)
        # Whether a delivery of it is or was with a mission, as far as the states tell.
        self._taken = bytearray(highest_letter + 1)
        # Which of the ends below each letter's latest delivery has; 0 where it has none.
        self._latest = array("L", bytes(array("L").itemsize * (highest_letter + 1)))
        self._ends: list[tuple[str | None, str | None, str]] = [(None, None, "")]
        self._known: dict[tuple[str | None, str | None, str], int] = {}

    def letters(self, rows: Iterable[LetterRow]) -> Iterator[tuple[int, str]]:
        for id, state, approved in rows:
            if approved:
                self._approved[id] = 1
            if state == _DISPATCHED:
                self._dispatched[id] = 1
            yield id, state

    def deliveries(self, rows: Iterable[OutboxRow]) -> Iterator[tuple[int, str]]:
        for id, state, kind, letter, mission, channel in rows:
            yield id, state
            if kind == _LETTER:
                if not 0 < letter < len(self._latest):
                    self.homeless.append(id)
                    continue
                end = (mission, channel, state)
                number = self._known.get(end)
                if number is None:
                    number = self._known[end] = len(self._ends)
                    self._ends.append(end)
                self._latest[letter] = number
                if state in _TAKEN:
                    self._taken[letter] = 1
                if state in WITH_MISSION and self._with_mission[letter] < _MANY:
                    self._with_mission[letter] += 1

    def untaken(self, logged: Iterable[int]) -> list[int]:
        """The letters that their row calls dispatched, or that log (1 where it does, by id of a letter), and whose
        deliveries do not say so."""
        marks = zip(self._dispatched, logged, self._taken, strict=True)
        return [id for id, (row, log, taken) in enumerate(marks) if (row or log) and not taken]

    def was_approved(self, letter: int) -> bool:
        return bool(self._approved[letter])

    @property
    def approved(self) -> int:
        return self._approved.count(1)

    def totals(self) -> list[tuple[str | None, str | None, str, int]]:
        """(mission, channel, state, letters) of the approved letters' latest deliveries."""
        counts = [0] * len(self._ends)
        for approved, number in zip(self._approved, self._latest, strict=True):
            counts[number] += approved
        found = [(*end, count) for end, count in zip(self._ends[1:], counts[1:], strict=True) if count]
        return sorted(found, key=lambda each: (each[0] or "", each[1] or "", each[2]))

    def approved_without_delivery(self) -> Iterator[int]:
        pairs = zip(self._approved, self._latest, strict=True)
        return (id for id, (approved, number) in enumerate(pairs) if approved and not number)

    def delivered_without_approval(self) -> Iterator[int]:
        pairs = zip(self._approved, self._latest, strict=True)
        return (id for id, (approved, number) in enumerate(pairs) if number and not approved)

    def sent_twice(self) -> Iterator[int]:
        return (id for id, count in enumerate(self._with_mission) if count > 1)
