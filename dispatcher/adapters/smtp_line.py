"""One line to the relay: letter after letter in lock-step (RFC 5321).

aiosmtplib speaks the commands. The letter itself is written here, because only then is it known whether the
final dot had been handed to the system when a line was lost.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from aiosmtplib import SMTP, SMTPException, SMTPResponseException
from aiosmtplib.protocol import SMTPProtocol

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import (
    SHUTTING_DOWN,
    Stage,
    goes_on,
    outcome_of_reply,
    outcome_of_silence,
)
from dispatcher.services.transport import Parcel

# What is written before the system is asked whether the far end keeps up; asyncio's own high-water mark.
BLOCK = 64 * 1024

Step = TypeVar("Step")


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds of patience. command to final: RFC 5321 4.5.3.2. connect: for each step up to sign-in; shorter
    than the RFC's five minutes, for we chose the relay, and letters not begun can wait in the queue."""

    connect: float = 60
    command: float = 300
    data: float = 120
    block: float = 180
    final: float = 600
    closing: float = 2


class Line:
    """An open, signed-in connection. Not for two letters at a time.

    fresh: it has carried no letter and has never lain idle. handed_over: whether bytes that may hold the
    final dot of the present letter were written.
    """

    def __init__(self, smtp: SMTP, timeouts: Timeouts) -> None:
        # aiosmtplib forgets both when the line is lost; they are needed to end it properly.
        self._protocol = cast(SMTPProtocol, smtp.protocol)
        self._transport = cast(asyncio.WriteTransport, smtp.transport)
        self._smtp = smtp
        self._timeouts = timeouts
        # Its `drain` is asyncio's public way to the flow control that aiosmtplib's protocol has built in.
        self._writer = asyncio.StreamWriter(self._transport, self._protocol, None, asyncio.get_running_loop())
        self._stage = Stage.MAIL
        self._reset_due = False
        self._usable = True
        self.fresh = True
        self.handed_over = False

    @property
    def usable(self) -> bool:
        """Whether the next letter may go over it."""
        return self._usable and not self._transport.is_closing()

    def was_stale(self, outcome: Outcome) -> bool:
        """Whether a line that had served before was ended by the relay when the next letter began: its limit
        of letters or of idleness, which says nothing of the letter or of the relay's health."""
        began = self._stage is Stage.MAIL and not self.fresh
        return began and outcome.relay and outcome.code in (None, SHUTTING_DOWN)

    async def carry(self, parcel: Parcel, going: Callable[[DeliveryId], None]) -> Outcome:
        """Sends one letter. `going` is called right before the bytes that may complete it are written."""
        self._usable = self._reset_due = self.handed_over = False
        self._stage = Stage.MAIL
        body = _stuffed(parcel.content)
        outcome = await self._guarded(self._approach(parcel, body))
        if outcome is None:
            going(parcel.delivery)
            self.handed_over = True
            self._stage = Stage.BODY
            outcome = await self._guarded(self._complete(body))
        self._usable = not outcome.relay and outcome.kind is not OutcomeKind.UNKNOWN
        return outcome

    async def tidy(self) -> None:
        """Clears a refused transaction: the next letter begins on a clean table (RFC 5321 4.1.1.5)."""
        self.fresh = False
        if self._usable and self._reset_due:
            self._usable = False
            self._usable = await self._ask(b"RSET", self._timeouts.command)

    async def answers(self) -> bool:
        """Whether the relay answers a NOOP."""
        return await self._ask(b"NOOP", self._timeouts.connect)

    async def quit(self) -> None:
        """Says good-bye where the line still stands, and drops it in any case."""
        try:
            if self.usable:
                await self._ask(b"QUIT", self._timeouts.closing)
        finally:
            self.drop()

    def drop(self) -> None:
        """Ends the line at once; what the system has not sent yet is thrown away."""
        self._usable = False
        self._transport.abort()

    async def _guarded(self, step: Awaitable[Step]) -> Step | Outcome:
        try:
            return await step
        except SMTPResponseException as error:
            # No reply in the sense of RFC 5321 4.2; nothing that follows could be trusted to be in step.
            return outcome_of_reply(self._stage, error.code, error.message)
        except TimeoutError:
            words = f"The relay was silent for too long ({self._stage.name})."
        except (SMTPException, OSError):
            words = f"The connection to the relay was lost ({self._stage.name})."
        return outcome_of_silence(handed_over=self.handed_over, words=words)

    async def _approach(self, parcel: Parcel, body: bytes) -> Outcome | None:
        """Everything up to the last block of the letter; None when nothing stands against that one."""
        if obstacle := self._obstacle(parcel):
            return obstacle
        for stage, command, patience in (
            (Stage.MAIL, self._mail(parcel), self._timeouts.command),
            (Stage.RCPT, self._rcpt(parcel), self._timeouts.command),
            (Stage.DATA, b"DATA", self._timeouts.data),
        ):
            self._stage = stage
            reply = await self._smtp.execute_command(command, timeout=patience)
            if not goes_on(stage, reply.code):
                self._reset_due = True
                return outcome_of_reply(stage, reply.code, reply.message)
        # Without its final dot no server delivers a letter, so a line lost in here leaves no doubt.
        for start in range(0, _last_block(body), BLOCK):
            self._protocol.write(body[start : start + BLOCK])
            async with asyncio.timeout(self._timeouts.block):
                await self._writer.drain()
        if self._transport.is_closing():
            raise ConnectionResetError
        return None

    async def _complete(self, body: bytes) -> Outcome:
        self._protocol.write(body[_last_block(body) :] + b".\r\n")
        reply = await self._protocol.read_response(timeout=self._timeouts.final)
        return outcome_of_reply(Stage.BODY, reply.code, reply.message)

    def _obstacle(self, parcel: Parcel) -> Outcome | None:
        """What this relay has said beforehand that it cannot carry; a server would refuse it likewise."""
        try:
            beyond_ascii = _needs_utf8(parcel)
        except UnicodeError:
            return _refused("5.1.3", "The address is none that mail can be sent to.")
        size = self._smtp.esmtp_extensions.get("size", "")
        if size.isdigit() and 0 < int(size) < len(parcel.content):
            return _refused("5.3.4", f"The relay takes at most {size} bytes; this letter is longer.")
        if not parcel.content.isascii() and not self._offers("8bitmime"):
            return _refused("5.6.3", "The letter holds 8-bit text, which the relay does not carry.")
        if beyond_ascii and not self._offers("smtputf8"):
            return _refused("5.6.7", "The mailbox's name goes beyond ASCII, which the relay does not carry.")
        return None

    def _mail(self, parcel: Parcel) -> bytes:
        words = [f"MAIL FROM:<{_wire_address(parcel.sender)}>"]
        if self._offers("size"):
            words.append(f"SIZE={len(parcel.content)}")
        if not parcel.content.isascii():
            words.append("BODY=8BITMIME")
        if _needs_utf8(parcel):
            words.append("SMTPUTF8")
        if parcel.envelope_id and self._offers("dsn"):
            # The headers alone: a notice must not carry the supporter's words through more hands.
            words.append(f"RET=HDRS ENVID={_xtext(parcel.envelope_id)}")
        return " ".join(words).encode()

    def _rcpt(self, parcel: Parcel) -> bytes:
        notify = " NOTIFY=SUCCESS,FAILURE,DELAY" if parcel.envelope_id and self._offers("dsn") else ""
        return f"RCPT TO:<{_wire_address(parcel.recipient)}>{notify}".encode()

    def _offers(self, extension: str) -> bool:
        return self._smtp.supports_extension(extension)

    async def _ask(self, command: bytes, patience: float) -> bool:
        try:
            reply = await self._smtp.execute_command(command, timeout=patience)
        except (SMTPException, OSError):
            return False
        return reply.code in (221, 250)


def _last_block(body: bytes) -> int:
    """Where the block begins that is written together with the final dot."""
    return (len(body) - 1) // BLOCK * BLOCK


def _stuffed(content: bytes) -> bytes:
    """With a dot before each line that begins with one (RFC 5321 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _wire_address(address: str) -> str:
    """With the domain as DNS spells it; what stands before the @ belongs to the far end alone."""
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{domain.encode('idna').decode()}"


def _needs_utf8(parcel: Parcel) -> bool:
    return not (_wire_address(parcel.sender) + _wire_address(parcel.recipient)).isascii()


def _xtext(words: str) -> str:
    """RFC 3461 section 4."""
    return re.sub(r"[^!-*,-<>-~]", lambda found: "".join(f"+{byte:02X}" for byte in found[0].encode()), words)


def _refused(enhanced_code: str, words: str) -> Outcome:
    return Outcome(kind=OutcomeKind.REFUSED, enhanced_code=enhanced_code, reply=words)
