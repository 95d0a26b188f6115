"""Letters by email: a pool of lines to the one relay that the settings name."""

import ipaddress
import ssl
from collections.abc import Iterable

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from dispatcher.adapters.smtp_batch import Batch
from dispatcher.adapters.smtp_connection import LineFault, Relay, open_line
from dispatcher.adapters.smtp_line import Line
from dispatcher.adapters.smtp_patience import Timeouts
from dispatcher.adapters.smtp_pool import Pool
from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.reply import Stage
from dispatcher.domain.security import Security
from dispatcher.services.transport import Parcel, Witness

# Seconds, not minutes: enough for a relay that is just starting again; the queue does the long waiting.
CONNECT_TRIES = 3
LONGEST_PAUSE = 2.0


class SmtpTransport:
    """The Transport for email. Lines stay open between letters and between calls of `send`; the relay's "not now"
    brings their number down for a while.

    Raises SettingsProblem when the relay could only be reached in an unsafe way. connections: lines at most.
    ca_file: a PEM file of certificate authorities, trusted beside the system's own; "" for none.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security | str,
        username: str = "",
        password: str = "",
        connections: int = 4,
        ca_file: str = "",
        timeouts: Timeouts | None = None,
    ) -> None:
        security = Security(security)
        if security is Security.NONE and not _is_this_machine(host):
            raise SettingsProblem(
                problem=f"smtp.security none sends letters in clear and is allowed to this machine only; "
                f"use starttls or tls for '{host}'."
            )
        self._relay = Relay(
            host=host,
            port=port,
            security=security,
            username=username,
            password=password,
            tls=None if security is Security.NONE else _tls(ca_file),
        )
        self._timeouts = timeouts or Timeouts()
        self._pool = Pool(self._open, lines=connections)

    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        """See Transport.send."""
        await self._pool.carry(Batch(parcels, witness))

    async def close(self) -> None:
        """See Transport.close. Takes `Timeouts.closing` at most twice: for the letters and for the QUITs."""
        await self._pool.close(self._timeouts.closing)

    async def probe(self) -> list[str]:
        """Connects, secures, signs in, asks for a sign of life and leaves; sends no letter. Returns problems
        in words, none when all is well."""
        where = f"{self._relay.host}:{self._relay.port}"
        try:
            line = await open_line(self._relay, self._timeouts)
        except LineFault as fault:
            code = f"{fault.outcome.code} " if fault.outcome.code else ""
            return [f"The mail relay {where} {_FAILED_AT[fault.stage]}: {code}{fault.outcome.reply}"]
        try:
            return [] if await line.answers() else [f"The mail relay {where} did not answer a NOOP."]
        finally:
            await line.quit()

    async def _open(self) -> Line:
        again = AsyncRetrying(
            stop=stop_after_attempt(CONNECT_TRIES),
            wait=wait_random_exponential(multiplier=0.2, max=LONGEST_PAUSE),
            retry=retry_if_exception(lambda error: isinstance(error, LineFault) and error.passing),
            reraise=True,
        )
        return await again(open_line, self._relay, self._timeouts)


_FAILED_AT = {
    Stage.CONNECT: "could not be reached",
    Stage.GREETING: "turned us away",
    Stage.EHLO: "did not take our EHLO",
    Stage.STARTTLS: "could not be reached safely",
    Stage.AUTH: "did not let us sign in",
}


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            problem = f"smtp.ca_file {ca_file} cannot be read as PEM certificates."
            raise SettingsProblem(problem=problem) from error
    return context
