"""The pages of a fax: made from a PDF before the day, and given their header line when they are sent.

What is approved is the pages without the line, whose time nobody knows before; that line is to a fax what `Date:`
is to a mail. Outside of it a page that is sent has the very pixels that were approved.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from dispatcher.adapters.fax_header import draw_header
from dispatcher.adapters.fax_tiff import DPI, Coding, fax_frames, fax_tiff
from dispatcher.adapters.pdf_pages import LINES_PER_MM, PIXELS_PER_MM, PREVIEW_WIDTH, WIDTH, fax_rasters, png
from dispatcher.domain.campaign import FaxResolution
from dispatcher.services.stationery import FaxLine

# A page takes half a minute on the line: a longer fax keeps a mission's machine from everybody else.
MOST_PAGES = 30


@dataclass(frozen=True, kw_only=True)
class FaxDocument:
    """tiff: all pages, white is zero."""

    tiff: bytes = field(repr=False)
    pages: int

    @property
    def previews(self) -> tuple[bytes, ...]:
        """A PNG a page, upright and at true proportions."""
        return tuple(fax_pictures(self.tiff))


def fax_of(pdf: bytes, resolution: FaxResolution = FaxResolution.FINE) -> FaxDocument:
    """The pages to approve, without header line, as Group 4. Raises UnreadablePdf."""
    pages = fax_rasters(pdf, resolution)
    return FaxDocument(tiff=fax_tiff(pages, resolution), pages=len(pages))


def fax_document(
    approved: bytes, *, header: FaxLine, enclosures: Sequence[bytes] = (), coding: Coding = Coding.GROUP_4
) -> FaxDocument:
    """What is sent: the approved pages of the letter and its enclosures (TIFFs of `fax_of`), each with its header
    line, numbered through."""
    pages, resolution = fax_frames(approved)
    for enclosure in enclosures:
        pages += fax_frames(enclosure)[0]
    for number, page in enumerate(pages, start=1):
        draw_header(page, header, number, len(pages), resolution)
    return FaxDocument(tiff=fax_tiff(pages, resolution, coding), pages=len(pages))


def fax_pdf(tiff: bytes) -> bytes:
    """The pages of a fax as a PDF with the same dots (Group 4), for carriers that take only that."""
    pages, resolution = fax_frames(tiff)
    stream = io.BytesIO()
    pages[0].save(stream, "PDF", save_all=True, append_images=pages[1:], dpi=DPI[resolution])
    return stream.getvalue()


def fax_pictures(tiff: bytes) -> list[bytes]:
    """The pages as the far machine prints them, at half their width, with the square pixels that screens have."""
    pages, resolution = fax_frames(tiff)
    return [_picture(page, LINES_PER_MM[resolution]) for page in pages]


def _picture(page: Image.Image, lines_per_mm: float) -> bytes:
    height = round(page.height * PIXELS_PER_MM / lines_per_mm * PREVIEW_WIDTH / WIDTH)
    return png(page.convert("L").resize((PREVIEW_WIDTH, height), Image.Resampling.BOX))
