"""The whole site: the supporters' face, the console, the carriers' face and the static files, under one set of
headers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from dispatcher.faces.web.callbacks import callbacks_app
from dispatcher.faces.web.gate import SecurityHeaders
from dispatcher.faces.web.health import health_routes
from dispatcher.faces.web.organizers import organizers_app
from dispatcher.faces.web.supporters import supporters_app
from dispatcher.services.house import House
from dispatcher.shelf import resource

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def site(house: House, *, lifespan: Lifespan | None = None, metrics_token: str = "") -> FastAPI:
    """metrics_token: opens /metrics to other machines than this one.

    Serve it without an access log: the address of a status page is its key, and belongs to one person."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(SecurityHeaders, secure=house.public_url.startswith("https://"))
    app.router.routes += health_routes(house, metrics_token=metrics_token)
    app.mount("/static", StaticFiles(directory=resource("templates", "static")))
    app.mount("/console", organizers_app(house))
    if house.fax is not None:
        app.mount("/fax", callbacks_app(house.fax))
    app.mount("/", supporters_app(house))
    return app
