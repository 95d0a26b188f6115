"""The face for fax carriers: they fetch pages here, once, and tell here what became of them.

No sessions, no cookies, no pages for people; nothing is shared with the form or the console. A callback counts
only with the carrier's own signature. Nothing of a request is logged but its kind.
"""

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException

from dispatcher.faces.web.gate import BodyLimit, CalmErrors
from dispatcher.services.fax_carrier import ForgedCallback
from dispatcher.services.fax_desk import FaxDesk
from dispatcher.services.store import StoreUnavailable
from dispatcher.telemetry import log


def callbacks_app(desk: FaxDesk) -> FastAPI:
    return _Callbacks(desk).app


class _Callbacks:
    def __init__(self, desk: FaxDesk) -> None:
        self._desk = desk
        self.app = app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_middleware(CalmErrors, answer=_broken)
        app.add_middleware(BodyLimit, answer=_too_large)
        app.add_exception_handler(HTTPException, _not_so)
        app.add_exception_handler(StoreUnavailable, _broken)
        app.head("/pages/{token}")(self.is_there)
        app.get("/pages/{token}")(self.pages)
        app.post(f"/callbacks/{desk.carrier.name}")(self.callback)

    def is_there(self, token: str) -> Response:
        found = self._desk.pages.is_there(token)
        return Response(status_code=200 if found else 410, media_type="application/pdf")

    def pages(self, token: str) -> Response:
        content = self._desk.pages.take(token)
        if content is None:
            return PlainTextResponse("There is nothing here, or not any more.\n", status_code=410)
        return Response(content, media_type="application/pdf")

    async def callback(self, request: Request) -> Response:
        """Answers 204 also to what is no news, so that the carrier does not tell it again."""
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            await run_in_threadpool(self._desk.heard, query=request.url.query, headers=headers, body=body)
        except ForgedCallback as forged:
            log.warning("fax_callback_refused", problem=forged.fields.get("problem"))
            return PlainTextResponse("This is not signed as the carrier signs.\n", status_code=403)
        return Response(status_code=204)


def _too_large(_: Request) -> Response:
    return PlainTextResponse("This is too large.\n", status_code=413)


def _not_so(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    return PlainTextResponse("There is nothing here.\n", status_code=status)


def _broken(_: Request, error: Exception) -> Response:
    # The carrier tells it again later; and it is asked, too.
    return PlainTextResponse("Not now.\n", status_code=503)
