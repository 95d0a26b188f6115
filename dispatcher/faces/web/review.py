"""Letters that a person reads: what the tone check found, and the decision."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from dispatcher.domain.letter import Letter, LetterId
from dispatcher.domain.mission import MissionId
from dispatcher.faces.web.coach import kept_notes, laid_over
from dispatcher.faces.web.console import Console
from dispatcher.faces.web.session import Session
from dispatcher.faces.web.sheet import sheet_of

PAGE_LETTERS = 20
_NOTE_LENGTH = 1_000
_SAID = {
    "approved": "Letter {n} is approved and will leave at its hour.",
    "rejected": "Letter {n} will not be sent.",
    "decided": "Letter {n} was decided by somebody else, or taken back by its writer. Nothing was changed.",
    "why": "Please say why letter {n} is not to be sent; the reason is kept with the decision.",
}


def review_routes(console: Console) -> APIRouter:
    router = APIRouter()
    house = console.house
    deciding, acting = Depends(console.deciding), Depends(console.acting)

    @router.get("/review", response_class=HTMLResponse)
    def waiting(
        request: Request, _session: Annotated[Session, deciding], said: str = "", n: str = ""
    ) -> Response:
        letters = house.moderation.waiting()
        with house.store.read() as work:
            directory = house.routing.present(work).directory
        shown = [letter for letter in letters[:PAGE_LETTERS] if letter.text is not None]

        def laid_out(letter: Letter) -> dict[str, object]:
            text = letter.text or ""
            notes = kept_notes(text, letter.findings)
            mission = directory.mission(MissionId(letter.mission))
            return {
                "letter": letter,
                "notes": notes,
                "pieces": laid_over(text, notes),
                "mission": mission,
                "sheet": sheet_of(letter, house.campaigns.get(letter.campaign), mission, house),
            }

        return console.pages.show(
            request,
            "review.html",
            letters=[laid_out(letter) for letter in shown],
            count=len(letters),
            said=_SAID.get(said, "").format(n=n if n.isdigit() else ""),
        )

    @router.post("/review/{number}/approve", response_class=HTMLResponse)
    def approve(request: Request, session: Annotated[Session, acting], number: int) -> Response:
        done = house.moderation.approve(LetterId(number), by=session.organizer.name)
        return _back(request, "approved" if done else "decided", number)

    @router.post("/review/{number}/reject", response_class=HTMLResponse)
    def reject(
        request: Request, session: Annotated[Session, acting], number: int, note: Annotated[str, Form()] = ""
    ) -> Response:
        if not note.strip():
            return _back(request, "why", number)
        done = house.moderation.reject(
            LetterId(number), by=session.organizer.name, note=note.strip()[:_NOTE_LENGTH]
        )
        return _back(request, "rejected" if done else "decided", number)

    return router


def _back(request: Request, said: str, letter: int) -> Response:
    return RedirectResponse(
        f"{request.scope.get('root_path', '')}/review?said={said}&n={letter}", status_code=303
    )
