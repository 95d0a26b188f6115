"""aiosmtpd, an SMTP server that others wrote, with a list of what it took.

with in_thread(AiosmtpdServer()) as server:
    ... server.port, server.messages
"""

import asyncio
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session


class AiosmtpdServer:
    """messages: envelopes in the order in which they came; `content` is bytes, dot-stuffing undone."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._sessions: list[SMTP] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        assert self._server is not None
        self._server.close()
        for session in self._sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        await self._server.wait_closed()
        # The sessions' own tasks end once their lines are gone.
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        mine = [task for task in others if "SMTP._handle_client" in repr(task)]
        await asyncio.gather(*mine, return_exceptions=True)

    @property
    def contents(self) -> list[bytes]:
        return [envelope.content for envelope in self.messages if isinstance(envelope.content, bytes)]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.messages.append(envelope)
        return f"250 2.0.0 Ok: queued as A{len(self.messages):06d}"

    def _session(self) -> SMTP:
        session = SMTP(
            self, loop=asyncio.get_running_loop(), enable_SMTPUTF8=True, hostname="aiosmtpd.example"
        )
        self._sessions.append(session)
        return session
