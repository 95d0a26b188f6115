"""Stationery that cannot be used holds the letters that need it, says why in one sentence, and loses nothing."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from dispatcher.adapters.fax_pages import MOST_PAGES
from dispatcher.adapters.fax_tiff import fax_frames
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterId
from dispatcher.services.page_view import PageView
from dispatcher.wiring import ticking
from dispatcher.wiring_check import inspect
from tests.installation import NOON, Installation, ScriptedPages, write_campaign

D = DeliveryState
FAX: dict[str, Any] = {"country": "US", "region": "US-NY"}
PAPER: dict[str, Any] = {"country": "IS"}


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (60, 20), (0, 0, 90)).save(stream, kind)
    return stream.getvalue()


def pdf(pages: int = 1) -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(595, 842)
    stream = io.BytesIO()
    document.save(stream)
    document.close()
    return stream.getvalue()


# Asks for a password (RFC 8118 and ISO 32000-2, 7.6): written by hand, for no library here can encrypt.
ENCRYPTED = pdf().replace(
    b"trailer\r\n<<",
    b"trailer\r\n<</Encrypt <</Filter/Standard/V 1/R 2/P -4/O <" + b"41" * 32 + b">/U <" + b"42" * 32 + b">>>"
    b"/ID [<41><41>]",
)


def note(home: Installation, letter: LetterId) -> str:
    with home.house.store.read() as work:
        return work.outbox.moves(home.delivery(letter).id)[-1].note or ""


@pytest.mark.parametrize(
    ("logo", "why"),
    [(picture("GIF"), "GIF"), (picture("PNG")[:70], "damaged"), (b"not a picture", "not a PNG")],
    ids=["wrong", "corrupt", "no picture"],
)
def test_a_faulty_logo_holds_pages_and_no_mails(
    install: Callable[..., Installation], logo: bytes, why: str
) -> None:
    home = install(logo=logo)
    (fax,), (paper,), (mail,) = home.take(**FAX), home.take(first=2, **PAPER), home.take(first=3)
    home.prepare()
    for id in (fax, paper):
        assert (home.delivery(id).state, home.delivery(id).reason) == (D.HELD, "stationery")
        assert why in note(home, id) and "logo" in note(home, id) and note(home, id).count("\n") == 0
    assert home.delivery(mail).rendering is not None
    assert home.audit().ok


@pytest.mark.parametrize(
    ("enclosure", "why"),
    [
        (b"%PDF-1.7 " + bytes(range(256)) * 40, "damaged"),
        (ENCRYPTED, "encrypted"),
        (pdf(MOST_PAGES), f"it has {MOST_PAGES} pages"),
    ],
    ids=["corrupt", "encrypted", "long"],
)
def test_a_faulty_enclosure_holds_the_faxes(
    install: Callable[..., Installation], enclosure: bytes, why: str
) -> None:
    home = install(enclosures=[("note.pdf", enclosure)])
    (fax,), (mail,) = home.take(**FAX), home.take(first=2)
    home.prepare()
    assert (home.delivery(fax).state, home.delivery(fax).reason) == (D.HELD, "stationery")
    assert "'note.pdf'" in note(home, fax) and why in note(home, fax)
    assert home.delivery(mail).rendering is not None
    assert home.audit().ok


def test_check_names_each_fault_once_and_stops(reader: Installation, tmp_path: Path) -> None:
    folder = write_campaign(
        tmp_path / "campaigns",
        logo=picture("BMP"),
        enclosures=[("a.pdf", ENCRYPTED), ("b.pdf", b"%PDF-"), ("c.pdf", pdf())],
    )
    campaigns = reader.settings.campaigns.model_copy(update={"path": str(folder)})
    settings = reader.settings.model_copy(update={"campaigns": campaigns})
    found = [each for each in inspect(settings, live=False) if each.id in {"logo", "enclosure"}]
    assert [each.severity.value for each in found] == ["stop"] * 3
    assert ["'a.pdf'" in found[0].message, "'b.pdf'" in found[1].message, "BMP" in found[2].message] == [
        True
    ] * 3


def test_when_the_logo_is_mended_its_letters_go_on_at_the_next_start(
    install: Callable[..., Installation],
) -> None:
    broken = install(logo=b"not a picture")
    (id,) = broken.take(**FAX)
    broken.prepare()
    assert broken.delivery(id).state is D.HELD
    mended = install(logo=picture("PNG"))
    with ticking(mended.house):
        pass
    mended.prepare()
    assert mended.delivery(id).state is D.QUEUED and mended.delivery(id).rendering is not None
    assert mended.audit().ok


def test_a_letter_of_forty_pages_is_held_and_the_others_go_on(home: Installation) -> None:
    long = "Your Excellency,\n\n" + "\n\n".join(["Please."] * 2200) + "\n\nWith respect,"
    (too_long,), (good,) = home.take(letter=long, **FAX), home.take(first=2, **FAX)
    home.prepare()
    assert (home.delivery(too_long).state, home.delivery(too_long).reason) == (D.HELD, "cannot_typeset")
    assert "too long for a fax" in note(home, too_long) and f"may have {MOST_PAGES}" in note(home, too_long)
    assert home.delivery(good).rendering is not None


def test_a_fax_takes_its_enclosures_along_as_pages(install: Callable[..., Installation]) -> None:
    home = install(enclosures=[("note.pdf", pdf(2))])
    (id,) = home.take(**FAX)
    home.prepare()
    pages = ScriptedPages()
    home.work(home.courier(pages=pages), NOON.replace(hour=14))
    (sheets,) = pages.carried
    assert sheets.pages == 3
    assert [len(fax_frames(each)[0]) for each in (sheets.content, *sheets.enclosures)] == [1, 2]
    assert len(PageView(house=home.house).pictures(home.delivery(id))) == 3
