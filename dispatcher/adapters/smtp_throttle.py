"""How many lines to the relay are in use: fewer when it says "not now", more again with time."""

from collections.abc import Callable

from dispatcher.domain.outcome import Outcome, OutcomeKind

# So many "not now" in a row are the relay's answer to our pace and not to a letter.
REFUSALS_TO_SLOW = 3
# Seconds without any until one line more is tried.
RECOVERY = 15.0

_ACCEPTED = OutcomeKind.ACCEPTED
_TRANSIENT = range(400, 500)
# Enhanced codes of the address and of the mailbox (RFC 3463 3.2, 3.3): they say nothing of the relay.
_ABOUT_THE_MAILBOX = ("4.1.", "4.2.")


class Throttle:
    """lines: how many may be in use, from one to `most`. clock: seconds, from any beginning."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._in_a_row = 0
        self._since = 0.0
        self.lines = most

    def heard(self, outcome: Outcome) -> None:
        """One letter's outcome. Halves the lines when the relay keeps saying "not now"."""
        if outcome.kind is _ACCEPTED:
            self._in_a_row = 0
        elif outcome.code in _TRANSIENT and not (outcome.enhanced_code or "").startswith(_ABOUT_THE_MAILBOX):
            self._in_a_row += 1
            if self._in_a_row == REFUSALS_TO_SLOW:
                self._in_a_row = 0
                self.at_most(self.lines // 2)

    def at_most(self, lines: int) -> None:
        """The relay gives us no more lines than these."""
        self.lines = max(1, min(self.lines, lines))
        self._since = self._clock()

    def recover(self) -> bool:
        """Gives one line back when its time has come; answers whether it did."""
        if self.lines == self._most or self._clock() - self._since < RECOVERY:
            return False
        self.lines += 1
        self._since = self._clock()
        return True
