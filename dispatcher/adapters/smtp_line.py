"""One line to the relay: letter after letter (RFC 5321), pipelined where the relay offers it (RFC 2920).

aiosmtplib has connected, secured and signed in; from then on the line speaks for itself, without a task or a
future for each letter. In step with the relay one write carries [body of letter i | MAIL, RCPT, DATA of letter
i+1] and one packet brings back [250 | 250, 250, 354]. No body is written before its own 354 was seen, so at
most one letter a line is between its final dot and its answer. Where the relay offers CHUNKING (RFC 3030),
[BDAT with letter i | MAIL, RCPT of letter i+1] takes the place of that. Without PIPELINING it is one command at
a time.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import lru_cache

from dispatcher.adapters.smtp_batch import Batch, Errand
from dispatcher.adapters.smtp_desk import Desk
from dispatcher.adapters.smtp_envelope import FINAL_DOT, RESET, Offers, body, envelope
from dispatcher.adapters.smtp_patience import Alarm, Timeouts
from dispatcher.adapters.smtp_replies import MOST_KNOWN, Aside, Expected, Replies, Reply, in_words, no_answer
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import SHUTTING_DOWN, Stage, goes_on, outcome_of_reply

# An Enum's member costs ten times a name; these three are looked at for every letter.
_BODY, _DATA, _UNKNOWN = Stage.BODY, Stage.DATA, OutcomeKind.UNKNOWN
_INCOMING = 16 * 1024
_REFUSALS = range(400, 600)
_YES = (221, 250)
_LOST = "The connection to the relay was lost"
_OUT_OF_TURN = "The relay spoke out of turn"
# The answers to a letter's envelope where all is well.
_BY_DATA: dict[Expected, int] = {Stage.MAIL: 250, Stage.RCPT: 250, Stage.DATA: 354}
_BY_BDAT: dict[Expected, int] = {Stage.MAIL: 250, Stage.RCPT: 250}


class Line(asyncio.BufferedProtocol):
    """An open, signed-in connection, whose transport's protocol this becomes.

    begun: the letter whose envelope is on the wire. due: the same when it waits for `hand_over`, else None.
    on_the_wire: the one whose final dot was written and whose answer is due. Every letter taken from the desk is
    answered or given back, whatever happens.
    """

    def __init__(self, transport: asyncio.Transport, offers: Offers, timeouts: Timeouts) -> None:
        self._transport = transport
        self._offers = offers
        self._timeouts = timeouts
        self._patience: dict[Expected, float] = {
            Stage.MAIL: timeouts.command,
            Stage.RCPT: timeouts.command,
            Stage.DATA: timeouts.data,
            Stage.BODY: timeouts.final,
            Aside.RSET: timeouts.command,
            Aside.LONE_DOT: timeouts.final,
        }
        self._go_ahead = _BY_BDAT if offers.chunking else _BY_DATA
        self._stages = tuple(self._go_ahead)
        self._in_step = (_BODY, *self._stages)
        self._alarm = Alarm(lambda: self._break_off("The relay was silent for too long"))
        # A buffer of our own: asyncio's other way allocates 256 kB for each reply, a third of a letter's cost.
        self._incoming = memoryview(bytearray(_INCOMING))
        self._replies = Replies(go_ahead=tuple(self._go_ahead.values()))
        # Replies that are due, in order; commands of the envelope that wait for those (lock-step).
        self._expected: deque[Expected] = deque()
        self._commands: deque[tuple[Expected, bytes]] = deque()
        self._desk: Desk | None = None
        self.begun: Errand | None = None
        self.on_the_wire: Errand | None = None
        # Of the letter begun: whether MAIL was answered; where it was refused, which was its answer.
        self._mail_answered = False
        self._refused_at: Stage | None = None
        # Its body: blocks to be written now, the last one with what goes out behind that, and whose that is.
        self._blocks: deque[bytes] = deque()
        self._last: list[bytes] = []
        self._following: Errand | None = None
        self.due: Errand | None = None
        self._paused = False
        # Whether the relay wants a body for a refused letter; whether the table must be cleared.
        self._body_awaited = self._reset_due = False
        # A line that has carried a letter or lain idle may be ended by the relay at any time.
        self._fresh = self._resting = True
        self._winding_up = self._ended = False
        self._question: asyncio.Future[bool] | None = None

    @property
    def usable(self) -> bool:
        return not self._ended and not self._transport.is_closing()

    def begin(self, desk: Desk) -> None:
        """Takes letters from the desk until it has none."""
        self._desk = desk
        self._resting = False
        if self._transport.is_closing():
            self._break_off(_LOST)
        else:
            self._next_letter()
            self._watch()

    def hand_over(self) -> None:
        """Completes the letter begun, after the witness has noted it."""
        if self._transport.is_closing():
            self._break_off(_LOST)
            return
        self.on_the_wire, self.begun = self.begun, self._following
        self.due = self._following = None
        self._mail_answered = self._fresh = False
        self._expected.extend((_BODY,) if self.begun is None else self._in_step)
        self._transport.write(b"".join(self._last))
        self._last = []
        self._alarm.set(self._timeouts.final)

    def keep_back(self) -> None:
        """The witness could not note the letter begun: it must not go."""
        self._break_off("The journal could not be written")

    def wind_up(self) -> None:
        """Completes no further letter, and ends as soon as the one on the wire has its answer."""
        self._winding_up = True
        if self.on_the_wire is None:
            self._end_here()

    def abandon(self, batch: Batch) -> None:
        """Answers for the letters of this batch at once. Another batch's letter on the wire is waited for."""
        errands = (self.on_the_wire, self.begun, self._following)
        if all(errand is None or errand.batch is not batch for errand in errands):
            return
        self._winding_up = True
        self._give_back_the_rest()
        if self.on_the_wire is None or self.on_the_wire.batch is batch:
            self._break_off("Sending was stopped while this letter was on its way")

    def drop(self) -> None:
        """Ends the line at once; what the system has not sent yet is thrown away."""
        self._break_off("The line was closed before the relay had answered")

    async def answers(self) -> bool:
        """Whether the relay answers a NOOP."""
        return await self._ask(b"NOOP\r\n", self._timeouts.connect)

    async def quit(self) -> None:
        """Says good-bye where the line still stands, and drops it in any case."""
        try:
            await self._ask(b"QUIT\r\n", self._timeouts.closing)
        finally:
            self.drop()

    # asyncio calls these.

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._incoming

    def buffer_updated(self, nbytes: int) -> None:
        said = self._incoming[:nbytes].tobytes()
        if not self._heard_in_step(said):
            self._hear_one_by_one(self._replies.take(said))
        if self.due is None:
            self._watch()

    def eof_received(self) -> None:
        self._break_off(_LOST)

    def connection_lost(self, error: Exception | None) -> None:
        self._break_off(_LOST)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._last and self.due is None and not self._ended:
            self._write_blocks()
            self._watch()

    # What the relay says.

    def _heard_in_step(self, said: bytes) -> bool:
        """The letter was taken and the next one's envelope too, in one packet: nearly every letter's case, and a way
        through it that costs a third. False, and nothing heard, where anything is otherwise."""
        desk, sent, begun = self._desk, self.on_the_wire, self.begun
        if sent is None or begun is None or desk is None or len(self._expected) != len(self._in_step):
            return False
        if self._winding_up or self._refused_at is not None:
            return False
        if (text := self._replies.take_in_step(said)) is None:
            return False
        self._expected.clear()
        self.on_the_wire = None
        self._mail_answered = True
        desk.answer(sent, _outcome_of_body(250, text))
        self._write_body(begun)
        return True

    def _hear_one_by_one(self, replies: Sequence[Reply]) -> None:
        for code, text in replies:
            if self._ended:
                return
            if self._expected:
                expected = self._expected.popleft()
                if expected is _BODY:
                    self._heard_of_body(code, text)
                elif self._refused_at is None and self._go_ahead.get(expected) == code:
                    self._mail_answered = True
                else:
                    self._heard(expected, code, text)
            else:
                self._heard_out_of_turn(code, text)
        if self._replies.garbled is not None:
            self._break_off("The relay's answer could not be read", self._replies.garbled)
        elif replies and not (self._expected or self._resting or self._ended):
            self._go_on()

    def _heard(self, expected: Expected, code: int, text: bytes) -> None:
        if isinstance(expected, Aside):
            self._heard_aside(expected, code)
        elif self._refused_at is not None:
            self._body_awaited = expected is _DATA and goes_on(expected, code)
        elif goes_on(expected, code):
            self._mail_answered = True
        else:
            self._heard_refusal(expected, code, text)

    def _heard_of_body(self, code: int, text: bytes) -> None:
        outcome = _outcome_of_body(code, text)
        self._answer(self.on_the_wire, outcome)
        self.on_the_wire = None
        if outcome.relay or outcome.kind is _UNKNOWN:
            self._break_off("The relay ended the conversation")
        elif self._winding_up:
            self._end_here()

    def _heard_refusal(self, stage: Stage, code: int, text: bytes) -> None:
        if stage is Stage.MAIL and code == SHUTTING_DOWN and not self._fresh:
            # Its limit of letters or of idleness, which says nothing of the letter or of the relay's health.
            self._break_off("The relay ended the line")
            return
        outcome = outcome_of_reply(stage, code, in_words(text))
        self._answer(self.begun, outcome)
        self._refused_at = stage
        self._reset_due = True
        self._fresh = False
        self._commands.clear()
        if outcome.relay:
            self._break_off("The relay ended the conversation")

    def _heard_aside(self, expected: Aside, code: int) -> None:
        if expected is Aside.QUESTION:
            self._answer_question(code in _YES)
        elif code == SHUTTING_DOWN or (expected is Aside.RSET and code not in _YES):
            self._break_off("The relay did not clear the table")

    def _heard_out_of_turn(self, code: int, text: bytes) -> None:
        """A reply to nothing. While the relay waits for a body, a refusal can only be its word on that letter;
        and the letter is not complete, so it was not taken."""
        if self._last and code in _REFUSALS:
            self._answer(self.begun, outcome_of_reply(Stage.DATA, code, in_words(text)))
            self.begun = None
        self._break_off(_OUT_OF_TURN)

    # What is said to the relay.

    def _go_on(self) -> None:
        """Nothing more is due from the relay."""
        if self._commands:
            self._say(*self._commands.popleft())
        elif self.begun is not None and self._refused_at is None:
            self._write_body(self.begun)
        elif self._body_awaited and self._refused_at is not Stage.RCPT:
            # It refused the sender and yet wants a body: an empty one could reach the recipient.
            self._break_off("The relay is out of step")
        else:
            self._next_letter()

    def _next_letter(self) -> None:
        """Begins the next letter, or rests. After a refusal it begins on a clean table (RSET, RFC 5321 4.1.1.5);
        a relay that wants a body for a recipient it refused gets a dot alone (RFC 2920 3.1)."""
        self.begun = None
        if self._body_awaited:
            self._body_awaited = False
            self._say(Aside.LONE_DOT, FINAL_DOT)
        self._refused_at, self._mail_answered = None, False
        self.begun, commands = self._take()
        if self.begun is None:
            if not self._expected and self._desk is not None:
                self._resting, self._fresh = True, False
                self._desk.idle(self)
            return
        if self._offers.pipelining:
            if self._reset_due:
                self._say(Aside.RSET, RESET)
            self._expected.extend(self._stages)
            self._transport.write(b"".join(commands))
        else:
            if self._reset_due:
                self._commands.append((Aside.RSET, RESET))
            self._commands.extend(zip(self._stages, commands, strict=True))
            self._say(*self._commands.popleft())
        self._reset_due = False

    def _take(self) -> tuple[Errand | None, list[bytes]]:
        """A letter that this relay can carry, with its envelope; those that it cannot are answered."""
        while self._desk is not None and (errand := self._desk.take()) is not None:
            found = envelope(errand.parcel, self._offers)
            if not isinstance(found, Outcome):
                return errand, found
            self._answer(errand, found)
        return None, []

    def _write_body(self, begun: Errand) -> None:
        """The relay waits for it. No server delivers a letter without its end, so all but that goes out now, and the
        end with `hand_over`."""
        blocks, self._last = body(begun.parcel.content, self._offers)
        self._blocks += blocks
        self._write_blocks()

    def _write_blocks(self) -> None:
        while self._blocks and not self._paused:
            self._transport.write(self._blocks.popleft())
        if self._paused or self._desk is None:
            return
        if self._replies.unfinished:
            self._break_off(_OUT_OF_TURN)
        else:
            if self._offers.pipelining:
                self._following, commands = self._take()
                self._last += commands
            self.due = self.begun
            self._alarm.rest()
            self._desk.ready(self)

    def _say(self, expected: Expected, command: bytes) -> None:
        self._expected.append(expected)
        self._transport.write(command)

    async def _ask(self, command: bytes, patience: float) -> bool:
        if not self.usable or self._expected:
            return False
        self._question = asyncio.get_running_loop().create_future()
        self._patience[Aside.QUESTION] = patience
        self._say(Aside.QUESTION, command)
        self._watch()
        return await self._question

    # The end of patience, the end of the line.

    def _watch(self) -> None:
        if self._ended:
            return
        if self._expected:
            self._alarm.set(self._patience[self._expected[0]])
        elif self._last and self.due is None:
            self._alarm.set(self._timeouts.block)
        else:
            self._alarm.rest()

    def _end_here(self) -> None:
        self._give_back_the_rest()
        self._break_off("The line was closed")

    def _give_back_the_rest(self) -> None:
        """The letters whose end was not written."""
        for errand in (self._following, None if self._refused_at else self.begun):
            if errand is not None and self._desk is not None:
                self._desk.give_back(errand)
        self.begun = self._following = self.due = None

    def _break_off(self, words: str, garbled: bytes | None = None) -> None:
        """Ends the line. Of its letters, the one whose final dot was written is unknown, for nobody can tell how
        far it came; the one begun is deferred; what the relay has not heard of goes over another line."""
        if self._ended:
            return
        self._ended = True
        self._transport.abort()
        self._alarm.end()
        if self.on_the_wire is not None:
            self._answer(self.on_the_wire, no_answer(Stage.BODY, words, garbled))
        if self.begun is not None and self._refused_at is None and (self._mail_answered or self._fresh):
            stage = next((each for each in self._expected if isinstance(each, Stage)), Stage.DATA)
            self._answer(self.begun, no_answer(stage, words, garbled))
            self.begun = None
        self._give_back_the_rest()
        self._last, self.due = [], None
        # Nothing is waited for, so nothing that still comes in is heard.
        self._expected.clear()
        self._blocks.clear()
        self._answer_question(False)
        if self._desk is not None:
            self._desk.lost(self)

    def _answer(self, errand: Errand | None, outcome: Outcome) -> None:
        if self._desk is not None and errand is not None:
            self._desk.answer(errand, outcome)

    def _answer_question(self, answer: bool) -> None:
        if self._question is not None and not self._question.done():
            self._question.set_result(answer)


@lru_cache(maxsize=MOST_KNOWN)  # nobody changes an outcome, and many relays say the same to every letter
def _outcome_of_body(code: int, text: bytes) -> Outcome:
    return outcome_of_reply(_BODY, code, in_words(text))
