"""The mailroom of a rehearsal: each mail and each page as the mission would get it."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dispatcher.faces.web.console import Console
from dispatcher.faces.web.mail_view import mail_view
from dispatcher.faces.web.session import Session
from dispatcher.services.mailroom import Mailroom, Piece

PAGE_PIECES = 50
_LOOKED_THROUGH = 500
_PICTURE = "image/png"
# Everything but a picture is handed over as a file, so that no browser shows a mail as a page of this site.
_TYPES = {
    ".eml": "message/rfc822",
    ".pdf": "application/pdf",
    ".tiff": "image/tiff",
    ".png": _PICTURE,
}


@dataclass(frozen=True, kw_only=True)
class _Shown:
    name: str
    piece: Piece


def mailroom_routes(console: Console) -> APIRouter:
    router = APIRouter()
    mailroom = console.house.mailroom
    deciding = Depends(console.deciding)

    def nothing(request: Request, sentence: str) -> Response:
        return console.pages.show(
            request, "plain.html", status=404, title="Not in the mailroom", sentence=sentence
        )

    @router.get("/mailroom", response_class=HTMLResponse)
    def shelves(request: Request, _session: Annotated[Session, deciding], page: str = "1") -> Response:
        if mailroom is None:
            return nothing(
                request, "The service is live: letters go to their missions, and no mailroom keeps them."
            )
        at = max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < _PAGE_DIGITS else 1
        pieces = mailroom.pieces(limit=PAGE_PIECES + 1, offset=(at - 1) * PAGE_PIECES)
        return console.pages.show(
            request,
            "mailroom.html",
            pieces=[_Shown(name=_name(piece), piece=piece) for piece in pieces[:PAGE_PIECES]],
            at=at,
            more=len(pieces) > PAGE_PIECES,
        )

    @router.get("/mailroom/{name}", response_class=HTMLResponse)
    def piece(request: Request, _session: Annotated[Session, deciding], name: str) -> Response:
        found = _find(mailroom, name) if mailroom is not None else None
        if mailroom is None or found is None:
            return nothing(request, "There is no such piece in the mailroom; it may have been cleared.")
        mails = [file for file in found.files if file.endswith(".eml")]
        content = mailroom.read(mails[0]) if mails else None
        return console.pages.show(
            request,
            "piece.html",
            name=name,
            piece=found,
            mail=mail_view(content) if content is not None else None,
            pictures=[file for file in found.files if _type(file) == _PICTURE],
            downloads=[file for file in found.files if _type(file) != _PICTURE],
        )

    @router.get("/mailroom/{name}/{file}")
    def file(request: Request, _session: Annotated[Session, deciding], name: str, file: str) -> Response:
        content = mailroom.read(file) if mailroom is not None and file.startswith(name) else None
        kind = _type(file)
        if content is None or kind is None:
            return nothing(request, "There is no such file in the mailroom.")
        headers = {} if kind == _PICTURE else {"Content-Disposition": f'attachment; filename="{file}"'}
        return Response(content, media_type=kind, headers=headers)

    return router


_PAGE_DIGITS = 9


def _name(piece: Piece) -> str:
    """000123-email: what its files begin with."""
    return PurePath(piece.files[0]).stem if piece.files else str(piece.delivery)


def _find(mailroom: Mailroom, name: str) -> Piece | None:
    offset = 0
    while pieces := mailroom.pieces(limit=_LOOKED_THROUGH, offset=offset):
        for piece in pieces:
            if _name(piece) == name:
                return piece
        offset += len(pieces)
    return None


def _type(file: str) -> str | None:
    return _TYPES.get(PurePath(file).suffix)
