"""The organizers' face: sign-in, and the pages behind it, each kind in a module of its own."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from dispatcher.domain.errors import DispatcherError
from dispatcher.faces.marks import LETTER_MARKS, MARKS
from dispatcher.faces.web.board import board_routes
from dispatcher.faces.web.console import Console
from dispatcher.faces.web.deliveries import delivery_routes
from dispatcher.faces.web.gate import BodyLimit, CalmErrors
from dispatcher.faces.web.mailroom import mailroom_routes
from dispatcher.faces.web.pages import Pages
from dispatcher.faces.web.review import review_routes
from dispatcher.faces.web.session import (
    COOKIE,
    NotSignedIn,
    NotYours,
    Session,
    check_mark,
    drop_cookie,
    set_cookie,
)
from dispatcher.services.house import House


def organizers_app(house: House) -> FastAPI:
    console = Console(house=house, pages=Pages("organizers", house, _about))
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _Errors(console).watch(app)
    _sign_in_routes(app, console)
    app.include_router(board_routes(console))
    app.include_router(delivery_routes(console))
    app.include_router(review_routes(console))
    app.include_router(mailroom_routes(console))
    return app


def _about(request: Request) -> dict[str, Any]:
    root = request.scope.get("root_path", "")
    return {
        "static": root.removesuffix("/console") + "/static",
        "session": getattr(request.state, "session", None),
        "marks": MARKS,
        "letter_marks": LETTER_MARKS,
        "here": request.url.path.removeprefix(root),
    }


def _sign_in_routes(app: FastAPI, console: Console) -> None:
    house, pages = console.house, console.pages

    @app.get("/enter/{token}", response_class=HTMLResponse)
    def show_door(request: Request, token: str) -> Response:
        """Does not look at the link: a program that opens the links in mails must not use it up."""
        return pages.show(request, "enter.html", token=token)

    @app.post("/enter/{token}", response_class=HTMLResponse)
    def enter(request: Request, token: str) -> Response:
        entered = house.sign_in.enter(token)
        if entered is None:
            sentence = "This link was used already, or is older than an hour. Ask the operator for a new one."
            return pages.show(
                request, "plain.html", status=410, title="This link has expired", sentence=sentence
            )
        session, _ = entered
        response = RedirectResponse(f"{request.scope.get('root_path', '')}/", status_code=303)
        set_cookie(response, session, request, house)
        return response

    @app.post("/leave", response_class=HTMLResponse)
    def leave(
        request: Request,
        session: Annotated[Session, Depends(console.signed_in)],
        mark: Annotated[str, Form()] = "",
    ) -> Response:
        check_mark(session, mark)
        house.sign_in.leave(request.cookies.get(COOKIE, ""))
        request.state.session = None
        sentence = "You have signed out. To come back, ask the operator for a new link."
        response = pages.show(request, "plain.html", title="Signed out", sentence=sentence)
        drop_cookie(response, request)
        return response


class _Errors:
    def __init__(self, console: Console) -> None:
        self._pages = console.pages

    def watch(self, app: FastAPI) -> None:
        app.add_middleware(CalmErrors, answer=self._broken)
        app.add_middleware(BodyLimit, answer=self._too_large)
        app.add_exception_handler(DispatcherError, self._broken)
        app.add_exception_handler(HTTPException, self._not_so)
        app.add_exception_handler(RequestValidationError, self._not_so)

    def _broken(self, request: Request, error: Exception) -> Response:
        match error:
            case NotSignedIn():
                return self._plain(request, "Please sign in", str(error), 401)
            case NotYours():
                return self._plain(request, "For moderators", str(error), 403)
            case DispatcherError():
                return self._plain(request, "This did not work", str(error), 400)
            case _:
                sentence = "Something on our side did not work; the log of the service names the place."
                return self._plain(request, "This did not work", sentence, 500)

    def _not_so(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        if status == 404:  # noqa: PLR2004
            return self._plain(
                request, "There is no such page", "Go to the board and choose from there.", 404
            )
        return self._plain(request, "This did not work", "The page does not know this way of asking.", status)

    def _too_large(self, request: Request) -> Response:
        return self._plain(request, "Too large", "What you sent is larger than any form here needs.", 413)

    def _plain(self, request: Request, title: str, sentence: str, status: int) -> Response:
        return self._pages.show(request, "plain.html", status=status, title=title, sentence=sentence)
