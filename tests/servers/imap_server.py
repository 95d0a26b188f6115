"""A small IMAP server (RFC 3501) with one folder, enough for a client that searches, fetches and marks.

with in_thread(ImapServer(context=...)) as server:
    server.put(b"..."); server.port; server.mails[0].flags
"""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_FETCH = re.compile(r"(\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", re.IGNORECASE)
_STORE = re.compile(r"(\d+) \+FLAGS\.SILENT \((.+)\)", re.IGNORECASE)


@dataclass
class StoredMail:
    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class ImapServer:
    """context: implicit TLS. starttls: offered on a plain line. keywords: whether clients may make flags of their
    own. drop_at: hangs up when this command comes."""

    context: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    username: str = "returns@campaign.example.org"
    password: str = "correct horse"
    folder: str = "INBOX"
    keywords: bool = True
    drop_at: str = ""
    mails: list[StoredMail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def put(self, content: bytes) -> StoredMail:
        self.mails.append(StoredMail(uid=100 + len(self.mails), content=content))
        return self.mails[-1]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            writer.write(b"* OK ready\r\n")
            signed_in = False
            while line := await reader.readline():
                tag, _, rest = line.decode().strip().partition(" ")
                verb, _, words = rest.partition(" ")
                verb = verb.upper()
                if verb == "UID":
                    verb, _, words = words.partition(" ")
                    verb = f"UID {verb.upper()}"
                self.commands.append(verb)
                if verb == self.drop_at:
                    break
                if verb == "LOGIN":
                    signed_in = words == f'{self.username} "{self.password}"'
                answer = self._answer(verb, words, signed_in)
                untagged, _, ending = answer.rpartition(b"TAG ")  # a mail may hold the word too
                writer.write(untagged + tag.encode() + b" " + ending)
                await writer.drain()
                if verb == "STARTTLS" and self.starttls:
                    await writer.start_tls(self.starttls)
                if verb == "LOGOUT":
                    break
        writer.close()

    def _answer(self, verb: str, words: str, signed_in: bool) -> bytes:  # noqa: PLR0911 - one a command
        match verb:
            case "CAPABILITY":
                offers = " STARTTLS" if self.starttls else ""
                return f"* CAPABILITY IMAP4rev1{offers}\r\nTAG OK done\r\n".encode()
            case "STARTTLS" | "NOOP":
                return b"TAG OK done\r\n"
            case "LOGIN":
                return b"TAG OK done\r\n" if signed_in else b"TAG NO [AUTHENTICATIONFAILED] no\r\n"
            case "LOGOUT":
                return b"* BYE\r\nTAG OK done\r\n"
            case _ if not signed_in:
                return b"TAG BAD sign in first\r\n"
            case "SELECT":
                if words.strip('"') != self.folder:
                    return b"TAG NO no such folder\r\n"
                own = r" \*" if self.keywords else ""
                return (
                    f"* {len(self.mails)} EXISTS\r\n* OK [PERMANENTFLAGS (\\Seen \\Deleted{own})] ok\r\n"
                    "TAG OK [READ-WRITE] done\r\n"
                ).encode()
            case "UID SEARCH":
                return self._search(words)
            case "UID FETCH":
                return self._fetch(words)
            case "UID STORE":
                return self._store(words)
            case _:
                return b"TAG BAD unknown\r\n"

    def _search(self, words: str) -> bytes:
        flag = r"\Seen" if words == "UNSEEN" else words.partition(" ")[2]
        found = " ".join(str(mail.uid) for mail in self.mails if flag not in mail.flags)
        return f"* SEARCH {found}\r\nTAG OK done\r\n".encode()

    def _fetch(self, words: str) -> bytes:
        asked = _FETCH.fullmatch(words)
        assert asked, words
        mail = self._mail(int(asked[1]))
        if mail is None:
            return b"TAG OK done\r\n"
        part = mail.content[: int(asked[2])]
        return b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\nTAG OK done\r\n" % (mail.uid, len(part), part)

    def _store(self, words: str) -> bytes:
        asked = _STORE.fullmatch(words)
        assert asked, words
        mail = self._mail(int(asked[1]))
        if mail is not None:
            mail.flags |= set(asked[2].split())
        return b"TAG OK done\r\n"

    def _mail(self, uid: int) -> StoredMail | None:
        return next((mail for mail in self.mails if mail.uid == uid), None)
