"""Mailboxes for returned mail: a Maildir on this machine, or a folder of an IMAP server."""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.security import Security
from dispatcher.services.incoming import LONGEST_KEPT, MailboxUnusable, MailSource
from dispatcher.settings import ReturnsSettings

# Seconds without a byte after which the server counts as gone; a mail of 2 MB takes less on any line.
_TIMEOUT = 60.0
# Our own mark on a mail that we have taken, where the server lets us set one: "seen" would also hide from us what
# a person has looked at.
_TAKEN = "$DispatcherTaken"
_SEEN = r"\Seen"
_IS_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|\[?::1\]?")


def mail_sources(settings: ReturnsSettings) -> tuple[MailSource, ...]:
    """The mailboxes for returned mail. Raises SettingsProblem."""
    sources: list[MailSource] = []
    if settings.maildir:
        sources.append(MaildirSource(Path(settings.maildir)))
    if settings.imap_host:
        sources.append(ImapSource(settings))
    return tuple(sources)


class MaildirSource:
    """Takes what stands in `new` and moves it to `cur`, as a mail program would that has shown it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self, keep: Callable[[bytes], object]) -> int:
        """See MailSource.collect."""
        count = 0
        try:
            # A name that begins with a dot is none of a mail (maildir(5)); the oldest name comes first.
            paths = sorted(each for each in (self._folder / "new").iterdir() if each.name[0] != ".")
            for path in paths:
                try:
                    with path.open("rb") as file:
                        content = file.read(LONGEST_KEPT)
                except FileNotFoundError:  # another process was faster
                    continue
                keep(content)
                self._move(path)
                count += 1
        except OSError as error:
            raise MailboxUnusable(where=self._folder, problem=(error.strerror or "unknown").lower()) from None
        return count

    def _move(self, path: Path) -> None:
        try:
            path.rename(self._folder / "cur" / f"{path.name.partition(':')[0]}:2,S")
        except FileNotFoundError:
            if not (self._folder / "cur").is_dir():
                raise


class ImapSource:
    """Takes what does not bear our mark, and marks it; deletes nothing."""

    def __init__(self, settings: ReturnsSettings) -> None:
        """Raises SettingsProblem when the server could only be reached in an unsafe way."""
        if settings.imap_security is Security.NONE and not _IS_LOOPBACK.fullmatch(settings.imap_host):
            raise SettingsProblem(
                problem="returns.imap_security none sends a password in clear and is allowed to this machine only; "
                f"use tls or starttls for '{settings.imap_host}'."
            )
        self._settings = settings

    def collect(self, keep: Callable[[bytes], object]) -> int:
        """See MailSource.collect."""
        count = 0
        with self._signed_in() as server:
            folder = self._settings.imap_folder
            quoted = '"{}"'.format(folder.replace("\\", "\\\\").replace('"', '\\"'))
            _checked(server.select(quoted), f"the folder '{folder}' cannot be opened")
            mark = _TAKEN if self._may_mark(server) else _SEEN
            for uid in self._unmarked(server, mark):
                content = self._fetch(server, uid)
                if content is None:  # deleted in the meantime
                    continue
                keep(content)
                _checked(server.uid("STORE", uid, "+FLAGS.SILENT", f"({mark})"), "a mail cannot be marked")
                count += 1
        return count

    @contextmanager
    def _signed_in(self) -> Iterator[imaplib.IMAP4]:
        where = f"{self._settings.imap_host}:{self._settings.imap_port}"
        server: imaplib.IMAP4 | None = None
        try:
            server = self._connect()
            password = self._settings.imap_password.get_secret_value()
            server.login(self._settings.imap_username, password)
            yield server
        except (imaplib.IMAP4.error, OSError, EOFError) as error:
            raise MailboxUnusable(where=where, problem=_in_words(error)) from None
        finally:
            if server is not None:
                _leave(server)

    def _connect(self) -> imaplib.IMAP4:
        settings = self._settings
        if settings.imap_security is Security.TLS:
            return imaplib.IMAP4_SSL(
                settings.imap_host, settings.imap_port, ssl_context=self._tls(), timeout=_TIMEOUT
            )
        server = imaplib.IMAP4(settings.imap_host, settings.imap_port, timeout=_TIMEOUT)
        if settings.imap_security is Security.STARTTLS:
            server.starttls(ssl_context=self._tls())
        return server

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._settings.imap_ca_file:
            context.load_verify_locations(self._settings.imap_ca_file)
        return context

    def _may_mark(self, server: imaplib.IMAP4) -> bool:
        """RFC 3501 7.1: PERMANENTFLAGS with "\\*" says that new keywords can be made."""
        _, flags = server.response("PERMANENTFLAGS")
        words = b" ".join(each for each in flags if isinstance(each, bytes))
        return rb"\*" in words or _TAKEN.encode().lower() in words.lower()

    def _unmarked(self, server: imaplib.IMAP4, mark: str) -> list[str]:
        criterion = ("UNSEEN",) if mark == _SEEN else ("UNKEYWORD", mark)
        answer = _checked(server.uid("SEARCH", *criterion), "the folder cannot be searched")
        return answer[0].decode("ascii").split() if answer and isinstance(answer[0], bytes) else []

    def _fetch(self, server: imaplib.IMAP4, uid: str) -> bytes | None:
        """The beginning of the mail, without marking it as seen."""
        answer = _checked(
            server.uid("FETCH", uid, f"(BODY.PEEK[]<0.{LONGEST_KEPT}>)"), "a mail cannot be read"
        )
        literal = next((each for each in answer if isinstance(each, tuple)), None)
        return literal[1] if literal is not None and isinstance(literal[1], bytes) else None


def _checked(answer: tuple[str, Sequence[object]], problem: str) -> Sequence[object]:
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(problem)
    return data


def _leave(server: imaplib.IMAP4) -> None:
    try:
        server.logout()
    except (imaplib.IMAP4.error, OSError, EOFError):
        server.shutdown()


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, OSError):
        return (error.strerror or "the connection was lost").lower()
    words = str(error)
    return "it did not take the user name or password" if "AUTHENTICATIONFAILED" in words else words[:200]
