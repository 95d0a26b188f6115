"""The mailroom on disk: a rehearsal delivers here, and nothing leaves the machine.

One folder (mode 0700, for letters stand in it in clear). A piece is a JSON note and its files, all named after
the delivery: 000123-email.eml, 000124-fax.tiff, 000124-fax-1.png, 000125-paper.pdf.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.mission import Channel
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.services.clock import Clock
from dispatcher.services.mailroom import Piece, Sheets
from dispatcher.services.transport import Parcel, Witness

# ruff: noqa: PLC0415 - Pillow and pdfium take 9 MB, and nobody needs them where only mails are laid down

_NAME = re.compile(r"[0-9]{6,}-(email|fax|paper|notice)(-[0-9]{1,3})?\.(eml|pdf|tiff|png)")


class MailroomFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put_mail(self, delivery: DeliveryId, recipient: str, content: bytes, *, at: datetime) -> str:
        stem = f"{delivery:06d}-email"
        subject = BytesHeaderParser(policy=policy.default).parsebytes(content).get("Subject", "")
        self._write(f"{stem}.eml", content)
        self._note(stem, delivery, Channel.EMAIL, recipient, str(subject), at, [f"{stem}.eml"])
        return stem

    def put_sheets(self, sheets: Sheets) -> str:
        stem = f"{sheets.delivery:06d}-{sheets.channel.value}"
        if sheets.channel is Channel.FAX:
            from dispatcher.adapters.fax_pages import fax_document

            files = [f"{stem}.tiff"]
            document = fax_document(sheets.content, header=sheets.line, enclosures=sheets.enclosures)
            self._write(files[0], document.tiff)
        else:
            files = [f"{stem}.pdf"]
            self._write(files[0], sheets.content)
        files += [f"{stem}-{number}.png" for number in range(1, sheets.pages + 1)]
        self._note(stem, sheets.delivery, sheets.channel, sheets.recipient, sheets.subject, sheets.at, files)
        return stem

    def pieces(self, *, limit: int = 500, offset: int = 0) -> Sequence[Piece]:
        notes = sorted(self._folder.glob("*.json"), key=lambda path: path.name, reverse=True)
        return [_piece(path) for path in notes[offset : offset + limit]]

    def read(self, name: str) -> bytes | None:
        if not _NAME.fullmatch(name):
            return None
        path = self._folder / name
        if path.suffix == ".png" and not path.exists():
            self._draw(path.stem)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def _draw(self, picture: str) -> None:
        """Pictures are drawn when somebody first looks: most pages of a large rehearsal are never looked at."""
        stem, _, _ = picture.rpartition("-")
        tiff, pdf = self._folder / f"{stem}.tiff", self._folder / f"{stem}.pdf"
        if tiff.exists():
            from dispatcher.adapters.fax_pages import fax_pictures

            pictures = fax_pictures(tiff.read_bytes())
        elif pdf.exists():
            from dispatcher.adapters.pdf_pages import grey_pictures

            pictures = grey_pictures(pdf.read_bytes())
        else:
            return
        for number, content in enumerate(pictures, start=1):
            self._write(f"{stem}-{number}.png", content)

    def _write(self, name: str, content: bytes) -> None:
        (self._folder / name).write_bytes(content)

    def _note(
        self,
        stem: str,
        delivery: DeliveryId,
        channel: Channel,
        to: str,
        subject: str,
        at: datetime,
        files: list[str],
    ) -> None:
        note = {
            "delivery": delivery,
            "channel": channel.value,
            "to": to,
            "subject": subject,
            "at": at.isoformat(),
            "files": files,
        }
        self._write(f"{stem}.json", json.dumps(note, ensure_ascii=False).encode())


class MailroomTransport:
    """Takes mails for the mailroom; every one arrives."""

    def __init__(self, mailroom: MailroomFolder, clock: Clock) -> None:
        self._mailroom = mailroom
        self._clock = clock

    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        for parcel in parcels:
            witness.going(parcel.delivery)
            name = await asyncio.to_thread(
                self._mailroom.put_mail,
                parcel.delivery,
                parcel.recipient,
                parcel.content,
                at=self._clock.now(),
            )
            witness.answered(parcel.delivery, _in_the_mailroom(name))

    async def close(self) -> None:
        """There is no line to drop."""


class MailroomPages:
    """Takes faxes and printed letters for the mailroom."""

    def __init__(self, mailroom: MailroomFolder) -> None:
        self._mailroom = mailroom

    async def carry(self, sheets: Sheets) -> Outcome:
        return _in_the_mailroom(await asyncio.to_thread(self._mailroom.put_sheets, sheets))


def _in_the_mailroom(name: str) -> Outcome:
    return Outcome(
        kind=OutcomeKind.ACCEPTED,
        reply="Laid in the mailroom (rehearsal).",
        provider_ref=f"mailroom/{name}",
    )


def _piece(path: Path) -> Piece:
    note = json.loads(path.read_bytes())
    return Piece(
        delivery=DeliveryId(note["delivery"]),
        channel=Channel(note["channel"]),
        to=note["to"],
        subject=note["subject"],
        at=datetime.fromisoformat(note["at"]),
        files=tuple(note["files"]),
    )
