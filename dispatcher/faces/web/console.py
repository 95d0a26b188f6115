"""What the pages of the console share: the house, the templates, and who may ask for a page."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request

from dispatcher.faces.web.pages import Pages
from dispatcher.faces.web.session import NotSignedIn, Session, check_mark, check_may_decide, session_of
from dispatcher.services.house import House


@dataclass(frozen=True, kw_only=True)
class Console:
    house: House
    pages: Pages

    def signed_in(self, request: Request) -> Session:
        """Raises NotSignedIn. Kept with the request, for the head of the page."""
        session = session_of(request, self.house)
        if session is None:
            raise NotSignedIn
        request.state.session = session
        return session

    def deciding(self, request: Request) -> Session:
        """For pages that show what a supporter wrote. Raises NotSignedIn or NotYours."""
        session = self.signed_in(request)
        check_may_decide(session)
        return session

    def acting(self, request: Request, mark: Annotated[str, Form()] = "") -> Session:
        """For every form that changes something. Raises NotSignedIn, NotYours or FormTooOld."""
        session = self.deciding(request)
        check_mark(session, mark)
        return session
