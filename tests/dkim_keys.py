"""Keys for tests of DKIM, made once a session, and the one who checks signatures: dkimpy, which others wrote."""

from functools import cache
from pathlib import Path

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dispatcher.adapters.dkim import Signature
from dispatcher.adapters.dkim_key import DkimKey

Key = RSAPrivateKey | Ed25519PrivateKey
DOMAIN, SELECTOR = "campaign.example", "s1"


@cache
def rsa(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


@cache
def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def write_key(
    file: Path,
    key: Key,
    *,
    mode: int = 0o600,
    form: PrivateFormat = PrivateFormat.PKCS8,
) -> Path:
    file.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    file.chmod(mode)
    return file


def signature(key: Key | None = None, domain: str = DOMAIN) -> Signature:
    return Signature(DkimKey(key or ed25519()), domain=domain, selector=SELECTOR)


def is_verified(message: bytes, key: Key | None = None) -> bool:
    """What a receiver says that finds this key in the DNS."""
    record = DkimKey(key or ed25519()).record.encode()
    asked = []

    def answer(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    found = bool(dkim.verify(message, dnsfunc=answer))
    assert set(asked) <= {f"{SELECTOR}._domainkey.{DOMAIN}.".encode()}
    return found
