"""A PDF as fax pages: 1-bit, 1728 wide, fine resolution, as one Group 4 TIFF and as pictures to look at.

Scale (ITU-T T.4): 1728 picture elements are 215 mm, 8.031 a millimetre, and fine resolution has 7.7 lines a
millimetre. Pages are set at true scale and centred, so A4 is 1686 wide in 1728 x 2287; US Letter is a little
wider than a line and is fitted to it. Text survives best with a plain threshold; dithering
makes a page take 40 % longer on the line.
"""

import io
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib.resources import files

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageSequence

from dispatcher.domain.errors import DispatcherError

WIDTH = 1728
PIXELS_PER_MM = 8.031
LINES_PER_MM = 7.7
DPI = (204, 196)
# Lighter than this is white. Chosen by eye on letters in nine languages: at 160 the thin strokes of small
# print in quiet ink break, at 195 dense Chinese characters begin to clog.
THRESHOLD = 180
# More pages than any carrier takes (Telnyx: 350), and more than anybody would want to receive.
MOST_PAGES = 60

_MM_PER_POINT = 25.4 / 72
# The header line stands within the top 3 to 8 mm, which the letter leaves empty and machines can print.
_HEADER_TOP = round(3 * LINES_PER_MM)
_HEADER_HEIGHT = round(5 * LINES_PER_MM)
_HEADER_SIDE = round(6 * PIXELS_PER_MM)
_HEADER_SIZE = 26
_PREVIEW_WIDTH = 864

_PHOTOMETRIC = 262
_ROWS_PER_STRIP = 278
_PAGE_NUMBER = 297
_WHITE_IS_ZERO = 0

# PDFium keeps global state: one thread at a time, whatever the document.
_pdfium_lock = threading.Lock()


class NoFaxPages(DispatcherError):
    """This document cannot be faxed: {why}."""


@dataclass(frozen=True, kw_only=True)
class FaxHeader:
    """What 47 CFR 68.318(d) asks for on a page. sent_at: in the sender's zone. number: as people read it."""

    sent_at: datetime
    sender: str
    number: str


@dataclass(frozen=True, kw_only=True)
class FaxDocument:
    """tiff: all pages, Group 4, white is zero."""

    tiff: bytes = field(repr=False)
    pages: int

    @property
    def previews(self) -> tuple[bytes, ...]:
        """A PNG a page, upright and at true proportions."""
        return tuple(fax_pictures(self.tiff))


def fax_document(pdf: bytes, *, header: FaxHeader, enclosures: Sequence[bytes] = ()) -> FaxDocument:
    """The letter and its enclosures (PDFs) as one fax, its pages numbered through."""
    pages = [page for document in (pdf, *enclosures) for page in fax_pages(document)]
    if not 0 < len(pages) <= MOST_PAGES:
        raise NoFaxPages(why=f"it has {len(pages)} pages; a fax may have 1 to {MOST_PAGES}")
    for number, page in enumerate(pages, start=1):
        _draw_header(page, header, f"Page {number} of {len(pages)}")
    return FaxDocument(tiff=_tiff(pages), pages=len(pages))


def fax_pages(pdf: bytes) -> list[Image.Image]:
    """Mode "1", 1728 wide, 255 is white, without header line."""
    with _pdfium_lock:
        try:
            document = pypdfium2.PdfDocument(pdf)
        except pypdfium2.PdfiumError as error:
            raise NoFaxPages(why="it is not a PDF that can be read") from error
        try:
            return [_raster(document[index]) for index in range(len(document))]
        finally:
            document.close()


def preview_png(page: Image.Image) -> bytes:
    """What the far machine prints, at half its width, with the square pixels that screens have."""
    height = round(page.height * PIXELS_PER_MM / LINES_PER_MM * _PREVIEW_WIDTH / WIDTH)
    return _png(page.convert("L").resize((_PREVIEW_WIDTH, height), Image.Resampling.BOX))


def page_pictures(pdf: bytes) -> list[bytes]:
    """A PNG a page, in shades of grey, to be looked at."""
    with _pdfium_lock:
        document = pypdfium2.PdfDocument(pdf)
        try:
            images = [
                document[index]
                .render(scale=_PREVIEW_WIDTH / document[index].get_width(), grayscale=True)
                .to_pil()
                for index in range(len(document))
            ]
        finally:
            document.close()
    return [_png(image) for image in images]


def fax_pictures(tiff: bytes) -> list[bytes]:
    """The pages of a fax as `preview_png` shows them."""
    with Image.open(io.BytesIO(tiff)) as image:
        return [preview_png(page.copy()) for page in ImageSequence.Iterator(image)]


def bind(documents: Sequence[bytes]) -> tuple[bytes, int]:
    """One PDF of several, and its number of pages."""
    with _pdfium_lock:
        whole = pypdfium2.PdfDocument.new()
        for document in documents:
            part = pypdfium2.PdfDocument(document)
            whole.import_pages(part)
            part.close()
        stream = io.BytesIO()
        whole.save(stream)
        count = len(whole)
        whole.close()
    return stream.getvalue(), count


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)  # made to be looked at, not kept: 8 ms instead of 16
    return stream.getvalue()


def _raster(page: pypdfium2.PdfPage) -> Image.Image:
    """PDFium scales both directions by itself, so no second scaling blurs the strokes."""
    points_wide, points_high = page.get_size()
    width = points_wide * _MM_PER_POINT * PIXELS_PER_MM
    fit = min(1.0, WIDTH / width)
    width = round(width * fit)
    height = round(points_high * _MM_PER_POINT * LINES_PER_MM * fit)
    bitmap = pypdfium2.PdfBitmap.new_native(WIDTH, height, pdfium.FPDFBitmap_Gray)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, WIDTH, height)
    flags = pdfium.FPDF_ANNOT | pdfium.FPDF_GRAYSCALE
    pdfium.FPDF_RenderPageBitmap(bitmap, page, (WIDTH - width) // 2, 0, width, height, 0, flags)
    grey: Image.Image = bitmap.to_pil()
    return grey.point(lambda value: 255 if value >= THRESHOLD else 0, mode="1")


def _draw_header(page: Image.Image, header: FaxHeader, page_line: str) -> None:
    """One line over a white band. A long sender is cut; date, number and page never are."""
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, _HEADER_TOP, WIDTH, _HEADER_TOP + _HEADER_HEIGHT), fill=255)
    font = _header_font(header.sender)
    room = WIDTH - 2 * _HEADER_SIDE - draw.textlength(f"   {page_line}", font)
    sent_at = f"{header.sent_at:%Y-%m-%d %H:%M %Z}".strip()
    sender = header.sender
    while sender and draw.textlength(f"{sent_at}   {sender}   {header.number}", font) > room:
        sender = sender.rstrip("…")[:-1].rstrip() + "…" if len(sender) > 1 else ""
    middle = _HEADER_TOP + _HEADER_HEIGHT // 2
    draw.text((_HEADER_SIDE, middle), f"{sent_at}   {sender}   {header.number}", 0, font, anchor="lm")
    draw.text((WIDTH - _HEADER_SIDE, middle), page_line, 0, font, anchor="rm")


def _header_font(text: str) -> ImageFont.FreeTypeFont:
    """Pillow does not look for a glyph in a second font, so the script decides."""
    if any("\uac00" <= character <= "\ud7a3" for character in text):
        return _font("pylopdf_fonts_ko", "NotoSansKR-Regular.otf")
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return _font("pylopdf_fonts_jp", "NotoSansJP-Regular.otf")
    return _font("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf")


@lru_cache(maxsize=3)
def _font(package: str, name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(files(package).joinpath(name)), _HEADER_SIZE)


def _tiff(pages: Sequence[Image.Image]) -> bytes:
    """Pillow writes Group 4 as black-is-zero, which codes a page as its negative (larger), and inverts pixel
    by pixel in Python when asked for the other (0.4 s a page). So the pages are inverted here and the tag is
    set in the bytes."""
    inverted = [ImageChops.invert(page) for page in pages]
    stream = io.BytesIO()
    inverted[0].save(
        stream,
        "TIFF",
        save_all=True,
        append_images=inverted[1:],
        compression="group4",
        dpi=DPI,
        tiffinfo={_ROWS_PER_STRIP: max(page.height for page in pages), _PAGE_NUMBER: (0, 0)},
    )
    tiff = bytearray(stream.getvalue())
    for number, directory in enumerate(_directories(tiff)):
        _set_shorts(tiff, directory, _PHOTOMETRIC, _WHITE_IS_ZERO)
        _set_shorts(tiff, directory, _PAGE_NUMBER, number, len(pages))
    return bytes(tiff)


def _directories(tiff: bytearray) -> Iterator[int]:
    """Offsets of the image directories (TIFF 6.0, section 2); Pillow writes little-endian ones here."""
    if tiff[:4] != b"II*\0":
        raise NoFaxPages(why="its TIFF is not in the expected byte order")
    (offset,) = struct.unpack_from("<I", tiff, 4)
    while offset:
        yield offset
        (entries,) = struct.unpack_from("<H", tiff, offset)
        (offset,) = struct.unpack_from("<I", tiff, offset + 2 + 12 * entries)


def _set_shorts(tiff: bytearray, directory: int, tag: int, *values: int) -> None:
    """Writes one or two shorts into an entry that holds them inline."""
    (entries,) = struct.unpack_from("<H", tiff, directory)
    for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", tiff, entry) == (tag,):
            struct.pack_into(f"<{len(values)}H", tiff, entry + 8, *values)
            return
    raise NoFaxPages(why=f"its TIFF lacks tag {tag}")
