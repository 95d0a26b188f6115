"""Column types: instants as whole numbers, and personal data sealed with AES-256-GCM.

Home of the cryptography library for what is sealed; mails are signed by adapters/dkim_key.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from dispatcher.domain.errors import DispatcherError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEY_BYTES = 32  # AES-256
_NONCE_BYTES = 12  # NIST SP 800-38D 8.2: 96 bits, random
_SEAL_VERSION = b"\x01"
# Where they stand behind the version.
_NONCE, _SEALED = slice(1, 1 + _NONCE_BYTES), slice(1 + _NONCE_BYTES, None)
# A number of at most 64 bits, and 128 bits of a keyed hash.
_TOKEN = re.compile(r"[0-9a-f]{1,16}-[0-9a-f]{32}", re.ASCII)


class SecretUnreadable(DispatcherError):
    """The key file {file} is damaged or is not the key of this database. Put the right file back from your
    backup; without it the personal data cannot be read."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole microseconds since 1970 so that both engines compare and index it
    alike and nothing is parsed on the hot path."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def microseconds(instant: datetime) -> int:
    """Since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


class Vault:
    """The key of one installation: seals and opens personal data, and makes the blind index of a person."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(hashlib.blake2b(key, digest_size=_KEY_BYTES, person=b"seal").digest())
        self._index_key = hashlib.blake2b(key, digest_size=_KEY_BYTES, person=b"blind-index").digest()
        # Tells one key from another and says nothing about it: backups carry it.
        self.fingerprint = hashlib.blake2b(key, digest_size=8, person=b"fingerprint").hexdigest()
        self._token_key = hashlib.blake2b(key, digest_size=_KEY_BYTES, person=b"links").digest()
        # The keyed hash of each purpose so far: a copy of it costs less than the key and the purpose anew.
        self._token_hashes: dict[str, hashlib.blake2b] = {}

    @classmethod
    def open(cls, path: Path) -> "Vault":
        """Reads the key file; makes it (mode 0600) where there is none."""
        if not path.exists():
            _make_key(path)
        try:
            key = base64.b64decode(path.read_bytes(), validate=False)
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise SecretUnreadable(file=path)
        return cls(key)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """context (the column's name) is authenticated, so a value cannot be moved to another column."""
        nonce = os.urandom(_NONCE_BYTES)
        return _SEAL_VERSION + nonce + self._aead.encrypt(nonce, plain, context)

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        return self.unseal_all([sealed], context)[0]

    def unseal_all(self, sealed: Iterable[bytes], context: bytes) -> list[bytes]:
        """Each of them, in their order; raises where one of them cannot be opened."""
        decrypt = self._aead.decrypt
        try:
            return [decrypt(each[_NONCE], each[_SEALED], context) for each in sealed]
        except (InvalidTag, ValueError):  # ValueError: too short to hold even the nonce
            raise SecretUnreadable(file="of this installation") from None

    def person_index(self, mailbox: str) -> bytes:
        """HMAC-SHA256 of the normal form of a mailbox: the same person gives the same value, and without the
        key nobody can tell who it is. Case, dots before the @ of Gmail and +tags do not make another person."""
        local, _, domain = mailbox.strip().casefold().rpartition("@")
        local = local.split("+", 1)[0] or local
        if domain in {"gmail.com", "googlemail.com"}:
            local, domain = local.replace(".", ""), "gmail.com"
        return hmac.digest(self._index_key, f"{local}@{domain}".encode(), "sha256")

    def link_token(self, purpose: str, subject: int) -> str:
        """An unguessable token for a link, 128 bits, the same each time for the same purpose and subject, so
        that it need not be stored."""
        mac = (self._token_hashes.get(purpose) or self._token_hash(purpose)).copy()
        mac.update(b"%d" % subject)
        return f"{subject:x}-{mac.hexdigest()}"

    def _token_hash(self, purpose: str) -> hashlib.blake2b:
        begun = hashlib.blake2b(f"{purpose}:".encode(), key=self._token_key, digest_size=16)
        return self._token_hashes.setdefault(purpose, begun)

    def link_subject(self, purpose: str, token: str) -> int | None:
        """The subject of a token that `link_token` made for this purpose; None for any other text."""
        if not _TOKEN.fullmatch(token):
            return None
        subject = int(token.partition("-")[0], 16)
        return subject if hmac.compare_digest(self.link_token(purpose, subject), token) else None


def _make_key(path: Path) -> None:
    """Appears whole or not at all; of several processes that make one at once, the first one's stays."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()


class Sealed(TypeDecorator[str]):
    """Text that only the holder of the key can read. context: the column's name."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else vault_of(dialect).seal(value.encode(), self.context.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return (
            None if value is None else vault_of(dialect).unseal(bytes(value), self.context.encode()).decode()
        )


class SealedBytes(TypeDecorator[bytes]):
    """As Sealed, for bytes: rendered letters."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, context: str) -> None:
        super().__init__()
        self.context = context

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        return None if value is None else vault_of(dialect).seal(value, self.context.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else vault_of(dialect).unseal(bytes(value), self.context.encode())


def give_vault(dialect: Dialect, vault: Vault) -> None:
    """Columns reach the key through the engine's dialect: the one thing SQLAlchemy hands them at use, and one
    of its own for each engine, so two installations in one process never share a key."""
    dialect.__dict__["dispatcher_vault"] = vault


def vault_of(dialect: Dialect) -> Vault:
    """The key that `give_vault` named for this engine."""
    vault: Vault = dialect.__dict__["dispatcher_vault"]
    return vault
