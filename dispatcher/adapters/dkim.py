"""Mails signed as they leave (DKIM, RFC 6376), relaxed/relaxed, the signature as their first header field.

The signature covers the whole body, enclosures and all, and the fields that `_ONCE` and `_MORE` name. Each of `_ONCE`
is listed once more than it occurs, so that nobody can add one on the way ("oversigned", RFC 6376 8.15). Trace fields
and Bcc are never listed.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from dispatcher.adapters.dkim_key import DkimKey
from dispatcher.domain.alignment import is_aligned
from dispatcher.domain.campaign import Enclosure
from dispatcher.services.clock import Clock
from dispatcher.services.stationery import EncodedEnclosure, LetterContent, MailWriter, Rendered

# Of these a mail has at most one (RFC 5322 3.6, RFC 2045), and readers act on them.
_ONCE = (
    b"from", b"to", b"cc", b"subject", b"date", b"reply-to", b"message-id",
    b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
_MORE = frozenset((b"content-language", b"auto-submitted", b"in-reply-to", b"references"))
_LISTS = b"list-"
# Characters of a folded line of ours, the blank before them not counted (RFC 5322 2.1.1: at most 78).
_LINE = 72


class Signature:
    """domain, selector: where the key is published: SELECTOR._domainkey.DOMAIN."""

    def __init__(self, key: DkimKey, *, domain: str, selector: str) -> None:
        self._key = key
        self.domain = domain
        start = f"v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n d={domain}; s={selector}; t="
        self._start = start.encode("ascii")

    def of(self, message: bytes, at: datetime) -> bytes:
        """The header field to put before the message, with its CRLF; b"" for a mail from another domain. message:
        exactly as it leaves, before dot-stuffing, each line with its CRLF. at: aware."""
        head_end = message.index(b"\r\n\r\n")
        names, fields = _relaxed_fields(message[:head_end])
        if not is_aligned(_from_domain(names, fields), self.domain):
            return b""
        listed, order = _plan(names)
        body_hash = base64.b64encode(_body_digest(message[head_end + 4 :]))
        value = b"%b%d;\r\n bh=%b;\r\n h=%b;\r\n b=" % (self._start, at.timestamp(), body_hash, listed)
        signed = [fields[place] for place in order]
        signed.append(b"dkim-signature:" + value.replace(b"\r\n ", b" "))
        signature = base64.b64encode(self._key.sign(b"\r\n".join(signed)))
        lines = [signature[start : start + _LINE] for start in range(0, len(signature), _LINE)]
        return b"DKIM-Signature: " + value + b"\r\n ".join(lines) + b"\r\n"


class SignedMail:
    """The MailWriter of mails that leave: what `mail` writes, with the signature on top."""

    def __init__(self, mail: MailWriter, signature: Signature, clock: Clock) -> None:
        self._mail = mail
        self._signature = signature
        self._clock = clock

    def render_email(self, content: LetterContent, *, recipient: str) -> Rendered:
        return self._mail.render_email(content, recipient=recipient)

    def encode_enclosure(self, enclosure: Enclosure) -> EncodedEnclosure:
        return self._mail.encode_enclosure(enclosure)

    def opening(self, date: datetime) -> bytes:
        return self._mail.opening(date)

    def assemble(
        self, rendered_content: bytes, enclosures: Sequence[EncodedEnclosure], opening: bytes
    ) -> bytes:
        message = self._mail.assemble(rendered_content, enclosures, opening)
        return self._signature.of(message, self._clock.now()) + message


def _relaxed_fields(head: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """(names, whole fields) as RFC 6376 3.4.2 wants them: names small, unfolded, no blank too many."""
    head = _single_blanks(head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" "))
    names, fields = [], []
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        names.append(name)
        fields.append(name + b":" + value.strip(b" "))
    return tuple(names), fields


def _from_domain(names: tuple[bytes, ...], fields: list[bytes]) -> str:
    """Of a From as `mail_fields` writes it: the address comes last."""
    field = fields[names.index(b"from")]
    return field.rpartition(b"@")[2].rstrip(b">").decode("ascii", "replace")


@lru_cache(maxsize=64)  # our letters and notices differ little in their fields
def _plan(names: tuple[bytes, ...]) -> tuple[bytes, tuple[int, ...]]:
    """(the tag "h=", folded; the places of the fields in the order in which they are signed). Of fields with one
    name the last comes first (RFC 6376 5.4.2)."""
    others = [name for name in dict.fromkeys(names) if name in _MORE or name.startswith(_LISTS)]
    listed: list[bytes] = []
    order: list[int] = []
    for name in (*_ONCE, *others):
        places = [place for place, each in enumerate(names) if each == name]
        order += reversed(places)
        listed += [name] * (len(places) + (name in _ONCE))
    lines = [listed[0]]
    for name in listed[1:]:
        if len(lines[-1]) + len(name) < _LINE - 2:
            lines[-1] += b":" + name
        else:
            lines[-1] += b":"
            lines.append(name)
    return b"\r\n ".join(lines), tuple(order)


def _body_digest(body: bytes) -> bytes:
    """SHA-256 of the body as RFC 6376 3.4.4 wants it: no blanks at the ends of lines, single ones within, no empty
    lines at the end. A body of base64 is copied nowhere: this is also done for megabytes."""
    body = _single_blanks(body).replace(b" \r\n", b"\r\n")
    end = len(body)
    while body.endswith(b"\r\n\r\n", 0, end):
        end -= 2
    if end == len(b"\r\n") and body.startswith(b"\r\n"):
        end = 0
    return hashlib.sha256(memoryview(body)[:end]).digest()


def _single_blanks(text: bytes) -> bytes:
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text
