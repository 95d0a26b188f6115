"""What PDFium does here: pages as 1-bit pictures for a fax and as grey ones to look at, and binding.

Scale (ITU-T T.4): 1728 picture elements are 215 mm, 8.031 a millimetre; fine resolution has 7.7 lines a
millimetre, standard half of them. Pages are set at true scale and centred, so A4 is 1686 wide in 1728 x 2287; US
Letter is a little wider than a line and is fitted to it.
"""

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, floor

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageFilter

from dispatcher.domain.campaign import FaxResolution
from dispatcher.domain.errors import DispatcherError

WIDTH = 1728
PIXELS_PER_MM = 8.031
LINES_PER_MM = {FaxResolution.FINE: 7.7, FaxResolution.STANDARD: 3.85}
PREVIEW_WIDTH = 864
# Lighter than this is white. Chosen by eye on letters in nine languages: at 160 the thin strokes of small
# print in quiet ink break, at 195 dense Chinese characters begin to clog. Standard resolution thins level strokes.
THRESHOLD = {FaxResolution.FINE: 180, FaxResolution.STANDARD: 205}

_MM_PER_POINT = 25.4 / 72
# Longer than any paper; machines that cut sheets print such a page on two.
_LONGEST_MM = 600.0
# Areas between these are pictures and are dithered: a threshold would make a black bar of a grey logo. Darker is
# ink, and lighter is a ground, which dots would only make harder to read.
_DARKEST, _LIGHTEST = 100, 210
# An area is grey where squares of this side are wholly so. The soft edges of letters are much narrower.
_SQUARE = 8
# A picture with some grey in it is dithered whole, also where it is dark, unless it is most of the page: that is a
# scan, whose letters are to stay letters.
_MOST_OF_A_PAGE = 0.5
# Of 255: a square with a speck of ink in it is still grey.
_WHOLLY = 250

# PDFium keeps global state: one thread at a time, whatever the document.
_lock = threading.Lock()


class UnreadablePdf(DispatcherError):
    """This PDF cannot be used: {why}."""


@contextmanager
def _opened(pdf: bytes) -> Iterator[pypdfium2.PdfDocument]:
    with _lock:
        try:
            document = pypdfium2.PdfDocument(pdf)
        except pypdfium2.PdfiumError as error:
            raise UnreadablePdf(why=_why(error)) from None
        try:
            if not len(document):
                raise UnreadablePdf(why="it has no pages")
            yield document
        except pypdfium2.PdfiumError:  # a page of it
            raise UnreadablePdf(why="one of its pages is damaged") from None
        finally:
            document.close()


def _why(error: pypdfium2.PdfiumError) -> str:
    if error.err_code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
        return "it is encrypted; save it without a password"
    return "it is damaged or not a PDF"


def page_count(pdf: bytes) -> int:
    """Raises UnreadablePdf."""
    with _opened(pdf) as document:
        return len(document)


def fax_rasters(pdf: bytes, resolution: FaxResolution = FaxResolution.FINE) -> list[Image.Image]:
    """Mode "1", 1728 wide, 255 is white. Raises UnreadablePdf."""
    with _opened(pdf) as document:
        return [_raster(document[index], resolution) for index in range(len(document))]


def grey_pictures(pdf: bytes) -> list[bytes]:
    """A PNG a page, in shades of grey, to be looked at. Raises UnreadablePdf."""
    with _opened(pdf) as document:
        images = [
            document[index].render(scale=PREVIEW_WIDTH / document[index].get_width(), grayscale=True).to_pil()
            for index in range(len(document))
        ]
    return [png(image) for image in images]


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=1)  # made to be looked at, not kept: 8 ms instead of 16
    return stream.getvalue()


def bind(documents: Sequence[bytes]) -> tuple[bytes, int]:
    """One PDF of several, and its number of pages."""
    with _lock:
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


def _raster(page: pypdfium2.PdfPage, resolution: FaxResolution) -> Image.Image:
    """PDFium scales both directions by itself, so no second scaling blurs the strokes."""
    wide, high = (points * _MM_PER_POINT for points in page.get_size())
    fit = min(1.0, WIDTH / (wide * PIXELS_PER_MM), _LONGEST_MM / high)
    width = max(1, round(wide * PIXELS_PER_MM * fit))
    height = max(1, round(high * LINES_PER_MM[resolution] * fit))
    left = (WIDTH - width) // 2
    bitmap = pypdfium2.PdfBitmap.new_native(WIDTH, height, pdfium.FPDFBitmap_Gray)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, WIDTH, height)
    flags = pdfium.FPDF_ANNOT | pdfium.FPDF_GRAYSCALE
    pdfium.FPDF_RenderPageBitmap(bitmap, page, left, 0, width, height, 0, flags)
    grey: Image.Image = bitmap.to_pil()
    threshold = THRESHOLD[resolution]
    result = grey.point(lambda value: 255 if value >= threshold else 0, mode="1")
    if (squares := _grey_squares(grey)) is not None:
        for box in _pictures(page, (left, width, height)):
            if squares.crop(box).getbbox() is not None:
                squares.paste(255, box)
        _dither(grey, squares, result)
    return result


def _pictures(page: pypdfium2.PdfPage, place: tuple[int, int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of the page's pictures, in squares. place: left edge, width and height of the page, in picture elements."""
    left, width, height = place
    points_wide, points_high = page.get_size()
    for each in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE]):
        x0, y0, x1, y1 = each.get_bounds()
        if (x1 - x0) * (y1 - y0) > _MOST_OF_A_PAGE * points_wide * points_high:
            continue
        across, down = width / points_wide, height / points_high
        box = (left + x0 * across, (points_high - y1) * down, left + x1 * across, (points_high - y0) * down)
        x0, y0, x1, y1 = (max(0, each) / _SQUARE for each in box)
        yield floor(x0), floor(y0), ceil(x1), ceil(y1)


def _grey_squares(grey: Image.Image) -> Image.Image | None:
    """One pixel for each square of 8 x 8, white where it is wholly grey; None where none is."""
    mid = grey.point(lambda value: 255 if _DARKEST <= value < _LIGHTEST else 0)
    squares = mid.reduce(_SQUARE).point(lambda value: 255 if value >= _WHOLLY else 0)
    if squares.getbbox() is None:
        return None
    # One square around, and small gaps closed.
    return squares.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.MinFilter(3))


def _dither(grey: Image.Image, squares: Image.Image, result: Image.Image) -> None:
    """Dots of black and white (Floyd and Steinberg's) in these squares of the result."""
    left, top, right, bottom = (each * _SQUARE for each in squares.getbbox() or (0, 0, 0, 0))
    box = (left, top, min(right, grey.width), min(bottom, grey.height))
    mask = squares.resize((squares.width * _SQUARE, squares.height * _SQUARE), Image.Resampling.NEAREST)
    result.paste(grey.crop(box).convert("1"), box, mask.crop(box).convert("1"))
