"""A letter as the relay wants it: its envelope commands with what the relay offers, and its body."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.transport import Parcel

FINAL_DOT = b".\r\n"
RESET = b"RSET\r\n"
# What is written before the far end is seen to keep up; asyncio's own high-water mark. A letter up to this size
# goes out in one write.
BLOCK = 64 * 1024

_DOT_LINE = re.compile(rb"\n\.")
# What xtext (RFC 3461 section 4) does not let stand as it is.
_NOT_XTEXT = re.compile(r"[^!-*,-<>-~]")


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What a relay said to EHLO. size: whether it wants to be told; largest: octets at most, None where it
    names no limit (RFC 1870)."""

    pipelining: bool = False
    chunking: bool = False
    eight_bit: bool = False
    utf8: bool = False
    dsn: bool = False
    size: bool = False
    largest: int | None = None

    @classmethod
    def of(cls, extensions: Mapping[str, str]) -> Self:
        """extensions: parameters by lower-case keyword."""
        size = extensions.get("size", "")
        return cls(
            pipelining="pipelining" in extensions,
            chunking="chunking" in extensions,
            eight_bit="8bitmime" in extensions,
            utf8="smtputf8" in extensions,
            dsn="dsn" in extensions,
            size="size" in extensions,
            largest=int(size) if size.isdigit() and int(size) > 0 else None,
        )


def envelope(parcel: Parcel, offers: Offers) -> list[bytes] | Outcome:
    """MAIL, RCPT and, where there is no BDAT, DATA: with their CRLF, in as many pieces as the relay wants to answer one by
    one. Or the refusal of a letter that this relay has said beforehand that it cannot carry; the relay would refuse it
    likewise."""
    content, sender, recipient = parcel.content, parcel.sender, parcel.recipient
    eight_bit = not content.isascii()
    if offers.largest is not None and offers.largest < len(content):
        return _refused("5.3.4", f"The relay takes at most {offers.largest} bytes; this letter is longer.")
    if eight_bit and not offers.eight_bit:
        return _refused("5.6.3", "The letter holds 8-bit text, which the relay does not carry.")
    try:
        wishes = f" SIZE={len(content)}" if offers.size else ""
        if eight_bit:
            wishes += " BODY=8BITMIME"
        if not (sender.isascii() and recipient.isascii()):
            sender, recipient = _wire_address(sender), _wire_address(recipient)
            if not (sender.isascii() and recipient.isascii()):
                if not offers.utf8:
                    words = "The mailbox's name goes beyond ASCII, which the relay does not carry."
                    return _refused("5.6.7", words)
                wishes += " SMTPUTF8"
        notify = ""
        if offers.dsn and parcel.envelope_id:
            # The headers alone: a notice must not carry the supporter's words through more hands.
            wishes += f" RET=HDRS ENVID={_xtext(parcel.envelope_id)}"
            notify = " NOTIFY=SUCCESS,FAILURE,DELAY"
        mail = f"MAIL FROM:<{sender}>{wishes}\r\n"
        rcpt = f"RCPT TO:<{recipient}>{notify}\r\n"
        data = "" if offers.chunking else "DATA\r\n"
        if offers.pipelining:
            return [f"{mail}{rcpt}{data}".encode()]
        return [command.encode() for command in (mail, rcpt, data) if command]
    except UnicodeError:
        return _refused("5.1.3", "The address is none that mail can be sent to.")


def body(content: bytes, offers: Offers) -> tuple[list[bytes], list[bytes]]:
    """The letter as DATA or BDAT wants it: the blocks that go first, with which no server has it whole, and the
    pieces of its end."""
    if offers.chunking:
        before, after = b"BDAT %d LAST\r\n" % len(content), b""
    else:
        before, after = b"", FINAL_DOT
        content = _stuffed(content)
    if len(content) <= BLOCK:
        return [], [before, content, after]
    last = (len(content) - 1) // BLOCK * BLOCK
    blocks = [content[start : start + BLOCK] for start in range(0, last, BLOCK)]
    return [before, *blocks] if before else blocks, [content[last:], after]


def _stuffed(content: bytes) -> bytes:
    """With a dot before each line that begins with one (RFC 5321 4.5.2)."""
    if content.startswith(b"."):
        content = b"." + content
    # Few letters have such a line, and looking for it is twice as quick as replacing what is not there.
    return content.replace(b"\n.", b"\n..") if _DOT_LINE.search(content) else content


def _wire_address(address: str) -> str:
    """With the domain as DNS spells it; what stands before the @ belongs to the far end alone."""
    local, at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}{at}{domain.encode('idna').decode()}"


def _xtext(words: str) -> str:
    """RFC 3461 section 4."""
    # Our own names hold nothing else; to see that takes half the time of the substitution.
    if words.isascii() and words.isprintable() and not (" " in words or "+" in words or "=" in words):
        return words
    return _NOT_XTEXT.sub(lambda found: "".join(f"+{byte:02X}" for byte in found[0].encode()), words)


def _refused(enhanced_code: str, words: str) -> Outcome:
    return Outcome(kind=OutcomeKind.REFUSED, enhanced_code=enhanced_code, reply=words)
