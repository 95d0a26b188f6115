"""How a line to the relay is opened: connected, secured, greeted, signed in. Never with less than was set."""

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass, field
from typing import cast

from aiosmtplib import SMTP, SMTPException, SMTPResponseException, SMTPServerDisconnected

from dispatcher.adapters.smtp_envelope import Offers
from dispatcher.adapters.smtp_line import Line
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.domain.outcome import Outcome
from dispatcher.domain.reply import Stage, outcome_of_reply, outcome_of_silence
from dispatcher.domain.security import Security


@dataclass(frozen=True, kw_only=True)
class Relay:
    """tls: the context that checks certificate and host name; None with security none."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


class LineFault(Exception):
    """The line could not be opened. passing: worth another try within seconds."""

    def __init__(self, stage: Stage, outcome: Outcome, *, passing: bool = False) -> None:
        super().__init__(stage.name)
        self.stage = stage
        self.outcome = outcome
        self.passing = passing


async def open_line(relay: Relay, timeouts: Timeouts) -> Line:
    """Raises LineFault."""
    smtp = SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.security is Security.TLS,
        start_tls=False,
        tls_context=relay.tls,
        # Not used: it only spares the DNS look-up for a name. EHLO gets the address, see _own_name.
        local_hostname="localhost",
        timeout=timeouts.connect,
    )
    opening = _Opening(smtp, relay)
    try:
        await opening.run()
        if not smtp.is_connected:
            raise SMTPServerDisconnected("The line was lost.")
        transport = cast(asyncio.Transport, smtp.transport)
        line = Line(transport, Offers.of(smtp.esmtp_extensions), timeouts)
        transport.set_protocol(line)
        return line
    except SMTPResponseException as error:
        opening.drop()
        stage = max(opening.stage, Stage.GREETING)
        raise LineFault(stage, outcome_of_reply(stage, error.code, error.message)) from error
    # ValueError: challenges and certificates that cannot be read.
    except (SMTPException, OSError, ValueError) as error:
        opening.drop()
        words, passing = _why(error)
        outcome = outcome_of_silence(handed_over=False, words=words)
        raise LineFault(opening.stage, outcome, passing=passing and opening.stage is Stage.CONNECT) from error
    except BaseException:
        opening.drop()
        raise


class _Opening:
    """The steps of opening a line, and how far they came."""

    def __init__(self, smtp: SMTP, relay: Relay) -> None:
        self._smtp = smtp
        self._relay = relay
        self._transport: asyncio.WriteTransport | None = None
        self.stage = Stage.CONNECT

    async def run(self) -> None:
        smtp, relay = self._smtp, self._relay
        await smtp.connect()
        self._transport = cast(asyncio.WriteTransport, smtp.transport)
        if relay.security is Security.NONE and not _is_loopback(smtp.get_transport_info("peername")[0]):
            raise SMTPException("The name of the relay leads away from this machine; use starttls or tls.")
        await self._ehlo()
        if relay.security is Security.STARTTLS:
            self.stage = Stage.STARTTLS
            if not smtp.supports_extension("starttls"):
                raise SMTPException("The relay does not offer STARTTLS; nothing is sent without it.")
            await smtp.starttls()
            self._transport = cast(asyncio.WriteTransport, smtp.transport)
            await self._ehlo()
        if relay.username:
            self.stage = Stage.AUTH
            await smtp.login(relay.username, relay.password)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._smtp.close()

    async def _ehlo(self) -> None:
        self.stage = Stage.EHLO
        await self._smtp.ehlo(hostname=_own_name(self._smtp.get_transport_info("sockname")[0]))


def _own_name(address: str) -> str:
    """An address literal (RFC 5321 4.1.3): true, no look-up, and it does not publish the machine's name."""
    literal = ipaddress.ip_address(address.partition("%")[0])
    return f"[IPv6:{literal}]" if isinstance(literal, ipaddress.IPv6Address) else f"[{literal}]"


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _why(error: BaseException) -> tuple[str, bool]:
    """What went wrong in words, and whether it may pass within seconds."""
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The relay's certificate was not accepted: {cause.verify_message}.", False
    if isinstance(cause, ssl.SSLError):
        return f"No TLS with the relay ({cause.reason}); does the security setting fit the port?", False
    if isinstance(error, TimeoutError):
        return "The relay did not answer in time.", False
    if isinstance(error, OSError):
        what = getattr(cause, "strerror", None) or "it was lost"
        return f"There is no connection to the relay: {what}.", True
    return str(error), False


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
