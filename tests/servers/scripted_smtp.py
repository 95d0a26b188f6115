"""An SMTP server that does what a script says, at every step of every letter.

    async with ScriptedSmtp(letters=[{"rcpt": say("550 5.1.1 no such user")}, {"body": STALL}]) as server:
        ... server.port, server.received, server.commands

Steps of a connection: greeting, ehlo, starttls, auth, noop, rset, quit. Steps of a letter: mail, rcpt, data,
body (the answer to the final dot or to BDAT). What no script mentions is answered as a kind server would, which
takes no body for a recipient that was refused. It reads line by line, so a client may pipeline; it says so when
`extensions` hold PIPELINING, and CHUNKING.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Act:
    """say: the reply without its CRLF, or raw bytes; None for the ordinary one. after: seconds to wait before
    it; listens: what comes in that time is taken down in `ScriptedSmtp.ahead` and not answered. when: what to wait for before it. drop: then hang up. silent: say nothing (with drop: hang up without a word). read_at_most: at "data",
    hang up when so many bytes of the letter have come. stop_reading: at "data", read nothing more, and keep
    the line; `then` is said after a moment. half_close: say nothing more, and read on."""

    say: str | bytes | None = None
    after: float = 0
    listens: bool = False
    when: asyncio.Event | None = None
    drop: bool = False
    silent: bool = False
    read_at_most: int | None = None
    stop_reading: bool = False
    then: bytes = b""
    half_close: bool = False


def say(text: str | bytes, *, after: float = 0, drop: bool = False) -> Act:
    return Act(say=text, after=after, drop=drop)


DROP = Act(silent=True, drop=True)
STALL = Act(silent=True)

Script = Mapping[str, Act]


@dataclass(frozen=True, kw_only=True)
class Received:
    """One letter that the server took. recipient: "" when there was none that it had accepted. content: with
    dot-stuffing undone. parameters: of MAIL and of RCPT. way: DATA or BDAT."""

    sender: str
    recipient: str
    content: bytes
    parameters: tuple[str, str]
    connection: int
    way: str = "DATA"


@dataclass(kw_only=True)
class _Session:
    number: int
    script: Script
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    secure: bool
    ahead: list[bytes]
    signed_in: bool = False
    letter: Script = field(default_factory=dict)
    sender: str = ""
    recipient: str = ""
    parameters: list[str] = field(default_factory=lambda: ["", ""])

    async def act(self, act: Act | None, ordinary: str) -> bool:
        """Does what the script says; False ends the connection."""
        act = act or Act()
        if act.after and act.listens:
            with suppress(TimeoutError):
                self.ahead.append(await asyncio.wait_for(self.reader.read(2**16), act.after))
        elif act.after:
            await asyncio.sleep(act.after)
        if act.when is not None:
            await act.when.wait()
        if not act.silent:
            text = ordinary if act.say is None else act.say
            self.writer.write(text if isinstance(text, bytes) else text.encode() + b"\r\n")
            await self.writer.drain()
        elif act.half_close:
            self.writer.write_eof()
            await self.reader.read()
        elif not act.drop:
            await asyncio.Event().wait()
        return not act.drop

    async def ask(self, question: str) -> str:
        self.writer.write(b"334 " + base64.b64encode(question.encode()) + b"\r\n")
        return (await self.reader.readline()).decode().strip()


class ScriptedSmtp:
    """letters: scripts of the letters in the order in which their MAIL comes, over all connections.
    connections: scripts of the connections in their order. always: a script below both. tls with `implicit`:
    from the first byte; otherwise STARTTLS is offered. accounts: user name to password; MAIL then needs AUTH.

    received: what was taken with a 250. began: how many letters began. commands: every line that came, as
    (connection, line). ahead: what came before the answer that an `Act` listened for. most_open: the most connections at one time. port: 0 lets the system choose.
    """

    def __init__(
        self,
        *,
        letters: Sequence[Script] = (),
        connections: Sequence[Script] = (),
        always: Script | None = None,
        extensions: Sequence[str] = ("8BITMIME", "SIZE 10240000", "DSN", "ENHANCEDSTATUSCODES"),
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        accounts: Mapping[str, str] | None = None,
        mechanisms: Sequence[str] = ("PLAIN", "LOGIN"),
        port: int = 0,
    ) -> None:
        self._letters = letters
        self._connections = connections
        self._always = always or {}
        self._extensions = extensions
        self._tls = tls
        self._implicit = implicit
        self._accounts = accounts or {}
        self._mechanisms = mechanisms
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = port
        self.received: list[Received] = []
        self.commands: list[tuple[int, str]] = []
        self.ahead: list[bytes] = []
        self.began = 0
        self.connections_made = 0
        self.most_open = 0

    async def __aenter__(self) -> Self:
        context = self._tls if self._implicit else None
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=context, limit=2**20
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def hang_up(self) -> None:
        """Drops every connection at once, as a server that is killed does."""
        for writer in self._writers:
            writer.transport.abort()

    def announce(self, words: bytes) -> None:
        """Says this on every connection, asked or not."""
        for writer in self._writers:
            writer.write(words)

    @property
    def open(self) -> int:
        """Connections that stand."""
        return len(self._writers)

    def lines(self) -> list[str]:
        """What came, in order, without the connection's number."""
        return [line for _, line in self.commands]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        session = _Session(
            number=self.connections_made,
            script=self._nth(self._connections, self.connections_made),
            reader=reader,
            writer=writer,
            secure=self._implicit,
            ahead=self.ahead,
        )
        self.connections_made += 1
        self.most_open = max(self.most_open, len(self._writers))
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            await self._converse(session)
        session.writer.transport.abort()
        self._writers.discard(writer)
        self._tasks.discard(task)

    async def _converse(self, session: _Session) -> None:
        handlers = {
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "BDAT": self._bdat,
            "RSET": self._simple,
            "NOOP": self._simple,
            "QUIT": self._quit,
        }
        going = await session.act(session.script.get("greeting"), "220 scripted.example ESMTP")
        while going:
            line = await session.reader.readline()
            if not line.endswith(b"\n"):
                return
            text = line.decode().rstrip("\r\n")
            self.commands.append((session.number, text))
            verb = text.partition(" ")[0].upper()
            going = await handlers.get(verb, self._unknown)(text, session)

    async def _ehlo(self, line: str, session: _Session) -> bool:
        words = ["scripted.example", *self._extensions]
        if self._tls is not None and not session.secure:
            words.append("STARTTLS")
        if self._accounts:
            words.append("AUTH " + " ".join(self._mechanisms))
        reply = "\r\n".join([*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}"])
        return await session.act(session.script.get("ehlo"), reply)

    async def _starttls(self, line: str, session: _Session) -> bool:
        going = await session.act(session.script.get("starttls"), "220 2.0.0 ready")
        if going and self._tls is not None and "starttls" not in session.script:
            await session.writer.start_tls(self._tls)
            session.secure = True
        return going

    async def _auth(self, line: str, session: _Session) -> bool:
        scripted = session.script.get("auth")
        return await session.act(scripted, "" if scripted else await self._sign_in(line, session))

    async def _mail(self, line: str, session: _Session) -> bool:
        if self._accounts and not session.signed_in:
            return await session.act(None, "530 5.7.0 sign in first")
        session.letter = self._nth(self._letters, self.began)
        self.began += 1
        session.sender, session.parameters[0] = _address(line)
        session.recipient = ""
        return await session.act(session.letter.get("mail"), "250 2.1.0 ok")

    async def _rcpt(self, line: str, session: _Session) -> bool:
        address, session.parameters[1] = _address(line)
        act = session.letter.get("rcpt")
        session.recipient = address if _said(act, "25") else ""
        return await session.act(act, "250 2.1.5 ok")

    async def _data(self, line: str, session: _Session) -> bool:
        act = session.letter.get("data")
        ordinary = "354 go on" if session.recipient else "554 5.5.1 no valid recipients"
        if not await session.act(act, ordinary):
            return False
        if not _said(act, "354") or (ordinary[:3] != "354" and (act is None or act.say is None)):
            return True
        if act is not None and act.stop_reading:
            await asyncio.sleep(0.05)
            session.writer.write(act.then)
            await asyncio.Event().wait()
        content = await _read_letter(session.reader, act.read_at_most if act else None)
        return content is not None and await self._take(session, content, "DATA")

    async def _bdat(self, line: str, session: _Session) -> bool:
        _, size, last = line.split(" ")
        assert last == "LAST"
        content = await session.reader.readexactly(int(size))
        if not session.recipient:
            return await session.act(None, "503 5.5.1 no valid recipients")
        return await self._take(session, content, "BDAT")

    async def _take(self, session: _Session, content: bytes, way: str) -> bool:
        body = session.letter.get("body")
        if _said(body, "250"):
            self.received.append(
                Received(
                    sender=session.sender,
                    recipient=session.recipient,
                    content=content,
                    parameters=(session.parameters[0], session.parameters[1]),
                    connection=session.number,
                    way=way,
                )
            )
        return await session.act(body, f"250 2.0.0 Ok: queued as Q{self.began:06d}")

    async def _simple(self, line: str, session: _Session) -> bool:
        if line == "RSET":
            session.recipient = ""
        return await session.act(session.script.get(line.lower()), "250 2.0.0 ok")

    async def _quit(self, line: str, session: _Session) -> bool:
        await session.act(session.script.get("quit"), "221 2.0.0 bye")
        return False

    async def _unknown(self, line: str, session: _Session) -> bool:
        return await session.act(None, "500 5.5.2 what?")

    async def _sign_in(self, line: str, session: _Session) -> str:
        _, mechanism, *initial = line.split(" ")
        if mechanism not in self._mechanisms:
            return "504 5.5.4 not that one"
        if mechanism == "PLAIN":
            _, user, password = _plain(initial[0]).split("\0")
        elif mechanism == "LOGIN":
            user = _plain(initial[0])
            password = _plain(await session.ask("Password:"))
        else:
            challenge = "<1@scripted.example>"
            user, digest = _plain(await session.ask(challenge)).split(" ")
            known = self._accounts.get(user, "")
            right = hmac.new(known.encode(), challenge.encode(), hashlib.md5).hexdigest()
            password = known if hmac.compare_digest(digest, right) else ""
        session.signed_in = user in self._accounts and password == self._accounts[user]
        return "235 2.7.0 welcome" if session.signed_in else "535 5.7.8 wrong name or password"

    def _nth(self, scripts: Sequence[Script], number: int) -> Script:
        return {**self._always, **(scripts[number] if number < len(scripts) else {})}


def _address(line: str) -> tuple[str, str]:
    """The path between the angle brackets, and the parameters after them."""
    address, _, parameters = line.partition("<")[2].partition(">")
    return address, parameters.strip()


def _plain(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


def _said(act: Act | None, code: str) -> bool:
    """Whether the act answers with this code; without words of its own it answers as a kind server would."""
    if act is None or act.say is None:
        return True
    text = act.say.decode(errors="replace") if isinstance(act.say, bytes) else act.say
    return text.startswith(code)


async def _read_letter(reader: asyncio.StreamReader, at_most: int | None) -> bytes | None:
    """Up to the final dot, with dot-stuffing undone; None when it broke off or outgrew `at_most` bytes."""
    lines: list[bytes] = []
    size = 0
    while (line := await reader.readline()) != b".\r\n":
        size += len(line)
        if not line.endswith(b"\n") or (at_most is not None and size > at_most):
            return None
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)
