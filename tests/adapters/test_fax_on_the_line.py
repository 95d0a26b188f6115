"""Real letters of this project over a telephone line: T.30 from end to end (needs Debian's libspandsp2)."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from dispatcher.adapters.fax_pages import fax_document
from dispatcher.adapters.fax_tiff import Coding, fax_frames
from dispatcher.adapters.press import Press
from dispatcher.domain.campaign import FaxResolution
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.fax_result import CallEnd, FaxResult, t30_result
from dispatcher.services.stationery import FaxLine, PageOrder
from tests.adapters.test_typesetting import LETTER, samples
from tests.servers.telephone_line import (
    FINE,
    GROUP_3,
    GROUP_3_TWO_DIMENSIONAL,
    STANDARD,
    Abilities,
    Call,
    call,
)

HEADER = FaxLine(
    sent_at=datetime(2027, 9, 24, 9, 5, tzinfo=ZoneInfo("America/New_York")),
    sender="Refugees Day",
    number="+12025550124",
)
HEADER_ENDS = {FaxResolution.FINE: 62, FaxResolution.STANDARD: 31}
NO_ERROR_CORRECTION = Abilities(error_correction=False, codings=GROUP_3)


def pages_of(times: int, resolution: FaxResolution) -> bytes:
    """The approved pages of the campaign's sample letter, so often over."""
    text = "\n\n".join([samples()["en"]["text"]] * times)
    order = PageOrder(
        content=replace(LETTER, text=text), day_line="Friday, 24 September 2027", fax=resolution
    )
    (made,) = Press(cores=1).render([order])
    assert not isinstance(made, DispatcherError)
    return made.content


@pytest.fixture(scope="module")
def three_pages() -> bytes:
    """Small enough that a call is quickly over."""
    pages = pages_of(4, FaxResolution.STANDARD)
    assert len(fax_frames(pages)[0]) == 3
    return pages


def faxed(folder: Path, pages: bytes, *, coding: Coding = Coding.GROUP_4, **how: Any) -> Call:
    sent = folder / "sent.tiff"
    sent.write_bytes(fax_document(pages, header=HEADER, coding=coding).tiff)
    return call(sent, folder / "received.tiff", **how)


def pictures(path: Path) -> list[Image.Image]:
    with Image.open(path) as tiff:
        found = []
        for number in range(getattr(tiff, "n_frames", 1)):
            tiff.seek(number)
            found.append(tiff.convert("L").point(lambda value: 255 if value else 0))
        return found


def result(line: Call, pages: int) -> FaxResult:
    return t30_result(line.code, pages=pages, confirmed=line.confirmed)


@pytest.mark.parametrize("resolution", list(FaxResolution))
@pytest.mark.parametrize(
    ("coding", "far_end"),
    [
        (Coding.GROUP_4, Abilities()),
        (Coding.GROUP_4, NO_ERROR_CORRECTION),
        (Coding.GROUP_3, NO_ERROR_CORRECTION),
        (
            Coding.GROUP_3_TWO_DIMENSIONAL,
            replace(NO_ERROR_CORRECTION, codings=GROUP_3 | GROUP_3_TWO_DIMENSIONAL),
        ),
    ],
    ids=["group 4", "group 4 to an old machine", "group 3", "group 3 in two dimensions"],
)
def test_a_letter_arrives_as_it_was_sent_pixel_for_pixel(
    tmp_path: Path, coding: Coding, far_end: Abilities, resolution: FaxResolution
) -> None:
    line = faxed(tmp_path, pages_of(1, resolution), coding=coding, far_end=far_end)
    assert result(line, 1).end is CallEnd.DELIVERED
    assert line.heard.strip() == "+1 202 555 0124"
    ((sent,), (received,)) = (pictures(tmp_path / name) for name in ("sent.tiff", "received.tiff"))
    assert received.size == sent.size
    assert received.tobytes() == sent.tobytes()
    header = received.crop((0, 0, 1728, HEADER_ENDS[resolution]))
    assert header.getextrema() == (0, 255), "the header line is there"


def test_all_pages_are_confirmed_one_by_one(tmp_path: Path, three_pages: bytes) -> None:
    line = faxed(tmp_path, three_pages)
    assert result(line, 3) == FaxResult(
        end=CallEnd.DELIVERED,
        pages_sent=3,
        pages_confirmed=3,
        words="All pages were sent; 3 of 3 pages confirmed.",
    )
    sent, received = pictures(tmp_path / "sent.tiff"), pictures(tmp_path / "received.tiff")
    assert [page.tobytes() for page in received] == [page.tobytes() for page in sent]


def test_where_no_machine_answers_it_is_no_fax(tmp_path: Path, three_pages: bytes) -> None:
    found = result(faxed(tmp_path, three_pages, far_end=Abilities(fax=False)), 3)
    assert (found.end, found.pages_confirmed) == (CallEnd.NO_FAX, 0)


def test_a_line_that_dies_in_page_two_of_three_has_carried_one(tmp_path: Path, three_pages: bytes) -> None:
    line = faxed(tmp_path, three_pages, cut=lambda confirmed, seconds: confirmed == 1 and seconds > 8)
    found = result(line, 3)
    assert (found.end, found.pages_confirmed, found.pages_sent) == (CallEnd.PARTIAL, 1, 3)
    assert len(pictures(tmp_path / "received.tiff")) < 3


def test_a_line_that_dies_in_the_first_page_is_a_line_error(tmp_path: Path, three_pages: bytes) -> None:
    line = faxed(tmp_path, three_pages, cut=lambda _, seconds: seconds > 20)
    assert result(line, 3).end is CallEnd.LINE_ERROR


def test_silence_in_place_of_the_last_confirmation_is_not_known_to_be_a_failure(
    tmp_path: Path, three_pages: bytes
) -> None:
    line = faxed(tmp_path, three_pages, cut=lambda confirmed, seconds: confirmed == 2 and seconds > 5)
    found = result(line, 3)
    assert (found.end, found.pages_confirmed) == (CallEnd.UNKNOWN, 2)


def test_a_machine_that_cannot_print_fine_lines_refuses_a_fine_letter(tmp_path: Path) -> None:
    fine = pages_of(1, FaxResolution.FINE)
    coarse = Abilities(resolutions=STANDARD)
    assert result(faxed(tmp_path, fine, far_end=coarse), 1).end is CallEnd.REJECTED
    assert FINE & coarse.resolutions == 0
