"""Header fields and text bodies as 7-bit mail lines (RFC 5322, 2045, 2047), written straight to text.

An EmailMessage costs several hundred microseconds; these functions do the same for the few fields that our
mails have in a tenth of it. The tests hold them against the email package.
"""

import base64
import binascii
import re
import unicodedata

from dispatcher.domain.errors import DispatcherError

# RFC 5322 2.1.1: lines should keep to 78 characters; one with an encoded word must keep to 76 (RFC 2047 2).
LINE = 78
# Bytes in one encoded word: 39 make 52 base64 characters, with "=?utf-8?b?" and "?=" 64, which leaves
# room for the longest field name of ours ("Reply-To: ").
_WORD_BYTES = 39
# A word of an ASCII field that is longer cannot be folded sensibly and is encoded instead.
_LONGEST_PLAIN_WORD = 60
_LONGEST_ADDRESS = 254  # RFC 5321 4.5.3.1.3, less the angle brackets

# Controls, line and paragraph separators, lone surrogates: none may stand in a header, whatever the reason.
_NOT_IN_HEADER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+>")

# Quoted-printable bodies grow threefold for every byte outside ASCII, base64 by a third throughout; below
# this share of bytes outside ASCII quoted-printable is shorter, and readable in the raw mail too.
_QUOTED_PRINTABLE_SHARE = 1 / 6
_NEEDS_GUARD = re.compile(r"^(?:\.|From )", re.MULTILINE)
_QP_LINE = 76  # RFC 2045 6.7 (5)


class CannotWriteMail(DispatcherError):
    """The field "{field}" cannot stand in a mail: {why}. Correct it where it was entered and render the mail
    again."""


def text_field(name: str, value: str) -> str:
    """An unstructured header line without its final CRLF, folded, any script."""
    value = clean(name, value)
    if _plain(value):
        return _folded(f"{name}: {value}")
    return f"{name}: {_encoded_words(value)}"


def mailbox_field(name: str, display_name: str, address: str) -> str:
    """A header line with one mailbox, without its final CRLF; `display_name` in any script, or empty."""
    check_address(name, address)
    display_name = " ".join(clean(name, display_name).split())  # readers collapse runs of blanks anyway
    if not display_name:
        return f"{name}: {address}"
    if _plain(display_name):
        quoted = display_name.replace("\\", "\\\\").replace('"', '\\"')
        return _folded(f'{name}: "{quoted}" <{address}>')
    return f"{name}: {_encoded_words(display_name)}\r\n <{address}>"


def check_address(field: str, address: str) -> None:
    """Raises CannotWriteMail unless `address` is a plain ASCII mailbox."""
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise CannotWriteMail(field=field, why="it is not a mailbox in plain ASCII")


def check_message_id(message_id: str) -> None:
    if not _MESSAGE_ID.fullmatch(message_id):
        raise CannotWriteMail(field="Message-ID", why="it is not of the form <...@...>")


def clean(field: str, value: str) -> str:
    """`value` in NFC without blanks around it. Raises CannotWriteMail for a line break or a control."""
    if _NOT_IN_HEADER.search(value):
        raise CannotWriteMail(field=field, why="it holds a line break or a control character")
    return unicodedata.normalize("NFC", value).strip()


def text_body(field: str, text: str) -> tuple[str, str]:
    """(Content-Transfer-Encoding, encoded lines with CRLF, the last one ended) of a text in any script.

    No encoded line begins with a dot or with "From ", so that neither a careless relay nor an mbox file can
    change it. Line ends of every kind become CRLF. Raises CannotWriteMail for control characters.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if _NOT_IN_TEXT.search(text):
        raise CannotWriteMail(field=field, why="it holds a control character")
    if not text.endswith("\n"):
        text += "\n"
    raw = text.encode()
    if len(raw) - len(text) <= len(raw) * _QUOTED_PRINTABLE_SHARE:
        return "quoted-printable", _quoted_printable(raw)
    return "base64", base64_lines(raw.replace(b"\n", b"\r\n")).decode("ascii")


def base64_lines(raw: bytes) -> bytes:
    """Base64 in lines of 76 with CRLF, the last one ended."""
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def _plain(value: str) -> bool:
    """Whether an ASCII value can be written as it is and folded at its blanks without changing it."""
    return (
        value.isascii()
        and "=?" not in value
        and "  " not in value
        and (len(value) <= _LONGEST_PLAIN_WORD or max(map(len, value.split(" "))) <= _LONGEST_PLAIN_WORD)
    )


def _folded(line: str) -> str:
    if len(line) <= LINE:
        return line
    lines = []
    current = ""
    for word in line.split(" "):
        if current and len(current) + 1 + len(word) > LINE:
            lines.append(current)
            current = " " + word
        else:
            current = f"{current} {word}" if current else word
    lines.append(current)
    return "\r\n".join(lines)


def _encoded_words(value: str) -> str:
    """Parted behind a blank where there is one, since some readers (Python's email package 3.11 for one)
    wrongly show a blank between two encoded words of a name."""
    raw = value.encode()
    words = []
    start = 0
    while start < len(raw):
        end = start + _WORD_BYTES
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a character of UTF-8
            end -= 1
        if end < len(raw):
            end = raw.rfind(b" ", start, end) + 1 or end
        words.append(f"=?utf-8?b?{binascii.b2a_base64(raw[start:end], newline=False).decode('ascii')}?=")
        start = end
    return "\r\n ".join(words)


def _quoted_printable(raw: bytes) -> str:
    encoded = binascii.b2a_qp(raw.replace(b"\n", b"\r\n")).decode("ascii")
    if not _NEEDS_GUARD.search(encoded):
        return encoded
    lines: list[str] = []
    for whole in encoded.split("\r\n"):
        line = _guarded(whole)
        while len(line) > _QP_LINE:
            cut = _cut_outside_escape(line)
            lines.append(line[:cut] + "=")
            line = _guarded(line[cut:])
        lines.append(line)
    return "\r\n".join(lines)


def _cut_outside_escape(line: str) -> int:
    """The last place before the limit that does not part a "=C3"."""
    cut = _QP_LINE - 1
    escape = line.rfind("=", cut - 2, cut)
    return escape if escape > 0 else cut


def _guarded(line: str) -> str:
    if line.startswith("."):
        return "=2E" + line[1:]
    if line.startswith("From "):
        return "=46" + line[1:]
    return line
