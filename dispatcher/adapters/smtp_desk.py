"""What a line to the relay needs of whoever has the letters."""

from typing import TYPE_CHECKING, Protocol

from dispatcher.adapters.smtp_batch import Errand
from dispatcher.domain.outcome import Outcome

if TYPE_CHECKING:
    from dispatcher.adapters.smtp_line import Line


class Desk(Protocol):
    """Where lines get letters and bring answers. Calls no line from within these, and never raises."""

    def take(self) -> Errand | None: ...

    def answer(self, errand: Errand, outcome: Outcome) -> None: ...

    def give_back(self, errand: Errand) -> None: ...

    def ready(self, line: "Line") -> None:
        """The relay waits for the line's letter: tell the witness, then call `hand_over`."""

    def idle(self, line: "Line") -> None: ...

    def lost(self, line: "Line") -> None: ...
