"""Letters by email: a pool of lines to the one relay that the settings name."""

import asyncio
import ipaddress
import ssl
from collections import deque
from collections.abc import Sequence

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from dispatcher.adapters.smtp_connection import LineFault, Relay, open_line
from dispatcher.adapters.smtp_line import Line, Timeouts
from dispatcher.domain.outcome import Outcome, OutcomeKind
from dispatcher.domain.reply import Stage, outcome_of_silence
from dispatcher.services.transport import Parcel, Witness
from dispatcher.settings import Security, SettingsProblem

# Seconds, not minutes: enough for a relay that is just starting again; the queue does the long waiting.
CONNECT_TRIES = 3
LONGEST_PAUSE = 2.0
# So many lines lost, answers missing or relay faults in a row end a batch: a sick relay brings a few letters
# into doubt, never a thousand, and a refused sender is not tried a thousand times.
FAULTS_TO_STOP = 3


class SmtpTransport:
    """The Transport for email. Lines stay open between letters and between calls of `send`.

    Raises SettingsProblem when the relay could only be reached in an unsafe way. connections: lines at most.
    ca_file: a PEM file of certificate authorities, trusted beside the system's own; "" for none.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security,
        username: str = "",
        password: str = "",
        connections: int = 4,
        ca_file: str = "",
        timeouts: Timeouts | None = None,
    ) -> None:
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
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[Line] = []
        self._busy: set[Line] = set()
        self._quiet = asyncio.Event()
        self._closed = False

    async def send(self, parcels: Sequence[Parcel], witness: Witness) -> None:
        """See Transport.send."""
        batch = _Batch(parcels, witness)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._connections, len(parcels))):
                    group.create_task(self._serve(batch))
        finally:
            batch.give_up()

    async def close(self) -> None:
        """See Transport.close. Takes `Timeouts.closing` at most twice: for the letters and for the QUITs."""
        self._closed = True
        try:
            if self._busy:
                self._quiet.clear()
                async with asyncio.timeout(self._timeouts.closing):
                    await self._quiet.wait()
        except TimeoutError:
            pass  # Their workers answer for the letters when the lines are dropped below.
        finally:
            for line in self._busy:
                line.drop()
            idle, self._idle = self._idle, []
            await asyncio.gather(*(line.quit() for line in idle))

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

    async def _serve(self, batch: "_Batch") -> None:
        """Letters over one line after another, until the batch is empty or the relay fails."""
        async with self._slots:
            while batch.waiting and not self._closed:
                line = await self._line(batch)
                if line is None:
                    return
                self._busy.add(line)
                try:
                    await self._use(line, batch)
                finally:
                    self._busy.discard(line)
                    self._lay_by(line)

    async def _use(self, line: Line, batch: "_Batch") -> None:
        while batch.waiting and line.usable and not self._closed:
            parcel = batch.waiting.popleft()
            try:
                outcome = await line.carry(parcel, batch.witness.going)
            except BaseException:
                words = "Sending was stopped while this letter was on its way."
                batch.answer(parcel, outcome_of_silence(handed_over=line.handed_over, words=words))
                raise
            if line.was_stale(outcome):
                batch.waiting.appendleft(parcel)
                return
            batch.answer(parcel, outcome)
            await line.tidy()

    async def _line(self, batch: "_Batch") -> Line | None:
        """An idle line or a new one; None when there is none to be had, which the batch is told.

        New ones are opened one after another, and none after a failure until some line has carried a letter,
        so that a wrong password is tried once.
        """
        async with batch.opening:
            while self._idle:
                line = self._idle.pop()
                if line.usable:
                    return line
                line.drop()
            if batch.fault is not None or not batch.waiting:
                return None
            try:
                return await self._open()
            except LineFault as fault:
                batch.fault = fault.outcome
                return None

    async def _open(self) -> Line:
        again = AsyncRetrying(
            stop=stop_after_attempt(CONNECT_TRIES),
            wait=wait_random_exponential(multiplier=0.2, max=LONGEST_PAUSE),
            retry=retry_if_exception(lambda error: isinstance(error, LineFault) and error.passing),
            reraise=True,
        )
        return await again(open_line, self._relay, self._timeouts)

    def _lay_by(self, line: Line) -> None:
        if line.usable and not self._closed:
            line.fresh = False
            self._idle.append(line)
        else:
            line.drop()
        if not self._busy:
            self._quiet.set()


class _Batch:
    """The parcels of one call. waiting: not begun. fault: why no line could be opened any more."""

    def __init__(self, parcels: Sequence[Parcel], witness: Witness) -> None:
        self.waiting = deque(parcels)
        self.witness = witness
        self.opening = asyncio.Lock()
        self.fault: Outcome | None = None
        self._faults = 0

    def answer(self, parcel: Parcel, outcome: Outcome) -> None:
        troubled = outcome.relay or outcome.kind is OutcomeKind.UNKNOWN
        self._faults = self._faults + 1 if troubled else 0
        if not troubled:
            self.fault = None  # The relay is there.
        self.witness.answered(parcel.delivery, outcome)
        if self._faults >= FAULTS_TO_STOP:
            words = f"Not tried, for the relay failed with the letters before: {outcome.reply}"
            self.fault = outcome_of_silence(handed_over=False, words=words)
            self.give_up()

    def give_up(self) -> None:
        """Answers for all that wait."""
        words = "Sending was stopped before this letter's turn."
        outcome = self.fault or outcome_of_silence(handed_over=False, words=words)
        while self.waiting:
            self.witness.answered(self.waiting.popleft().delivery, outcome)


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
