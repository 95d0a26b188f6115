"""The mailroom on disk."""

import asyncio
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.adapters.fax_pages import fax_of
from dispatcher.adapters.mailroom import MailroomFolder, MailroomPages, MailroomTransport
from dispatcher.adapters.typesetting import TypstTypesetter, page_of
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.mailroom import Sheets
from dispatcher.services.transport import Parcel
from tests.adapters.test_typesetting import LETTER

AT = datetime(2027, 9, 24, 9, tzinfo=UTC)
MAIL = b"Subject: =?utf-8?b?67aB7ZWc?= refugees\r\nTo: embassy@x.example\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return TypstTypesetter().set(page_of(LETTER, "24 September 2027"))[0]


@pytest.fixture
def mailroom(tmp_path: Path) -> MailroomFolder:
    return MailroomFolder(tmp_path / "mailroom")


def sheets(pdf: bytes, number: int = 2, channel: Channel = Channel.FAX) -> Sheets:
    content = fax_of(pdf).tiff if channel is Channel.FAX else pdf
    return Sheets(
        delivery=DeliveryId(number), channel=channel, recipient="+31205550101", mission_name="Mission", content=content,
        subject="A request", pages=1, sender="Refugees Day", sender_number="+12025550124", at=AT,
    )  # fmt: skip


def test_a_mail_can_be_opened_as_it_would_have_arrived(mailroom: MailroomFolder) -> None:
    name = mailroom.put_mail(DeliveryId(1), "embassy@x.example", MAIL, at=AT)
    (piece,) = mailroom.pieces()
    assert name == "000001-email"
    assert (piece.delivery, piece.channel, piece.to, piece.at) == (1, Channel.EMAIL, "embassy@x.example", AT)
    assert piece.subject == "북한 refugees"
    assert mailroom.read(piece.files[0]) == MAIL


def test_a_fax_can_be_looked_at_page_by_page_as_it_would_be_printed(
    mailroom: MailroomFolder, pdf: bytes
) -> None:
    mailroom.put_sheets(sheets(pdf))
    (piece,) = mailroom.pieces()
    assert piece.files == ("000002-fax.tiff", "000002-fax-1.png")
    assert (mailroom.read("000002-fax.tiff") or b"")[:4] in {b"II*\x00", b"MM\x00*"}
    picture = mailroom.read("000002-fax-1.png")
    assert picture is not None and picture.startswith(b"\x89PNG")
    assert mailroom.read("000002-fax-2.png") is None


def test_a_printed_letter_has_pages_and_no_fax(mailroom: MailroomFolder, pdf: bytes) -> None:
    mailroom.put_sheets(sheets(pdf, channel=Channel.PAPER))
    (piece,) = mailroom.pieces()
    assert piece.files == ("000002-paper.pdf", "000002-paper-1.png")
    assert (mailroom.read("000002-paper-1.png") or b"").startswith(b"\x89PNG")


def test_the_newest_pieces_come_first_in_pages(mailroom: MailroomFolder) -> None:
    for number in range(1, 8):
        mailroom.put_mail(DeliveryId(number), "e@x.example", MAIL, at=AT)
    assert [piece.delivery for piece in mailroom.pieces(limit=3)] == [7, 6, 5]
    assert [piece.delivery for piece in mailroom.pieces(limit=3, offset=6)] == [1]


@pytest.mark.parametrize(
    "name",
    ["", "../secret.key", "000001-email.json", "/etc/passwd", "000001-email.eml/../../x", "000001-email.eml\x00",
     "000001-email.eml\n", "1-email.eml", "000009-email.eml", "٠٠٠٠٠١-email.eml"],
)  # fmt: skip
def test_no_other_file_is_given_out(mailroom: MailroomFolder, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.key").write_text("secret")
    mailroom.put_mail(DeliveryId(1), "e@x.example", MAIL, at=AT)
    assert mailroom.read(name) is None


def test_the_folder_is_for_its_owner_only(mailroom: MailroomFolder, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "mailroom").stat().st_mode) == 0o700


class Notes:
    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.outcomes: dict[int, Outcome] = {}

    def going(self, delivery: DeliveryId) -> None:
        self.events.append(("going", delivery))

    def answered(self, delivery: DeliveryId, outcome: Outcome) -> None:
        self.events.append(("answered", delivery))
        self.outcomes[delivery] = outcome


def test_the_transport_of_a_rehearsal_answers_for_each_mail_and_says_that_it_was_a_rehearsal(
    mailroom: MailroomFolder,
) -> None:
    notes = Notes()
    parcels = [
        Parcel(delivery=DeliveryId(n), sender="b@x.example", recipient="e@x.example", content=MAIL)
        for n in (1, 2)
    ]
    transport = MailroomTransport(mailroom, SimulatedClock(AT))
    asyncio.run(transport.send(parcels, notes))
    asyncio.run(transport.close())
    assert notes.events == [("going", 1), ("answered", 1), ("going", 2), ("answered", 2)]
    outcome = notes.outcomes[1]
    assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "mailroom/000001-email")
    assert "rehearsal" in outcome.reply.casefold()
    assert {piece.at for piece in mailroom.pieces()} == {AT}


def test_faxes_of_a_rehearsal_arrive_in_the_mailroom(mailroom: MailroomFolder, pdf: bytes) -> None:
    outcome = asyncio.run(MailroomPages(mailroom).carry(sheets(pdf)))
    assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "mailroom/000002-fax")
