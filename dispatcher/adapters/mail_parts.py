"""The parts, fields and words of a mail that a stranger sent: whatever it holds, nothing here raises.

The lenient old parser of the email package is used: the strict one raises on headers that real servers write.
"""

import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import Message
from html.parser import HTMLParser
from itertools import islice

LONGEST_TEXT = 100_000  # characters of a mail's words that are looked at
LONGEST_FIELD = 4_000
# A parser that goes a level deeper for each nested part would run out of stack on a mail made to do that.
_DEEPEST = 20
_MOST_PARTS = 200
_BLANKS = re.compile(r"\s+")


def parts(mail: Message, depth: int = 0) -> Iterator[Message]:
    """The parts, outermost first; what is nested deeper or comes later than anybody would read is left out."""
    waiting = [(mail, depth)]
    count = 0
    while waiting and count < _MOST_PARTS:
        part, depth = waiting.pop(0)
        count += 1
        yield part
        payload = part.get_payload()
        if isinstance(payload, list) and depth < _DEEPEST:
            waiting[:0] = [(each, depth + 1) for each in payload if isinstance(each, Message)]


def field(mail: Message, name: str) -> str:
    """All fields of this name, joined; bytes outside ASCII as they may be meant."""
    folded = name.casefold()
    # The raw items, for get_all has already thrown away what is not ASCII.
    values = (str(value) for key, value in mail.raw_items() if key.casefold() == folded)
    return ", ".join(_plain(value) for value in islice(values, 20))[:LONGEST_FIELD]


def _plain(value: str) -> str:
    raw = value.encode("utf-8", "surrogateescape")
    for charset in ("utf-8", "gb18030"):
        try:
            return " ".join(raw.decode(charset).split())
        except UnicodeDecodeError:
            continue
    return " ".join(raw.decode("latin-1").split())


def decoded(value: str) -> str:
    """RFC 2047 words become text."""
    try:
        pieces = decode_header(value)
    except Exception:  # a broken encoded word
        return value
    return "".join(
        piece if isinstance(piece, str) else _as_text(piece, charset or "ascii") for piece, charset in pieces
    )


def _as_text(raw: bytes, charset: str) -> str:
    # What Chinese mail servers call gb2312 is nearly always its larger successor.
    charset = "gb18030" if charset.casefold() in {"gb2312", "gbk"} else charset
    for each in (charset, "utf-8", "gb18030"):
        try:
            return raw.decode(each)
        except (LookupError, UnicodeDecodeError):
            continue
    return raw.decode("latin-1")


def text(all_parts: list[Message]) -> str:
    """The first plain text of the mail itself; its HTML as text where there is no other."""
    inside: set[int] = set()
    plain, html = "", ""
    for part in all_parts:
        if part.get_content_maintype() == "message":  # the returned letter's words are not the sender's
            inside.update(id(each) for each in parts(part))
        if id(part) in inside or part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain" and not plain:
            plain = content(part)
        elif kind == "text/html" and not html:
            html = _without_tags(content(part))
    return (plain if plain.strip() else html)[:LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n")


def content(part: Message) -> str:
    """The decoded text of a leaf."""
    try:
        raw = part.get_payload(decode=True)
    except Exception:  # a broken transfer encoding
        raw = None
    return (
        _as_text(raw[: 4 * LONGEST_TEXT], part.get_content_charset() or "utf-8")
        if isinstance(raw, bytes)
        else ""
    )


class _Words(HTMLParser):
    """Text of an HTML mail: blocks become lines, scripts and styles nothing."""

    _BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "blockquote", "hr"})
    _SILENT = frozenset({"script", "style", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0
        self._quoted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._silent += 1
        if tag == "blockquote":
            self._quoted += 1
        if tag in self._BLOCKS:
            self._new_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        if tag == "blockquote":
            self._quoted = max(0, self._quoted - 1)
        if tag in self._BLOCKS:
            self._new_line()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(_BLANKS.sub(" ", data))

    def _new_line(self) -> None:
        self.pieces.append("\n> " if self._quoted else "\n")


def _without_tags(html: str) -> str:
    words = _Words()
    try:
        words.feed(html)
        words.close()
    except Exception:  # what was read until then must do
        words.pieces.append("")
    lines = (line.strip() for line in "".join(words.pieces).splitlines())
    return "\n".join(line for line in lines if line and line != ">")
