"""How places and dates are called in the nine languages."""

from datetime import date
from typing import Protocol


class PlaceNames(Protocol):
    """Names of places and dates in the nine languages."""

    def country_code(self, text: str) -> str | None: ...

    def country_name(self, code: str, language: str) -> str: ...

    def countries(self, language: str) -> list[tuple[str, str]]:
        """(code, name), sorted for the language."""

    def region_code(self, country: str, text: str) -> str | None: ...

    def region_name(self, code: str, language: str) -> str: ...

    def regions(self, country: str, language: str) -> list[tuple[str, str]]: ...

    def long_date(self, day: date, language: str) -> str:
        """The date written out: Friday, 24 September 2027."""
