"""Who may sign in to the console, and as what; and what the services need of the place where that is kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    VIEWER = "viewer"
    MODERATOR = "moderator"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True)
class Organizer:
    id: int
    name: str
    role: Role
    disabled: bool


class Organizers(Protocol):
    def add(self, name: str, role: Role, *, at: datetime) -> Organizer: ...

    def named(self, name: str) -> Organizer | None: ...

    def all(self) -> list[Organizer]: ...

    def disable(self, id: int, *, at: datetime) -> None:
        """Also ends every session and link of theirs."""

    def keep_key(self, digest: str, kind: str, organizer: int, until: datetime) -> None: ...

    def take_key(self, digest: str, kind: str, *, now: datetime, once: bool) -> Organizer | None:
        """The organizer that a link or session belongs to; with `once` the key is used up."""

    def drop_key(self, digest: str) -> None: ...
