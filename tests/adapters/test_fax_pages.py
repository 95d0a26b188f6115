"""Fax pages: size, header, one TIFF of Group 4, and the picture that people see."""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont
from PIL.TiffImagePlugin import TiffImageFile

from dispatcher.adapters.fax_pages import FaxDocument, fax_document, fax_of, fax_pdf
from dispatcher.adapters.fax_tiff import Coding, NotFaxPages, fax_frames
from dispatcher.adapters.pdf_pages import UnreadablePdf, fax_rasters
from dispatcher.domain.campaign import FaxResolution
from dispatcher.services.stationery import FaxLine

HEADER = FaxLine(
    sent_at=datetime(2026, 9, 24, 9, 5, tzinfo=ZoneInfo("America/New_York")),
    sender="Refugees Day",
    number="+1 202 555 0124",
)
A4 = (210, 297)
US_LETTER = (215.9, 279.4)
# Header band of a fine page: the top 3 to 8 mm.
BAND = (0, 23, 1728, 62)


def pdf(size: tuple[float, float] = A4, *, pages: int = 1, grey: int = 0) -> bytes:
    """Pages at 100 dpi with a square of 20 mm, its corner 50 mm from the left and 100 mm from the top."""
    scale = 100 / 25.4
    sheets = []
    for _ in range(pages):
        sheet = Image.new("L", (round(size[0] * scale), round(size[1] * scale)), 255)
        corner = (round(50 * scale), round(100 * scale))
        ImageDraw.Draw(sheet).rectangle((*corner, *(round(c + 20 * scale) for c in corner)), fill=grey)
        sheets.append(sheet)
    stream = io.BytesIO()
    sheets[0].save(stream, "PDF", resolution=100, save_all=True, append_images=sheets[1:])
    return stream.getvalue()


def sent(
    letter: bytes,
    resolution: FaxResolution = FaxResolution.FINE,
    *,
    header: FaxLine | None = None,
    enclosures: Sequence[bytes] = (),
) -> FaxDocument:
    return fax_document(fax_of(letter, resolution).tiff, header=header or HEADER, enclosures=enclosures)


def black_box(page: Image.Image) -> tuple[int, int, int, int]:
    box = page.convert("L").point(lambda value: 255 - value).getbbox()
    assert box is not None
    return box


def near(box: Sequence[int], expected: Sequence[float]) -> bool:
    return all(abs(a - b) <= 4 for a, b in zip(box, expected, strict=True))


def opened(tiff: bytes) -> TiffImageFile:
    image = Image.open(io.BytesIO(tiff))
    assert isinstance(image, TiffImageFile)
    return image


def frames(tiff: bytes) -> list[Image.Image]:
    with opened(tiff) as image:
        pages = []
        for number in range(image.n_frames):
            image.seek(number)
            pages.append(image.copy())
        return pages


def test_an_a4_page_is_at_true_scale_in_the_middle() -> None:
    (page,) = fax_rasters(pdf(A4))
    assert (page.mode, page.width) == ("1", 1728)
    assert abs(page.height - 2287) <= 2
    left = 21 + 50 * 8.031
    assert near(black_box(page), (left, 770, left + 160.6, 924))


def test_a_us_letter_page_fills_the_line_and_keeps_its_proportions() -> None:
    (page,) = fax_rasters(pdf(US_LETTER))
    assert page.width == 1728
    assert 2140 <= page.height <= 2156
    left, top, right, bottom = black_box(page)
    assert abs((right - left) / 8.031 - (bottom - top) / 7.7) < 0.5


def test_light_grey_grounds_vanish_and_dark_grey_text_stays() -> None:
    (light,) = fax_rasters(pdf(grey=215))
    assert light.getcolors() == [(light.width * light.height, 255)]
    black_box(fax_rasters(pdf(grey=100))[0])


def test_the_tiff_is_group_4_white_is_zero_one_strip_a_page() -> None:
    document = sent(pdf(pages=3))
    assert document.pages == 3
    with opened(document.tiff) as tiff:
        assert tiff.n_frames == 3
        for number in range(3):
            tiff.seek(number)
            tags = tiff.tag_v2
            assert (tags[256], tags[259], tags[262]) == (1728, 4, 0)
            assert tags[278] == tags[257] == tiff.height
            assert (float(tags[282]), float(tags[283])) == (204, 196)
            assert tags[297] == (number, 3)


def test_the_tiff_decodes_to_the_page_that_was_drawn() -> None:
    (page,) = fax_rasters(pdf())
    (frame,) = frames(sent(pdf()).tiff)
    below = (0, 100, 1728, page.height)
    assert frame.crop(below).tobytes() == page.crop(below).tobytes()


def test_the_same_fax_gives_the_same_bytes() -> None:
    assert sent(pdf(pages=2)) == sent(pdf(pages=2))


def test_every_page_has_its_own_header_line_in_the_top_margin() -> None:
    first, second = frames(sent(pdf(pages=2)).tiff)
    for page in (first, second):
        left, top, right, bottom = black_box(page.crop((0, 0, 1728, 400)))
        assert top >= 18, "machines cannot print the very edge"
        assert bottom <= 62
        assert left >= 40
        assert right <= 1728 - 40
    assert first.crop(BAND).tobytes() != second.crop(BAND).tobytes(), "page 1 of 2, page 2 of 2"


def header_picture(**changes: Any) -> bytes:
    (page,) = frames(sent(pdf(), header=replace(HEADER, **changes)).tiff)
    return page.crop(BAND).tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"sent_at": datetime(2026, 9, 24, 9, 6, tzinfo=ZoneInfo("America/New_York"))},
        {"sent_at": datetime(2026, 9, 24, 9, 5, tzinfo=ZoneInfo("Asia/Seoul"))},
        {"sender": "Refugees Day 2"},
        {"number": "+1 202 555 0125"},
    ],
)
def test_time_zone_sender_and_number_are_all_in_the_header(changes: dict[str, object]) -> None:
    assert header_picture() != header_picture(**changes)


@pytest.mark.parametrize("sender", ["Refugees " * 40, "북한인권" * 40, "難民" * 90])
def test_a_long_sender_is_cut_and_the_number_still_shows(sender: str) -> None:
    assert header_picture(sender=sender) != header_picture(sender=sender, number="+1 202 555 0125")
    assert header_picture(sender=sender) == header_picture(sender=sender + "more"), "cut before the end"


def test_enclosures_follow_the_letter_and_are_counted_with_it() -> None:
    document = sent(pdf(), enclosures=[fax_of(pdf(US_LETTER, pages=2)).tiff])
    heights = [page.height for page in frames(document.tiff)]
    assert len(heights) == document.pages == 3
    assert heights[0] > heights[1] == heights[2]


def test_a_preview_is_upright_and_has_the_papers_proportions() -> None:
    (preview,) = sent(pdf()).previews
    with Image.open(io.BytesIO(preview)) as picture:
        assert (picture.format, picture.width) == ("PNG", 864)
        # The strip is 215.2 mm wide, the page 297 mm high.
        assert abs(picture.height / picture.width - 297 / 215.2) < 0.01


@pytest.mark.parametrize("content", [b"", b"hello", b"%PDF-1.7\n" + bytes(range(256)) * 40])
def test_what_is_no_pdf_is_refused_in_plain_words(content: bytes) -> None:
    with pytest.raises(UnreadablePdf, match="damaged or not a PDF"):
        fax_of(content)


def test_what_is_no_fax_is_not_sent_as_one() -> None:
    stream = io.BytesIO()
    Image.new("L", (100, 100)).save(stream, "TIFF")
    for content in (b"II*\0", pdf(), stream.getvalue()):
        with pytest.raises(NotFaxPages):
            fax_document(content, header=HEADER)


def test_outside_of_its_header_line_a_page_is_sent_as_it_was_approved() -> None:
    for resolution in FaxResolution:
        approved = fax_of(pdf(pages=2), resolution)
        before, _ = fax_frames(approved.tiff)
        after, same = fax_frames(fax_document(approved.tiff, header=HEADER).tiff)
        assert same is resolution
        for old, new in zip(before, after, strict=True):
            assert old.size == new.size
            changed = ImageChops.logical_xor(old, new).getbbox()
            assert changed is not None
            assert changed[3] <= 8.1 * (7.7 if resolution is FaxResolution.FINE else 3.85)


@pytest.mark.parametrize("coding", list(Coding))
@pytest.mark.parametrize("resolution", list(FaxResolution))
def test_every_coding_and_resolution_gives_the_same_page_back(
    coding: Coding, resolution: FaxResolution
) -> None:
    approved = fax_of(pdf(), resolution)
    coded = fax_document(approved.tiff, header=HEADER, coding=coding).tiff
    with opened(coded) as tiff:
        tags = tiff.tag_v2
        assert tags[259] == (4 if coding is Coding.GROUP_4 else 3)
        assert tags.get(292, 0) == (1 if coding is Coding.GROUP_3_TWO_DIMENSIONAL else 0)
        assert (tags[262], tags[278], float(tags[283])) == (
            0,
            tiff.height,
            196 if resolution is FaxResolution.FINE else 98,
        )
    ((page,), _), ((same,), _) = (
        fax_frames(coded),
        fax_frames(fax_document(approved.tiff, header=HEADER).tiff),
    )
    assert page.tobytes() == same.tobytes()


def test_standard_resolution_has_half_the_lines_and_looks_the_same() -> None:
    fine, standard = sent(pdf(), FaxResolution.FINE), sent(pdf(), FaxResolution.STANDARD)
    ((one,), _), ((other,), _) = fax_frames(fine.tiff), fax_frames(standard.tiff)
    assert abs(one.height / 2 - other.height) <= 1
    sizes = [Image.open(io.BytesIO(document.previews[0])).size for document in (fine, standard)]
    assert abs(sizes[0][1] - sizes[1][1]) <= 2


@pytest.mark.parametrize("resolution", list(FaxResolution))
def test_a_fax_as_pdf_has_the_very_same_dots_and_the_papers_size(resolution: FaxResolution) -> None:
    tiff = sent(pdf(pages=2), resolution).tiff
    document = pypdfium2.PdfDocument(fax_pdf(tiff))
    assert len(document) == 2
    for page, dots in zip(document, fax_frames(tiff)[0], strict=True):
        (image,) = page.get_objects()
        assert image.get_bitmap().to_pil().convert("1").tobytes() == dots.tobytes()
        wide, high = (points / 72 * 25.4 for points in page.get_size())
        assert abs(wide - 215) < 1 and abs(high - 297) < 2
    document.close()


def black_share(page: Image.Image, box: tuple[int, int, int, int]) -> float:
    return page.crop(box).convert("L").histogram()[0] / ((box[2] - box[0]) * (box[3] - box[1]))


@pytest.mark.parametrize("grey", [110, 150, 190])
def test_a_grey_picture_is_dots_and_not_a_black_bar(grey: int) -> None:
    (page,) = fax_rasters(pdf(grey=grey))
    left, top, right, bottom = black_box(page)
    inside = (left + 8, top + 8, right - 8, bottom - 8)
    assert abs(black_share(page, inside) - (255 - grey) / 255) < 0.05


def test_beside_a_picture_letters_keep_their_plain_edges() -> None:
    sheet = Image.new("L", ((210 * 8), (297 * 8)), 255)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=40)
    draw.text((300, 1500), "The quick brown fox", 80, font)
    without = fax_rasters(_as_pdf(sheet))[0]
    sheet.paste(Image.linear_gradient("L").resize((600, 300)), (900, 100))
    with_picture = fax_rasters(_as_pdf(sheet))[0]
    words = (0, 1200, 1728, 2000)
    assert with_picture.crop(words).tobytes() == without.crop(words).tobytes()
    darker, lighter = (
        black_share(with_picture, (950, 260, 1300, 290)),
        black_share(with_picture, (950, 320, 1300, 350)),
    )
    assert 0.05 < lighter < darker < 0.95


def _as_pdf(sheet: Image.Image) -> bytes:
    stream = io.BytesIO()
    sheet.save(stream, "PDF", resolution=203.2, quality=95)
    return stream.getvalue()
