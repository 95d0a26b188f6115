"""Organizers sign in by a one-time link; there is no password to guess, to reuse or to leak."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from dispatcher.domain.errors import DispatcherError
from dispatcher.services.clock import Clock
from dispatcher.services.organizers import Organizer, Role
from dispatcher.services.store import Store

# A link is opened at once; a session lasts the action day around the world (50 hours) but not for ever.
LINK_LIFE = timedelta(hours=1)
SESSION_LIFE = timedelta(hours=60)

_LINK, _SESSION = "link", "session"


class NoSuchOrganizer(DispatcherError):
    """There is no organizer '{name}' (or they were disabled). 'dispatcher organizer add {name}' adds one."""


class OrganizerKnown(DispatcherError):
    """There is an organizer '{name}' already. 'dispatcher organizer link {name}' makes a new link."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    store: Store
    clock: Clock

    def add(self, name: str, role: Role) -> Organizer:
        """Raises OrganizerKnown."""
        with self.store.write() as work:
            if work.organizers.named(name) is not None:
                raise OrganizerKnown(name=name)
            return work.organizers.add(name, role, at=self.clock.now())

    def link(self, name: str) -> str:
        """A new one-time token for this organizer. Raises NoSuchOrganizer."""
        token = secrets.token_urlsafe(32)
        with self.store.write() as work:
            organizer = work.organizers.named(name)
            if organizer is None or organizer.disabled:
                raise NoSuchOrganizer(name=name)
            work.organizers.keep_key(_digest(token), _LINK, organizer.id, self.clock.now() + LINK_LIFE)
        return token

    def enter(self, token: str) -> tuple[str, Organizer] | None:
        """Uses up a link; answers the token of a new session, or None when the link is not good any more."""
        session = secrets.token_urlsafe(32)
        now = self.clock.now()
        with self.store.write() as work:
            organizer = work.organizers.take_key(_digest(token), _LINK, now=now, once=True)
            if organizer is None:
                return None
            work.organizers.keep_key(_digest(session), _SESSION, organizer.id, now + SESSION_LIFE)
        return session, organizer

    def who(self, session: str) -> Organizer | None:
        """The organizer of a session; None when it has ended."""
        with self.store.read() as work:
            return work.organizers.take_key(_digest(session), _SESSION, now=self.clock.now(), once=False)

    def leave(self, session: str) -> None:
        with self.store.write() as work:
            work.organizers.drop_key(_digest(session))

    def disable(self, name: str) -> None:
        """Raises NoSuchOrganizer."""
        with self.store.write() as work:
            organizer = work.organizers.named(name)
            if organizer is None:
                raise NoSuchOrganizer(name=name)
            work.organizers.disable(organizer.id, at=self.clock.now())

    def all(self) -> list[Organizer]:
        with self.store.read() as work:
            return work.organizers.all()


def form_mark(session: str) -> str:
    """The mark that every form of the console carries back (against forged requests): it follows from the
    session and cannot be had without it."""
    return hashlib.sha256(b"form:" + session.encode()).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
