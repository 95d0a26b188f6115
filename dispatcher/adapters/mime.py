"""A letter as a mail.

Layout of what is sent; the middle part, "approved", is what was rendered, digested and stored beforehand:

    Date: ...                        written at send
    From ... Content-Type            approved: all other header fields
    text                             approved: the letter (with enclosures: the first part)
    --boundary, enclosure, ...       joined at send, each encoded once for all letters
    --boundary--

The boundary is a hash of the Message-ID and of the enclosures' digests, so the approved bytes also pin which
files may be joined to them. "=_" at its start cannot occur in quoted-printable or base64, hence in no part.
"""

import email.utils
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath

from dispatcher.adapters.mail_fields import (
    CannotWriteMail,
    base64_lines,
    check_message_id,
    clean,
    mailbox_field,
    text_body,
    text_field,
)
from dispatcher.domain.campaign import Enclosure
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.stationery import EncodedEnclosure, LetterContent, Rendered, signature

# Characters of an enclosure's name that are kept. Twelve a character at worst (RFC 2231) stay within the 998
# that a line may have, and RFC 2231's own continuation lines are read by few programs.
_LONGEST_NAME = 72
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_CONTENT_TYPE = b"\r\nContent-Type: "
_BOUNDARY = re.compile(rb'\r\nContent-Type: multipart/mixed; boundary="([^"]+)"')
_MESSAGE_ID = re.compile(rb"\r\nMessage-ID: (<[^>]+>)")
_DATE_LINE = re.compile(rb"(?:\A|\r\n)Date: [^\r\n]*\r\n")


class EnclosuresDiffer(DispatcherError):
    """The enclosures at hand are not those that were approved with mail {message_id}. Put the approved files
    back, or render and approve the letter again."""


class EnclosureChanged(DispatcherError):
    """The enclosure "{name}" is not the file its digest was taken of. Load the campaign again."""


class NotOurMail(DispatcherError):
    """These bytes are not a letter as this service sends it: {why}."""


def render_email(content: LetterContent, *, recipient: str) -> Rendered:
    """recipient: the mission's mailbox, from the directory only. Raises CannotWriteMail naming the field."""
    campaign = content.campaign
    signed = signature(content)
    check_message_id(content.message_id)
    if not _LANGUAGE.fullmatch(content.language):
        raise CannotWriteMail(field="Content-Language", why="it is not a language tag")
    transfer_encoding, body = text_body("letter text", _letter_text(content, signed.lines))
    text_part = (
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {transfer_encoding}\r\n\r\n{body}"
    )
    digests = tuple(enclosure.digest for enclosure in campaign.enclosures)
    if digests:
        boundary = _boundary(content.message_id, digests)
        text_part = (
            f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n{text_part}\r\n'
        )
    message = "\r\n".join(
        (
            mailbox_field("From", f"{signed.name} via {campaign.from_name}", campaign.from_address),
            mailbox_field("To", content.mission.name, recipient),
            mailbox_field("Reply-To", "" if content.shielded else signed.name, content.reply_to),
            text_field("Subject", content.subject),
            f"Message-ID: {content.message_id}",
            "MIME-Version: 1.0",
            f"Content-Language: {content.language}",
            text_part,
        )
    ).encode("ascii")
    return Rendered(
        media_type="message/rfc822",
        content=message,
        digest=hashlib.sha256(message).hexdigest(),
        enclosures=digests,
    )


def encode_enclosure(enclosure: Enclosure) -> EncodedEnclosure:
    """Checks the file against its digest. Done once a campaign; 2 MB take about 20 ms."""
    if hashlib.sha256(enclosure.content).hexdigest() != enclosure.digest:
        raise EnclosureChanged(name=enclosure.name)
    name = _short(clean("enclosure name", enclosure.name))
    head = (
        f"Content-Type: application/pdf\r\nContent-Disposition: attachment;\r\n {_file_name(name)}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return EncodedEnclosure(
        name=name, digest=enclosure.digest, part=head.encode("ascii") + base64_lines(enclosure.content)
    )


def opening(date: datetime) -> bytes:
    """The Date field, in UTC. date: aware."""
    return f"Date: {email.utils.format_datetime(date.astimezone(UTC))}\r\n".encode("ascii")


def assemble(rendered_content: bytes, enclosures: Sequence[EncodedEnclosure], opening: bytes) -> bytes:
    """The mail as it is sent. opening: see there. Raises EnclosuresDiffer unless `enclosures` are the approved
    ones in their order."""
    # A mail whose first Content-Type is that of a plain text promises no enclosures. To see that costs half of what
    # the header's end and an expression do, which is what most letters are spared here.
    first_type = rendered_content.find(_CONTENT_TYPE) + len(_CONTENT_TYPE)
    if not enclosures and rendered_content.startswith(b"text/plain;", first_type):
        return opening + rendered_content
    head = rendered_content[: rendered_content.index(b"\r\n\r\n")]
    found = _BOUNDARY.search(head)
    if found is None and not enclosures:
        return opening + rendered_content
    boundary = found[1] if found else b""
    message_id = _message_id(head)
    if boundary.decode("ascii") != _boundary(message_id, tuple(e.digest for e in enclosures)):
        raise EnclosuresDiffer(message_id=message_id)
    pieces = [opening, rendered_content]
    for enclosure in enclosures:
        pieces += (b"--", boundary, b"\r\n", enclosure.part, b"\r\n")
    pieces += (b"--", boundary, b"--\r\n")
    return b"".join(pieces)


def approved_part(sent_message: bytes) -> bytes:
    """What of a mail, as sent or as received with trace fields above it, was approved: the bytes between the
    Date line and the first enclosure. Its SHA-256 is the approved digest."""
    head_end = sent_message.find(b"\r\n\r\n")
    date_line = _DATE_LINE.search(sent_message, 0, head_end + 2)
    if head_end < 0 or date_line is None:
        raise NotOurMail(why="there is no header with a Date")
    approved = sent_message[date_line.end() :]
    head_end = approved.index(b"\r\n\r\n")
    boundary = _BOUNDARY.search(approved, 0, head_end)
    if boundary is None:
        return approved
    delimiter = b"\r\n--" + boundary[1]
    first_part = approved.find(delimiter, head_end) + len(delimiter)
    enclosures = approved.find(delimiter, first_part)
    if enclosures < 0:
        raise NotOurMail(why="its enclosures are missing")
    return approved[: enclosures + 2]


def _letter_text(content: LetterContent, signature_lines: tuple[str, ...]) -> str:
    addressee = clean("addressee", content.campaign.sample(content.language).addressee)
    text = content.text.strip("\r\n")
    # Who starts from a text that has the line already does not get it twice.
    opening = () if not addressee or text.startswith(addressee) else (addressee,)
    closing = "\n".join(clean("signature", line) for line in signature_lines)
    campaign = clean("campaign name", content.campaign.name)
    reference = clean("reference", content.reference)
    return "\n\n".join((*opening, text, closing, f"{campaign}\n{reference}\n"))


def _boundary(message_id: str, digests: tuple[str, ...]) -> str:
    return "=_" + hashlib.sha256("\n".join((message_id, *digests)).encode()).hexdigest()[:40]


def _message_id(head: bytes) -> str:
    found = _MESSAGE_ID.search(head)
    if found is None:
        raise NotOurMail(why="there is no Message-ID")
    return found[1].decode("ascii")


def _short(name: str) -> str:
    path = PurePath(name)
    suffix = path.suffix if len(path.suffix) < _LONGEST_NAME // 2 else ""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - len(suffix)] + suffix


def _file_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9 ._()-]+", name):
        return f'filename="{name}"'
    return f"filename*={email.utils.encode_rfc2231(name, 'utf-8')}"
