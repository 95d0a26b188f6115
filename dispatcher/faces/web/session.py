"""Who is at the console: the session cookie, the mark on every form, and who may do what."""

import hmac
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from dispatcher.domain.errors import DispatcherError
from dispatcher.services.house import House
from dispatcher.services.organizers import Organizer, Role
from dispatcher.services.sign_in import SESSION_LIFE, form_mark

COOKIE = "organizer"
_DECIDERS = frozenset({Role.MODERATOR, Role.ADMIN})


class NotSignedIn(DispatcherError):
    """You are not signed in, or your session has ended. Ask the operator for a link:
    'dispatcher organizer link NAME' makes one. It works once, within an hour."""


class NotYours(DispatcherError):
    """This is for moderators. Your role is to read the board; the operator can give you another one."""


class FormTooOld(DispatcherError):
    """This form does not belong to your session any more, so nothing was changed. Go back, reload the page
    and try again."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """mark: what every form carries back."""

    organizer: Organizer
    token: str
    mark: str

    @property
    def may_decide(self) -> bool:
        return self.organizer.role in _DECIDERS


def session_of(request: Request, house: House) -> Session | None:
    token = request.cookies.get(COOKIE, "")
    organizer = house.sign_in.who(token) if token else None
    if organizer is None or organizer.disabled:
        return None
    return Session(organizer=organizer, token=token, mark=form_mark(token))


def check_mark(session: Session, mark: str) -> None:
    """Raises FormTooOld."""
    if not hmac.compare_digest(mark.encode(), session.mark.encode()):
        raise FormTooOld


def check_may_decide(session: Session) -> None:
    """Raises NotYours."""
    if not session.may_decide:
        raise NotYours


def set_cookie(response: Response, token: str, request: Request, house: House) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LIFE.total_seconds()),
        path=request.scope.get("root_path") or "/",
        secure=house.public_url.startswith("https://"),
        httponly=True,
        samesite="strict",
    )


def drop_cookie(response: Response, request: Request) -> None:
    response.delete_cookie(
        COOKIE, path=request.scope.get("root_path") or "/", httponly=True, samesite="strict"
    )
