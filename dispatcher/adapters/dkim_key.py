"""The private key that mails are signed with (DKIM, RFC 6376; Ed25519: RFC 8463), and what is published of it.

Keys are read and used with the cryptography library.
"""

import base64
import hashlib
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from dispatcher.domain.errors import SettingsProblem

# RFC 8301 3.2: receivers take no signature by a shorter key; signers should use at least the second.
_LEAST_BITS, _GOOD_BITS = 1024, 2048
_PADDING, _DIGEST = PKCS1v15(), hashes.SHA256()


class DkimKey:
    """algorithm: as a signature names it (its tag "a="). name: what sort of key, in words. short: whether
    receivers may think little of it. is_private: whether nobody but its owner may read the file. record: what must
    stand in the DNS."""

    def __init__(self, key: RSAPrivateKey | Ed25519PrivateKey, *, is_private: bool = True) -> None:
        self._key = key
        self.is_private = is_private
        public = key.public_key()
        if isinstance(key, RSAPrivateKey):
            self.algorithm, self.name = "rsa-sha256", f"RSA of {key.key_size} bits"
            self.short = key.key_size < _GOOD_BITS
            shown = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            self.algorithm, self.name, self.short = "ed25519-sha256", "Ed25519", False
            shown = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        kind = self.algorithm.partition("-")[0]
        self.record = f"v=DKIM1; k={kind}; p={base64.b64encode(shown).decode('ascii')}"

    @classmethod
    def open(cls, path: Path) -> "DkimKey":
        """Reads a PEM file. Raises SettingsProblem, which names the setting and what to do."""
        try:
            content, mode = path.read_bytes(), path.stat().st_mode
        except FileNotFoundError:
            raise _problem(
                path,
                "there is no such file. Put the private key there, or take the settings of dkim away and let the "
                "relay sign.",
            ) from None
        except OSError as error:
            raise _problem(
                path, f"{error.strerror}. Give the file to the user that runs the service, mode 0600."
            ) from None
        try:
            key = load_pem_private_key(content, password=None)
        except TypeError:
            raise _problem(
                path, "the key is locked with a password. Put it there without one, mode 0600."
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            raise _problem(
                path,
                "this is no private key in PEM form. 'openssl genrsa -out FILE 2048' makes one.",
            ) from None
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise _problem(path, "DKIM knows keys of RSA and Ed25519 only. Make one of these.")
        if isinstance(key, RSAPrivateKey) and key.key_size < _LEAST_BITS:
            raise _problem(
                path,
                f"{key.key_size} bits are too few: receivers take no RSA key under {_LEAST_BITS}. Make one of "
                f"{_GOOD_BITS}.",
            )
        return cls(key, is_private=mode & 0o077 == 0)

    def sign(self, data: bytes) -> bytes:
        """Takes 200 us with RSA of 2048 bits, 20 us with Ed25519; other threads go on meanwhile."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, _PADDING, _DIGEST)
        return self._key.sign(hashlib.sha256(data).digest())  # RFC 8463 3


def _problem(path: Path, why: str) -> SettingsProblem:
    return SettingsProblem(problem=f"dkim.key_file {path}: {why}")
