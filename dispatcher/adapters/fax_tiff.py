"""1-bit pages as TIFF Class F (RFC 2306), and back: one strip a page, white is zero."""

import io
import struct
from collections.abc import Iterator, Sequence
from enum import Enum

from PIL import Image, ImageChops, ImageSequence

from dispatcher.adapters.pdf_pages import WIDTH
from dispatcher.domain.campaign import FaxResolution
from dispatcher.domain.errors import DispatcherError


class Coding(Enum):
    """What carriers and modems take. Group 4 (T.6) is the smallest. The two of Group 3 (T.4) are for a modem
    without error correction: one bad line costs that line, or a few, instead of the rest of the page."""

    GROUP_4 = ("group4", 0)
    GROUP_3 = ("group3", 0)
    GROUP_3_TWO_DIMENSIONAL = ("group3", 1)


class NotFaxPages(DispatcherError):
    """These bytes are not the pages of a fax: {why}. This is a fault in the program: please report it."""


DPI = {FaxResolution.FINE: (204, 196), FaxResolution.STANDARD: (204, 98)}

_COMPRESSION = {"group4": 4, "group3": 3}
_PHOTOMETRIC = 262
_ROWS_PER_STRIP = 278
_T4_OPTIONS = 292
_PAGE_NUMBER = 297
_WHITE_IS_ZERO = 0


def fax_tiff(
    pages: Sequence[Image.Image], resolution: FaxResolution, coding: Coding = Coding.GROUP_4
) -> bytes:
    """pages: mode "1", 255 is white.

    Pillow writes black-is-zero, which codes a page as its negative (larger), and inverts pixel by pixel in Python
    when asked for the other (0.4 s a page). So the pages are inverted here and the tag is set in the bytes."""
    inverted = [ImageChops.invert(page) for page in pages]
    compression, two_dimensional = coding.value
    tags = {_ROWS_PER_STRIP: max(page.height for page in pages), _PAGE_NUMBER: (0, 0)}
    if compression == "group3":
        tags[_T4_OPTIONS] = two_dimensional
    stream = io.BytesIO()
    inverted[0].save(
        stream,
        "TIFF",
        save_all=True,
        append_images=inverted[1:],
        compression=compression,
        dpi=DPI[resolution],
        tiffinfo=tags,
    )
    tiff = bytearray(stream.getvalue())
    for number, directory in enumerate(_directories(tiff)):
        _set_shorts(tiff, directory, _PHOTOMETRIC, _WHITE_IS_ZERO)
        _set_shorts(tiff, directory, _PAGE_NUMBER, number, len(pages))
    return bytes(tiff)


def fax_frames(tiff: bytes) -> tuple[list[Image.Image], FaxResolution]:
    """The pages as they were given to `fax_tiff`. Raises NotFaxPages."""
    try:
        with Image.open(io.BytesIO(tiff), formats=["TIFF"]) as image:
            lines = image.info.get("dpi", (0, 0))[1]
            pages = [page.copy() for page in ImageSequence.Iterator(image)]
    except (OSError, SyntaxError) as error:
        raise NotFaxPages(why=type(error).__name__) from None
    if any(page.mode != "1" or page.width != WIDTH for page in pages):
        raise NotFaxPages(why=f"they are not black and white and {WIDTH} wide")
    return pages, FaxResolution.STANDARD if round(lines) == DPI[FaxResolution.STANDARD][
        1
    ] else FaxResolution.FINE


def _directories(tiff: bytearray) -> Iterator[int]:
    """Offsets of the image directories (TIFF 6.0, section 2); Pillow writes little-endian ones here."""
    if tiff[:4] != b"II*\0":
        raise NotFaxPages(why="they are not in the expected byte order")
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
    raise NotFaxPages(why=f"tag {tag} is missing")
