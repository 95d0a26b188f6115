"""Pages from templates: escaped, and strict, so that a forgotten name fails a test and is not a blank."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from gettext import NullTranslations
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dispatcher.services.house import House
from dispatcher.shelf import resource

_ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")

# The language of the pages' own words. Each stands in _(...) or {% trans %}, so that a catalogue of another
# language can take its place; letters, countries and dates come in all nine already.
PAGE_LANGUAGE = "en"


class Pages:
    """The templates of one face. `about` adds what every page of the face shows."""

    def __init__(self, face: str, house: House, about: Callable[[Request], dict[str, Any]]) -> None:
        self._environment = _environment(face)
        self._house = house
        self._about = about

    def show(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        shown = {
            "root": request.scope.get("root_path", ""),
            "live": self._house.live,
            "page_language": PAGE_LANGUAGE,
            "places": self._house.places,
            **self._about(request),
            **values,
        }
        return HTMLResponse(self._environment.get_template(template).render(shown), status_code=status)


def clock_time(at: datetime, zone: str) -> str:
    """9:05, on a clock of that zone."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.hour}:{local.minute:02d}"


def short_day(at: datetime, zone: str) -> str:
    """24 Sep 2027, in that zone: for tables."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y}"


def day_and_time(at: datetime, zone: str) -> str:
    """24 Sep 2027 9:05."""
    return f"{short_day(at, zone)} {clock_time(at, zone)}"


def postmark_day(day: Any) -> str:
    """24 IX, as on a postmark."""
    return f"{day.day} {_ROMAN_MONTHS[day.month - 1]}"


@lru_cache(maxsize=4)
def _environment(face: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource("templates", "web", face)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    catalogue = NullTranslations()
    environment.globals.update(
        gettext=catalogue.gettext,
        ngettext=catalogue.ngettext,
        postmark_day=postmark_day,
        clock_time=clock_time,
        day_and_time=day_and_time,
        short_day=short_day,
    )
    return environment
