"""Where a supporter lives, as far as routing needs to know."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """country: ISO 3166-1 alpha-2. region: ISO 3166-2 code ("US-TX") or None. city: as typed, or None."""

    country: str
    region: str | None = None
    city: str | None = None
