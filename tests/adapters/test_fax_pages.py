"""Fax pages: size, header, one TIFF of Group 4, and the picture that people see."""

import io
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from PIL import Image, ImageDraw

from dispatcher.adapters.fax_pages import MOST_PAGES, FaxHeader, NoFaxPages, fax_document, fax_pages

HEADER = FaxHeader(
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


def black_box(page: Image.Image) -> tuple[int, int, int, int]:
    box = page.convert("L").point(lambda value: 255 - value).getbbox()
    assert box is not None
    return box


def near(box: Sequence[int], expected: Sequence[float]) -> bool:
    return all(abs(a - b) <= 4 for a, b in zip(box, expected, strict=True))


def frames(tiff: bytes) -> list[Image.Image]:
    with Image.open(io.BytesIO(tiff)) as image:
        pages = []
        for number in range(image.n_frames):
            image.seek(number)
            pages.append(image.copy())
        return pages


def test_an_a4_page_is_at_true_scale_in_the_middle() -> None:
    (page,) = fax_pages(pdf(A4))
    assert (page.mode, page.width) == ("1", 1728)
    assert abs(page.height - 2287) <= 2
    left = 21 + 50 * 8.031
    assert near(black_box(page), (left, 770, left + 160.6, 924))


def test_a_us_letter_page_fills_the_line_and_keeps_its_proportions() -> None:
    (page,) = fax_pages(pdf(US_LETTER))
    assert page.width == 1728
    assert 2140 <= page.height <= 2156
    left, top, right, bottom = black_box(page)
    assert abs((right - left) / 8.031 - (bottom - top) / 7.7) < 0.5


def test_light_grey_grounds_vanish_and_dark_grey_text_stays() -> None:
    (light,) = fax_pages(pdf(grey=215))
    assert light.getcolors() == [(light.width * light.height, 255)]
    black_box(fax_pages(pdf(grey=100))[0])


def test_the_tiff_is_group_4_white_is_zero_one_strip_a_page() -> None:
    document = fax_document(pdf(pages=3), header=HEADER)
    assert document.pages == 3
    with Image.open(io.BytesIO(document.tiff)) as tiff:
        assert tiff.n_frames == 3
        for number in range(3):
            tiff.seek(number)
            tags = tiff.tag_v2
            assert (tags[256], tags[259], tags[262]) == (1728, 4, 0)
            assert tags[278] == tags[257] == tiff.height
            assert (float(tags[282]), float(tags[283])) == (204, 196)
            assert tags[297] == (number, 3)


def test_the_tiff_decodes_to_the_page_that_was_drawn() -> None:
    (page,) = fax_pages(pdf())
    (frame,) = frames(fax_document(pdf(), header=HEADER).tiff)
    below = (0, 100, 1728, page.height)
    assert frame.crop(below).tobytes() == page.crop(below).tobytes()


def test_the_same_fax_gives_the_same_bytes() -> None:
    assert fax_document(pdf(pages=2), header=HEADER) == fax_document(pdf(pages=2), header=HEADER)


def test_every_page_has_its_own_header_line_in_the_top_margin() -> None:
    first, second = frames(fax_document(pdf(pages=2), header=HEADER).tiff)
    for page in (first, second):
        left, top, right, bottom = black_box(page.crop((0, 0, 1728, 400)))
        assert top >= 18, "machines cannot print the very edge"
        assert bottom <= 62
        assert left >= 40
        assert right <= 1728 - 40
    assert first.crop(BAND).tobytes() != second.crop(BAND).tobytes(), "page 1 of 2, page 2 of 2"


def header_picture(**changes: object) -> bytes:
    values = {"sent_at": HEADER.sent_at, "sender": HEADER.sender, "number": HEADER.number, **changes}
    (page,) = frames(fax_document(pdf(), header=FaxHeader(**values)).tiff)  # type: ignore[arg-type]
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
    document = fax_document(pdf(), header=HEADER, enclosures=[pdf(US_LETTER, pages=2)])
    heights = [page.height for page in frames(document.tiff)]
    assert len(heights) == document.pages == 3
    assert heights[0] > heights[1] == heights[2]


def test_a_preview_is_upright_and_has_the_papers_proportions() -> None:
    (preview,) = fax_document(pdf(), header=HEADER).previews
    with Image.open(io.BytesIO(preview)) as picture:
        assert (picture.format, picture.width) == ("PNG", 864)
        # The strip is 215.2 mm wide, the page 297 mm high.
        assert abs(picture.height / picture.width - 297 / 215.2) < 0.01


def test_what_is_no_pdf_or_far_too_long_is_refused() -> None:
    with pytest.raises(NoFaxPages, match="PDF"):
        fax_document(b"hello", header=HEADER)
    with pytest.raises(NoFaxPages, match="pages"):
        fax_document(pdf((30, 30), pages=MOST_PAGES + 1), header=HEADER)
