"""Faxes by a HylaFAX server and a modem of one's own, over its client protocol: FTP with commands for jobs.

Each job is one call (MAXDIALS 1): when to call again is the service's to say. The protocol is not encrypted, so the
server is on this machine, or at the end of a tunnel to it. Tried with HylaFAX 6.0.7; source: hfaxd(8).
"""

import ftplib
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from urllib.parse import urlsplit

from dispatcher.adapters.fax_answers import nobody_knows, number, our_fault, taken
from dispatcher.domain.fax_result import CallEnd
from dispatcher.services.fax_carrier import CarrierSilent, CarrierWord, FaxOrder, ForgedCallback, Submission

PORT = 4559
# Seconds for each answer; a server on the same machine needs none of them.
TIMEOUT = 10.0
# Days, hours, minutes after which the server gives a job up that it could not even begin: no modem, no line.
_LAST_TIME = "000300"
_LINES_PER_INCH = {"fine": "196", "standard": "98"}
# What the server writes of a call that failed, in small letters; the first that fits.
_SPOKEN = (
    (CallEnd.BUSY, ("busy signal",)),
    (CallEnd.NO_ANSWER, ("no answer", "ringback")),
    (
        CallEnd.NO_FAX,
        ("no carrier", "no receiver protocol", "t1 timeout", "non-fax", "voice", "data connection"),
    ),
    (CallEnd.BAD_NUMBER, ("invalid dialing", "unallocated", "invalid phone", "invalid number")),
    (
        CallEnd.REJECTED,
        ("blacklist", "rejected by", "aborted by request", "job aborted", "not permitted", "denied"),
    ),
    (
        CallEnd.OUR_SIDE,
        (
            "dialtone",
            "modem does not",
            "lock modem",
            "convert",
            "document",
            "kill time",
            "can not open",
            "usage limit",
        ),
    ),
)
# The last page went out and was not confirmed: it may lie in the tray.
_UNCONFIRMED = (
    "no response to eop",
    "no response to pps",
    "no response to mps",
    "after page",
    "phase d",
    "confirm",
)


class HylaFax:
    name = "hylafax"
    fetches = False

    def __init__(
        self,
        base_url: str,
        *,
        user: str = "",
        password: str = "",
        resolution: str = "fine",
        timeout: float = TIMEOUT,
    ) -> None:
        where = urlsplit(base_url)
        self._host, self._port = where.hostname or "127.0.0.1", where.port or PORT
        self._user = user or "dispatcher"
        self._password = password
        self._lines = _LINES_PER_INCH[resolution]
        self._timeout = timeout

    def submit(self, order: FaxOrder) -> Submission:
        submitting = False
        try:
            with self._session() as line:
                job = self._prepare(line, order)
                submitting = True
                line.sendcmd("JSUBM")
        except ftplib.Error as error:  # the server's own "no": the job was not submitted
            return our_fault(
                f"The HylaFAX server did not take the job ({_code(error)}).", number(_code(error))
            )
        except (OSError, EOFError):
            if submitting:
                words = "The line to the HylaFAX server was lost while the job was submitted."
                return nobody_knows(words)
            return our_fault(
                "The HylaFAX server could not be reached, or was gone before the job was submitted."
            )
        return taken("The HylaFAX server has the job (queued).", job, 200)

    def status(self, provider_ref: str) -> CarrierWord | None:
        with self._asking() as line:
            try:
                line.sendcmd(f"JOB {provider_ref}")
            except ftplib.error_perm:
                return None
            state, words = _value(line, "STATE"), _value(line, "STATUS")
            return _word(provider_ref, state, words, _value(line, "NPAGES"))

    def find(
        self, *, reference: str, number: str, media_url: str, since: datetime, known: frozenset[str]
    ) -> CarrierWord | None:
        """Every job carries our reference as its tag."""
        with self._asking() as line:
            line.sendcmd('JOBFMT "%j|%J"')
            for queue in ("/sendq", "/doneq"):
                listed: list[str] = []
                line.sendcmd(f"CWD {queue}")
                line.retrlines("LIST", listed.append)
                for row in listed:
                    job, _, tag = row.partition("|")
                    if tag.strip() == reference:
                        return self.status(job.strip())
        return None

    def cancel(self, provider_ref: str) -> bool:
        with self._asking() as line:
            try:
                line.sendcmd(f"JOB {provider_ref}")
                line.sendcmd(f"JKILL {provider_ref}")
            except ftplib.error_perm:
                return False
        return True

    def read_callback(
        self, *, url: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> CarrierWord:
        raise ForgedCallback(problem="a HylaFAX server calls nobody back")

    def probe(self) -> list[str]:
        where = f"{self._host}:{self._port}"
        try:
            with self._session():
                return []
        except ftplib.Error as error:
            return [
                f"The HylaFAX server {where} does not let '{self._user}' in ({_code(error)}); see hosts.hfaxd(5)."
            ]
        except (OSError, EOFError):
            return [f"The HylaFAX server {where} could not be reached."]

    def _prepare(self, line: ftplib.FTP, order: FaxOrder) -> str:
        line.sendcmd("TYPE I")
        line.sendcmd("FORM TIFF")
        data, _ = line.ntransfercmd("STOT")
        with data:
            data.sendall(order.tiff)
        document = _after(line.voidresp(), "FILE: ", ")")
        job = _after(line.sendcmd("JNEW"), "jobid: ", " ")
        for parameter, value in (
            ("FROMUSER", '"dispatcher"'),
            ("LASTTIME", _LAST_TIME),
            ("MAXDIALS", "1"),
            ("MAXTRIES", "1"),
            ("DIALSTRING", f'"{order.number}"'),
            ("JOBINFO", f'"{order.reference}"'),
            ("NOTIFYADDR", f'"{self._user}"'),
            ("NOTIFY", '"none"'),
            ("VRES", self._lines),
            ("PAGEWIDTH", "209"),
            ("PAGELENGTH", "296"),
            ("PAGECHOP", '"none"'),
            ("TAGLINE", '""'),  # ours stands on the page already
            ("DOCUMENT", document),
        ):
            line.sendcmd(f"JPARM {parameter} {value}")
        return job

    @contextmanager
    def _session(self) -> Iterator[ftplib.FTP]:
        """Raises ftplib.Error, OSError, EOFError."""
        line = ftplib.FTP(timeout=self._timeout)  # noqa: S321 - this machine only, see the settings
        try:
            line.connect(self._host, self._port)
            if line.sendcmd(f"USER {self._user}").startswith("3"):
                line.sendcmd(f"PASS {self._password}")
            yield line
            with suppress(OSError, EOFError, ftplib.Error):
                line.quit()
        finally:
            line.close()

    @contextmanager
    def _asking(self) -> Iterator[ftplib.FTP]:
        """Raises CarrierSilent."""
        try:
            with self._session() as line:
                yield line
        except ftplib.Error as error:
            raise CarrierSilent(problem=f"the HylaFAX server answered {_code(error)}.") from error
        except (OSError, EOFError, socket.gaierror) as error:
            raise CarrierSilent(problem="the HylaFAX server could not be reached.") from error


def _word(job: str, state: str, words: str, sent: str) -> CarrierWord:
    confirmed = number(sent)
    end = None
    if state == "DONE":
        end = CallEnd.DELIVERED
    elif state == "FAILED":
        folded = words.casefold()
        end = next(
            (each for each, some in _SPOKEN if any(word in folded for word in some)), CallEnd.LINE_ERROR
        )
        if end is CallEnd.LINE_ERROR and any(word in folded for word in _UNCONFIRMED):
            end = CallEnd.UNKNOWN
    return CarrierWord(
        provider_ref=job,
        status=state.lower()[:40],
        end=end,
        confirmed=confirmed if end is not None and (confirmed or end is CallEnd.DELIVERED) else None,
        words=words[:200] or state.lower(),
    )


def _value(line: ftplib.FTP, parameter: str) -> str:
    return line.sendcmd(f"JPARM {parameter}").partition(" ")[2].strip()


def _after(answer: str, mark: str, end: str) -> str:
    """Raises ftplib.error_proto when the answer is not as the protocol has it."""
    rest = answer.partition(mark)[2]
    if not rest:
        raise ftplib.error_proto(answer)  # noqa: S321 - an exception, no connection
    return rest.partition(end)[0].strip(" .)")


def _code(error: ftplib.Error) -> str:
    return str(error)[:3]
