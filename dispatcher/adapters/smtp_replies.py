"""What the relay says, cut into replies."""

from collections.abc import Sequence
from enum import Enum

from dispatcher.domain.outcome import Outcome
from dispatcher.domain.reply import Stage, outcome_of_reply, outcome_of_silence

# The code and the text of a reply; the lines of a longer one are parted by line feeds.
Reply = tuple[int, bytes]

# RFC 5321 4.5.3.1.5 allows 512 octets; servers that say more at once are common, endless ones are broken.
LONGEST_LINE = 8192
LONGEST_REPLY = 4 * LONGEST_LINE
# A relay says the same few things all day; these are read once. Queue ids end up among them, until there are so many.
MOST_KNOWN = 64

_LOWEST_CODE = 100
# After the code: the last line, one with more to come, a code alone. An empty piece is in here too.
_AFTER_CODE = b" -\r"


class Aside(Enum):
    """What is said to the relay besides a letter."""

    RSET = "reset"
    LONE_DOT = "lone dot"
    QUESTION = "question"


# What a reply is to.
Expected = Stage | Aside


class Replies:
    """Collects one line's replies (RFC 5321 4.2), however the bytes are split.

    go_ahead: the codes with which a relay in step goes on to the next letter. garbled: what came that is no reply,
    from which on nothing can be trusted to be in step; None while all is well. unfinished: whether a reply has begun
    and not ended.
    """

    def __init__(self, go_ahead: Sequence[int] = ()) -> None:
        self._go_ahead = list(go_ahead)
        self._in_step: set[bytes] = set()
        self._rest = b""
        self._known: dict[bytes, Reply] = {}
        self._begun: list[bytes] = []
        self._size = 0
        self.garbled: bytes | None = None
        self.unfinished = False

    def take_in_step(self, data: bytes) -> bytes | None:
        """The text of a 250, where these bytes are that and, behind it, what `take` has read before as the go-ahead:
        the one is new with every letter, the other hardly ever, and is not read again. None, and nothing taken, where
        it is otherwise in any way."""
        line, _, behind = data.partition(b"\n")
        if self.unfinished or behind not in self._in_step or line[:4] != b"250 ":
            return None
        return line[4:].strip()

    def take(self, data: bytes) -> list[Reply]:
        """The replies that these bytes complete, in order; those before a garbled one included."""
        replies = self._read(data)
        if len(replies) > 1 and not self.unfinished and len(self._in_step) < MOST_KNOWN:
            self._remember(data, replies)
        self.unfinished = bool(self._rest or self._begun)
        return replies

    def _remember(self, data: bytes, replies: Sequence[Reply]) -> None:
        """What stands behind the first line, where each line is a reply and nothing is left over."""
        behind = data.partition(b"\n")[2]
        whole = len(replies) == data.count(b"\n") and data.endswith(b"\n")
        if whole and [code for code, _ in replies[1:]] == self._go_ahead:
            self._in_step.add(behind)

    def _read(self, data: bytes) -> list[Reply]:
        if self._rest:
            data = self._rest + data
        lines = data.split(b"\n")
        self._rest = lines.pop()
        replies: list[Reply] = []
        for line in lines:
            if (known := self._known.get(line)) is not None and not self._begun:
                replies.append(known)
                continue
            digits, mark = line[:3], line[3:4]
            if not digits.isdigit() or mark not in _AFTER_CODE or (code := int(digits)) < _LOWEST_CODE:
                self.garbled = line
                break
            if mark == b"-" or self._begun:
                whole = self._longer(line, code)
                if whole is not None:
                    replies.append(whole)
                elif self.garbled is not None:
                    break
            else:
                reply = code, line[4:].strip()
                replies.append(reply)
                if len(self._known) < MOST_KNOWN:
                    self._known[line] = reply
        if len(self._rest) > LONGEST_LINE:
            self.garbled = self.garbled or self._rest
        return replies

    def _longer(self, line: bytes, code: int) -> Reply | None:
        self._begun.append(line)
        self._size += len(line)
        if line[:3] != self._begun[0][:3] or self._size > LONGEST_REPLY:
            self.garbled = line
            return None
        if line[3:4] == b"-":
            return None
        text = b"\n".join(part[4:].strip() for part in self._begun)
        self._begun, self._size = [], 0
        return code, text


def in_words(text: bytes) -> str:
    """As text; what is no UTF-8 is kept apart, and `outcome_of_reply` leaves it out."""
    return text.decode("utf-8", "surrogateescape")


def no_answer(stage: Stage, words: str, garbled: bytes | None) -> Outcome:
    """The outcome for a letter at `stage` when the line has failed; garbled: what came in the place of a reply."""
    if garbled is not None:
        # Code 0 stands for no reply in the sense of RFC 5321 4.2.
        return outcome_of_reply(stage, 0, f"{words} ({stage.name}): {in_words(garbled)}")
    return outcome_of_silence(handed_over=stage is Stage.BODY, words=f"{words} ({stage.name}).")
