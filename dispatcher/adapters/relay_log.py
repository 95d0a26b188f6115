"""Reads the log of a Postfix relay: syslog lines in files, also rotated and gzipped.

A mail leaves such lines, held together by the queue id:

    postfix/smtpd[1]: 4TZ8xk0sWcz9: client=...                         it begins
    postfix/cleanup[2]: 4TZ8xk0sWcz9: message-id=<...>                 its header was read; it may still break off
    postfix/qmgr[3]: 4TZ8xk0sWcz9: from=<...>, size=.., nrcpt=1 (queue active)         the relay has it
    postfix/smtp[4]: 4TZ8xk0sWcz9: to=<...>, relay=.., dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ..)
    postfix/qmgr[3]: 4TZ8xk0sWcz9: from=<>, status=expired, returned to sender

A content filter gives a mail a second queue id under the same Message-ID; both count.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO, cast

from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.relay_record import LogSpan, RelayRecord, RelayStatus, RelayTry
from dispatcher.services.relay_evidence import RelayLog

_LONGEST_LINE = 8_192
_LONGEST_WORDS = 300
# A line may be a little ahead of our clock, or of our idea of the zone; more than that is last year's.
_AHEAD = timedelta(days=1)

_LINE = re.compile(
    r"(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ postfix[\w./-]*/(?P<program>\w+)\[\d+\]: (?P<rest>.*)"
)
_QUEUE_ID = re.compile(r"(?P<id>[0-9A-Za-z]{6,20}): (?P<rest>.*)")
_MESSAGE_ID = re.compile(r"(?:resent-)?message-id=(<[^<>\s]+>)")
_ACTIVE = re.compile(r"from=<[^>]*>, size=\d+, nrcpt=\d+ \(queue active\)")
_EXPIRED = re.compile(r"from=<[^>]*>, status=(?:expired|force-expired), returned to sender")
_TRY = re.compile(
    r"to=<(?P<to>[^>]*)>, (?:orig_to=<(?P<orig>[^>]*)>, )?relay=(?P<relay>\S+), .*?\bdsn=(?P<dsn>\d\.\d+\.\d+), "
    r"status=(?P<status>sent|deferred|bounced)(?: \((?P<words>.*)\))?"
)


class RelayLogUnreadable(DispatcherError):
    """The relay's log {file} cannot be read: {problem}."""


@dataclass
class _Queued:
    """What is known of one queue id."""

    message_id: str = ""
    seen_at: datetime | None = None
    queued_at: datetime | None = None
    last_try: RelayTry | None = None


@dataclass
class _Reading:
    queues: dict[str, _Queued] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None


class PostfixLog:
    """domains: right-hand sides of our Message-IDs; other mails of the relay are none of ours, and are not kept in
    mind. zone: of stamps that do not name one; this machine's where None."""

    def __init__(self, *, domains: Iterable[str], zone: tzinfo | None) -> None:
        self._ends = tuple(f"@{domain.casefold()}>" for domain in domains)
        self._zone = zone

    def read(self, files: Sequence[str], *, now: datetime) -> RelayLog:
        """The files in any order; 100,000 letters take about 100 MB of memory. Raises RelayLogUnreadable."""
        reading = _Reading()
        for _, file in sorted((self._beginning(file, now), file) for file in files):
            with _opened(file) as lines:
                for line in lines:
                    self._take(line, reading, now)
        assert reading.first is not None and reading.last is not None  # noqa: S101 - a line was seen
        return RelayLog(
            records=_by_message(reading.queues), span=LogSpan(first=reading.first, last=reading.last)
        )

    def _beginning(self, file: str, now: datetime) -> datetime:
        """A try means something only after the header it belongs to: the oldest file is read first."""
        with _opened(file) as lines:
            for raw in lines:
                if (read := self._line(raw, now)) is not None:
                    return read[0]
        raise RelayLogUnreadable(file=file, problem="it has no line of a Postfix mail server")

    def _line(self, raw: bytes, now: datetime) -> "tuple[datetime, re.Match[str]] | None":
        if b"postfix" not in raw:
            return None
        found = _LINE.match(raw.decode("utf-8", "replace").rstrip("\r\n"))
        at = self._moment(found["time"], now) if found else None
        return (at, found) if found and at else None

    def _take(self, raw: bytes, reading: _Reading, now: datetime) -> None:
        line = self._line(raw, now)
        if line is None:
            return
        at, found = line
        reading.first = at if reading.first is None else min(reading.first, at)
        reading.last = at if reading.last is None else max(reading.last, at)
        queued = _QUEUE_ID.match(found["rest"])
        if queued is not None:
            self._note(reading.queues, queued["id"], found["program"], queued["rest"], at)

    def _note(self, queues: dict[str, _Queued], id: str, program: str, rest: str, at: datetime) -> None:
        if program == "cleanup":
            named = _MESSAGE_ID.match(rest)
            if named:
                _lay_by(queues, id, named[1])
                if named[1].casefold().endswith(self._ends):
                    queues.setdefault(id, _Queued(message_id=named[1], seen_at=at))
            return
        mine = queues.get(id)
        if mine is None:
            return
        if program == "qmgr" and _ACTIVE.match(rest):
            mine.queued_at = at if mine.queued_at is None else min(mine.queued_at, at)
        elif program == "qmgr" and _EXPIRED.match(rest):
            past = mine.last_try or RelayTry(at=at, status=RelayStatus.EXPIRED)
            mine.last_try = replace(past, at=at, status=RelayStatus.EXPIRED)
        elif tried := _TRY.match(rest):
            self._note_try(mine, tried, at)

    def _note_try(self, mine: _Queued, tried: "re.Match[str]", at: datetime) -> None:
        if mine.last_try is not None and mine.last_try.at > at:
            return  # files may be given newest first
        mine.last_try = RelayTry(
            at=at,
            status=RelayStatus(tried["status"]),
            recipient=tried["orig"] or tried["to"],
            enhanced_code=tried["dsn"],
            relay=tried["relay"],
            words=_printable(tried["words"] or ""),
        )

    def _moment(self, stamp: str, now: datetime) -> datetime | None:
        """RFC 3339, or the old stamp without year and zone: then the last such day before now."""
        try:
            if stamp[0].isdigit():
                at = datetime.fromisoformat(stamp)
                return at.astimezone(UTC) if at.tzinfo else self._in_utc(at)
            year = (now + _AHEAD).year
            at = self._in_utc(_old_stamp(stamp, year))
            return at if at <= now + _AHEAD else self._in_utc(_old_stamp(stamp, year - 1))
        except ValueError:
            return None

    def _in_utc(self, local: datetime) -> datetime:
        # A datetime without a zone is this machine's time for astimezone, summer time included.
        return (local.replace(tzinfo=self._zone) if self._zone else local).astimezone(UTC)


def _old_stamp(stamp: str, year: int) -> datetime:
    """ "Nov  3 22:01:02"; month names in English whatever the locale."""
    return datetime(  # noqa: DTZ001 - the caller knows the zone
        year,
        _MONTHS.index(stamp[:3]) + 1,
        int(stamp[4:6]),
        int(stamp[7:9]),
        int(stamp[10:12]),
        int(stamp[13:15]),
    )


def _lay_by(queues: dict[str, _Queued], id: str, message_id: str) -> None:
    """Short queue ids are used again: another header begins another mail. What is known of the older one goes to
    a name that no line can have."""
    older = queues.get(id)
    if older is not None and older.message_id != message_id:
        queues[f"{id} {len(queues)}"] = queues.pop(id)


def _by_message(queues: dict[str, _Queued]) -> dict[str, RelayRecord]:
    """A mail's queue ids together: it was taken when one of them was, and its newest try counts."""
    records: dict[str, RelayRecord] = {}
    for id, queued in queues.items():
        assert queued.seen_at is not None  # noqa: S101 - it began with its header
        mine = RelayRecord(
            message_id=queued.message_id,
            queue_ids=(id.partition(" ")[0],),
            seen_at=queued.seen_at,
            queued_at=queued.queued_at,
            last_try=queued.last_try,
        )
        other = records.get(queued.message_id)
        records[queued.message_id] = mine if other is None else _joined(other, mine)
    return records


def _joined(one: RelayRecord, other: RelayRecord) -> RelayRecord:
    queued = [each.queued_at for each in (one, other) if each.queued_at]
    tries = sorted((each.last_try for each in (one, other) if each.last_try), key=lambda each: each.at)
    return RelayRecord(
        message_id=one.message_id,
        queue_ids=tuple(dict.fromkeys((*one.queue_ids, *other.queue_ids))),
        seen_at=min(one.seen_at, other.seen_at),
        queued_at=min(queued, default=None),
        last_try=tries[-1] if tries else None,
    )


@contextmanager
def _opened(file: str) -> Iterator[Iterator[bytes]]:
    path = Path(file)
    try:
        if path.is_dir():
            raise RelayLogUnreadable(file=file, problem="it is a folder")
        with path.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            yield _lines(cast(BinaryIO, gzip.GzipFile(fileobj=plain)) if zipped else plain)
    except (OSError, EOFError, zlib.error) as error:
        problem = getattr(error, "strerror", None) or "it is damaged"
        raise RelayLogUnreadable(file=file, problem=problem.lower()) from None


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST_LINE):
        yield line


def _printable(words: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in words)[:_LONGEST_WORDS]


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
