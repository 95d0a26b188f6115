"""What every request passes on its way in and out: its size, the headers of the answer, and calm in trouble.

Plain ASGI, so that no exception runs past it into a log with personal data."""

import logging
import traceback
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A letter of 20,000 characters of four bytes each, percent-encoded, is 240 kB.
BODY_LIMIT = 256 * 1024

# Nothing but our own stylesheet and pictures; no script at all, no frame around us, no form to elsewhere.
_CONTENT_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = (
    ("content-security-policy", _CONTENT_SECURITY),
    ("referrer-policy", "no-referrer"),  # the address of a status page is its key
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    ),
)
_FINDABLE = frozenset({"/", "/privacy"})  # by search engines; every other page is somebody's own

_log = logging.getLogger("dispatcher.web")


class SecurityHeaders:
    """Adds the headers to every answer. Pages are kept by no browser and no proxy, static files for an hour.

    secure: the site is reached over https."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._fixed = [(name.encode(), value.encode()) for name, value in _HEADERS]
        if secure:
            self._fixed.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                static = path.startswith("/static/") and message["status"] < 400  # noqa: PLR2004
                kept = b"public, max-age=3600" if static else b"no-store"
                message["headers"] = [*message["headers"], *self._fixed, (b"cache-control", kept)]
                if path not in _FINDABLE:
                    message["headers"].append((b"x-robots-tag", b"noindex"))
            await send(message)

        await self._app(scope, receive, with_headers)


class BodyLimit:
    """Reads the body before anyone else does and answers 413 where it is larger than BODY_LIMIT."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_LIMIT:
                # What still comes is read and dropped, up to a point, so that the browser reads the answer.
                await _drain(receive, more)
                await self._answer(Request(scope))(scope, receive, send)
                return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)


class CalmErrors:
    """Turns an unexpected error into a page. Logs the kind of error and the place in the code, never its
    message: that may hold what somebody wrote."""

    def __init__(self, app: ASGIApp, *, answer: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            _note(error)
            if not started:
                await self._page(Request(scope, receive), error)(scope, receive, send)

    def _page(self, request: Request, error: Exception) -> Response:
        try:
            return self._answer(request, error)
        except Exception as another:
            _note(another)
            return PlainTextResponse(_LAST_WORDS, status_code=500)


# Where not even the page of the error can be made. The browser keeps a form's words when one goes back.
_LAST_WORDS = (
    "Something on our side did not work. Nothing was sent. Please go back with your browser's back button: what you "
    "typed is still there. Try again in a few minutes.\n"
)


def _note(error: Exception) -> None:
    where = traceback.extract_tb(error.__traceback__)[-1]
    _log.error("page_failed error=%s at=%s:%s", type(error).__name__, where.filename, where.lineno)


_DRAINED_AT_MOST = 8 * BODY_LIMIT


async def _drain(receive: Receive, more: bool) -> None:
    dropped = 0
    while more and dropped < _DRAINED_AT_MOST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        dropped += len(message.get("body", b""))
        more = message.get("more_body", False)
