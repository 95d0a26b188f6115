"""The sealed log: blocks of rows, each with the SHA-256 of the block before, so that a change of the past shows.

A block holds the rows of three append-only tables whose ids lie above the block before and up to its own last id:
moves (every step of every letter and delivery), attempts (every answer of a next hop) and deliveries (what never
changes of an outbox row: which letter, to which mission, by which channel, to which address).

The hash of a block is the SHA-256 of the lines that an export writes for it: its moves, its attempts, its
deliveries, then the seal's own line without its hash. Whoever has the export needs no key and no database.
Nothing personal is in a line: sealed columns stand as the SHA-256 of their ciphertext (random nonce, so nothing
can be guessed from it), and who did a step as a hash with the block's own salt, which is not exported.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from json.encoder import encode_basestring_ascii
from typing import NamedTuple

FORMAT = 1
SALT_BYTES = 16
# What the first block carries in place of the hash of one before.
BEGINNING = "0" * 64
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# 128 bits name a person well enough, and a million lines stay short.
_BY_DIGITS = 32

# Rows as they stand in the database, instants as microseconds since 1970. note and reply are ciphertexts.
# (id, subject, subject_id, old, new, reason, note, by, at)
MoveRow = tuple[int, str, int, str | None, str, str | None, bytes | None, str, int]
# (id, outbox, at, ended_at, outcome, code, enhanced_code, reply, provider_ref)
AttemptRow = tuple[int, int, int, int, str, int | None, str | None, bytes | None, str | None]
# (id, kind, letter, notice, campaign, mission, channel, recipient, message_id, created_at)
DeliveryRow = tuple[int, str, int, str | None, str, str | None, str | None, str | None, str, int]


class Span(NamedTuple):
    """The rows of one table in a block: so many `rows` with ids from first to last; last = first - 1 where none."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Seal:
    """hash, previous: SHA-256 in hex, of this block and of the one before."""

    number: int
    at: datetime
    moves: Span
    attempts: Span
    deliveries: Span
    salt: bytes
    previous: str
    hash: str

    @property
    def last(self) -> "Reach":
        return Reach(moves=self.moves.last, attempts=self.attempts.last, deliveries=self.deliveries.last)


class Reach(NamedTuple):
    """How far into each table: the highest id."""

    moves: int = 0
    attempts: int = 0
    deliveries: int = 0


class LogPages(NamedTuple):
    """The rows of each table in order of id, some thousand at a time."""

    moves: Iterable[Sequence[MoveRow]]
    attempts: Iterable[Sequence[AttemptRow]]
    deliveries: Iterable[Sequence[DeliveryRow]]


def seal_block(previous: Seal | None, rows: LogPages, *, upto: Reach, at: datetime, salt: bytes) -> Seal:
    """Seals these rows: all that there are above the block before and up to `upto`."""
    block = BlockHash(salt)
    counts = (
        sum(block.add_moves(page) for page in rows.moves),
        sum(block.add_attempts(page) for page in rows.attempts),
        sum(block.add_deliveries(page) for page in rows.deliveries),
    )
    before = previous.last if previous else Reach()
    moves, attempts, deliveries = (
        Span(after + 1, last, count) for after, last, count in zip(before, upto, counts, strict=True)
    )
    unsigned = Seal(
        number=previous.number + 1 if previous else 1,
        at=at,
        moves=moves,
        attempts=attempts,
        deliveries=deliveries,
        salt=salt,
        previous=previous.hash if previous else BEGINNING,
        hash="",
    )
    return Seal(**{**vars(unsigned), "hash": block.closed_with(unsigned)})


class BlockHash:
    """The hash of a block while its rows come in: all moves, then all attempts, then all deliveries. Each `add`
    answers how many rows it was given."""

    def __init__(self, salt: bytes) -> None:
        self._hash = sha256()
        self._salt = salt

    def add_moves(self, rows: Sequence[MoveRow]) -> int:
        return self._add(move_lines(rows, self._salt), rows)

    def add_attempts(self, rows: Sequence[AttemptRow]) -> int:
        return self._add(attempt_lines(rows), rows)

    def add_deliveries(self, rows: Sequence[DeliveryRow]) -> int:
        return self._add(delivery_lines(rows), rows)

    def closed_with(self, seal: Seal) -> str:
        self._hash.update(_seal_line(seal))
        return self._hash.hexdigest()

    def _add(self, lines: bytes, rows: Sequence[object]) -> int:
        self._hash.update(lines)
        return len(rows)


def move_lines(rows: Iterable[MoveRow], salt: bytes) -> bytes:
    """One JSON object a line, always spelled the same."""
    text = _Kept(_spelled)
    person = _Kept(lambda name: sha256(salt + str(name).encode()).hexdigest()[:_BY_DIGITS])
    return "".join(
        [
            f'{{"id":{id},"subject":{text[subject]},"subject_id":{subject_id},"old":{text[old]},"new":{text[new]},'
            f'"reason":{text[reason]},"note":{"null" if note is None else _digest(note)},"by":"{person[by]}","at":{at}}}\n'
            for id, subject, subject_id, old, new, reason, note, by, at in rows
        ]
    ).encode()


def attempt_lines(rows: Iterable[AttemptRow]) -> bytes:
    text, once = _Kept(_spelled), _spelled
    return "".join(
        [
            f'{{"id":{id},"delivery":{delivery},"at":{at},"ended_at":{ended_at},"outcome":{text[outcome]},'
            f'"code":{text[code]},"enhanced_code":{text[enhanced]},"reply":{_digest(reply)},'
            f'"provider_ref":{once(provider_ref)}}}\n'
            for id, delivery, at, ended_at, outcome, code, enhanced, reply, provider_ref in rows
        ]
    ).encode()


def delivery_lines(rows: Iterable[DeliveryRow]) -> bytes:
    text, once = _Kept(_spelled), _spelled
    return "".join(
        [
            f'{{"id":{id},"kind":{text[kind]},"letter":{letter},"notice":{text[notice]},"campaign":{text[campaign]},'
            f'"mission":{text[mission]},"channel":{text[channel]},"recipient":{text[recipient]},'
            f'"message_id":{once(message_id)},"created_at":{created_at}}}\n'
            for id, kind, letter, notice, campaign, mission, channel, recipient, message_id, created_at in rows
        ]
    ).encode()


def exported_seal(seal: Seal) -> bytes:
    """The seal's line in an export: what is hashed, and the hash."""
    return b'%s,"hash":"%s"}\n' % (_seal_line(seal)[:-2], seal.hash.encode())


def _seal_line(seal: Seal) -> bytes:
    fields = {
        "number": seal.number,
        "format": FORMAT,
        "at": (seal.at - EPOCH) // MICROSECOND,
        "moves": list(seal.moves),
        "attempts": list(seal.attempts),
        "deliveries": list(seal.deliveries),
        "previous": seal.previous,
    }
    return (json.dumps(fields, separators=(",", ":")) + "\n").encode()


def _spelled(value: object) -> str:
    """As JSON, in ASCII."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)  # what json.dumps would give, at a tenth of its time
    # SQLite keeps what a meddler puts into a column, whatever its type: it must be found, not be a stumbling block.
    return json.dumps(value, default=repr)


def _digest(ciphertext: object) -> str:
    if ciphertext is None:
        return "null"
    if not isinstance(ciphertext, bytes):
        return _spelled(ciphertext)
    return f'"{sha256(ciphertext).hexdigest()}"'


class _Kept(dict[object, str]):
    """A million rows have few different words: each is spelled once."""

    def __init__(self, spell: Callable[[object], str]) -> None:
        super().__init__()
        self._spell = spell

    def __missing__(self, value: object) -> str:
        spelled = self[value] = self._spell(value)
        return spelled
