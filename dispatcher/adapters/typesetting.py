"""A letter as PDF, set by typst from templates/letters/letter.typ.

Nothing that anybody typed is ever typst source: the template reads all of it, and the logo, as JSON data, and no
file but the template itself can be read. Only the fonts that come with the packages are used, never the machine's
own, and the time stamp is fixed, so the same letter gives the same bytes everywhere. PDF/A-2u is asked for
because it fails on a character without a glyph instead of printing a box in its place.
"""

import json
import re
import threading
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import typst

from dispatcher.adapters.letterhead_logo import logo_svg
from dispatcher.adapters.missing_glyphs import cannot_typeset, missing, unprintable
from dispatcher.adapters.telephone_numbers import readable_number
from dispatcher.domain.errors import DispatcherError
from dispatcher.services.stationery import LetterContent, LogoUnusable, StationeryUnusable, signature
from dispatcher.shelf import resource

FONT_PACKAGES = ("pylopdf_fonts_ko", "pylopdf_fonts_jp", "pylopdf_fonts_zh_cn")
# Where US Letter is the usual paper (CLDR, measurementData, paperSize US-Letter).
US_LETTER_COUNTRIES = frozenset(
    ("BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE")
)
# A word without any place to break it, such as a web address, would run over the margin of 160 mm.
LONGEST_WORD = 40
# A last paragraph of up to this many characters is kept on one page with the signature; a longer one might
# not fit on any page together with it.
KEPT_TOGETHER = 900

# PDF/A wants a date. The day of printing would make other bytes every day; 1 January 2000 says nothing wrong.
_TIMESTAMP = 946_684_800
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_ZERO_WIDTH_SPACE = "\u200b"
# Scripts from U+2E80 on (CJK, Hangul) break between any two characters by themselves.
_LONG_WORD = re.compile(rf"[^\s\u2e80-\uffff]{{{LONGEST_WORD},}}")
# Bidirectional classes of letters written right to left (UAX #9).
_RIGHT_TO_LEFT = frozenset({"R", "AL"})

# The data of letter.typ.
Page = dict[str, Any]


class TypesettingFailed(StationeryUnusable):
    """The letter template could not be set: {why}. See templates/letters/letter.typ."""


class TypstTypesetter:
    """Loads the fonts once (about 0.1 s); afterwards a page takes a few milliseconds. Safe to share by
    threads, which then wait for each other: one process sets one letter at a time."""

    def __init__(self) -> None:
        template = resource("templates", "letters", "letter.typ")
        fonts = typst.Fonts(
            include_system_fonts=False,
            include_embedded_fonts=True,
            font_paths=[str(files(package)) for package in FONT_PACKAGES],
        )
        self._compiler = typst.Compiler(str(template), root=str(template.parent), font_paths=fonts)
        self._lock = threading.Lock()

    def set(self, page: Page) -> tuple[bytes, int]:
        """A PDF and its number of pages. Raises CannotTypeset, naming the characters that no font here has, and
        StationeryUnusable."""
        data = json.dumps(page)
        with self._lock:
            try:
                pdf = self._compiler.compile(
                    format="pdf", sys_inputs={"letter": data}, pdf_standards="a-2u", timestamp=_TIMESTAMP
                )
                pages = int(self._compiler.query("<pages>", field="value", one=True))
            except typst.TypstError as error:
                raise _failure(error) from None  # its text quotes the letter
        if not isinstance(pdf, bytes):
            raise TypesettingFailed(why="typst gave no PDF")
        return pdf, pages


def page_of(content: LetterContent, day_line: str) -> Page:
    """What a letter's page shows. day_line: the letter's date, written out in its language. Raises CannotTypeset
    and LogoUnusable."""
    campaign = content.campaign
    letterhead = campaign.letterhead
    mission = content.mission
    paragraphs = _paragraphs(content.text)
    telephone = readable_number(letterhead.telephone)
    contact = "  ·  ".join(part for part in (telephone, letterhead.email) if part)
    page = {
        "language": content.language,
        "paper": "us-letter" if mission.country in US_LETTER_COUNTRIES else "a4",
        "letterhead": letterhead.name,
        "letterhead_lines": [line for line in (*letterhead.lines, contact) if line],
        "postmark": f"{content.action_day.day} {_ROMAN[content.action_day.month - 1]}",
        "addressee": [*campaign.addressee, mission.name, f"{mission.city}, {mission.country_name}"],
        "day": day_line,
        "subject": _directed([_breakable(_one_line(content.subject))]),
        "paragraphs": [_directed(lines) for lines in paragraphs],
        "last_is_long": sum(map(len, paragraphs[-1])) > KEPT_TOGETHER,
        "signature": _directed([_breakable(_one_line(line)) for line in signature(content).lines]),
        "enclosures": [enclosure.name for enclosure in campaign.enclosures],
        "reference": content.reference,
    }
    if characters := unprintable(_texts(page)):
        raise cannot_typeset(characters)
    return page | {"logo": logo_svg(letterhead.logo) if letterhead.logo is not None else None}


def _directed(lines: list[str]) -> dict[str, object]:
    """A paragraph runs in the direction of its first letter (UAX #9, P2 and P3)."""
    for character in "".join(lines):
        kind = unicodedata.bidirectional(character)
        if kind == "L" or kind in _RIGHT_TO_LEFT:
            return {"lines": lines, "rtl": kind in _RIGHT_TO_LEFT}
    return {"lines": lines, "rtl": False}


def _paragraphs(text: str) -> list[list[str]]:
    """Paragraphs (parted by empty lines) of lines; at least one."""
    text = _plain(text.replace("\r\n", "\n").replace("\r", "\n"))
    paragraphs = [
        [_breakable(line.strip(" ")) for line in paragraph.split("\n") if line.strip(" ")]
        for paragraph in re.split(r"\n[ \n]*\n", text)
    ]
    return [lines for lines in paragraphs if lines] or [[""]]


def _one_line(text: str) -> str:
    return _plain(text).strip()


def _plain(text: str) -> str:
    """U+FEFF comes along with pasted text, means nothing and is not allowed in PDF/A."""
    return unicodedata.normalize("NFC", text).replace("\t", " ").replace("\ufeff", "")


def _breakable(text: str) -> str:
    """Zero-width spaces let a very long word go on in the next line; they print as nothing."""
    return _LONG_WORD.sub(
        lambda word: _ZERO_WIDTH_SPACE.join(
            word[0][start : start + LONGEST_WORD] for start in range(0, len(word[0]), LONGEST_WORD)
        ),
        text,
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _failure(error: typst.TypstError) -> DispatcherError:
    if characters := missing(error.diagnostic):
        return cannot_typeset(characters)
    # The only picture on the page is the logo.
    if "image" in error.message.casefold() or "svg" in error.message.casefold():
        links = "linked image" in error.message
        return LogoUnusable(why="it links to another picture; put that into it" if links else "it is damaged")
    return TypesettingFailed(why=error.message)
