"""The key that mails are signed with: what is taken, what is refused and in which words."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers, rsa_crt_iqmp
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from dispatcher.adapters.dkim_key import DkimKey
from dispatcher.domain.errors import SettingsProblem
from tests.dkim_keys import ed25519, rsa, write_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dkim.pem"


def problem(file: Path) -> str:
    with pytest.raises(SettingsProblem) as raised:
        DkimKey.open(file)
    said = str(raised.value)
    assert f"dkim.key_file {file}: " in said and said.endswith(".")
    return said


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_is_read_and_its_record_told(file: Path, form: PrivateFormat) -> None:
    key = DkimKey.open(write_key(file, rsa(), form=form))
    public = rsa().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key.record == f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    assert (key.name, key.algorithm, key.short, key.is_private) == (
        "RSA of 2048 bits",
        "rsa-sha256",
        False,
        True,
    )


def test_an_ed25519_key_is_read_and_its_record_told(file: Path) -> None:
    key = DkimKey.open(write_key(file, ed25519()))
    assert key.record.startswith("v=DKIM1; k=ed25519; p=")
    assert len(base64.b64decode(key.record.partition("p=")[2])) == 32  # RFC 8463 4: the bare key
    assert (key.name, key.algorithm, key.short) == ("Ed25519", "ed25519-sha256", False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_seen(file: Path, mode: int) -> None:
    assert not DkimKey.open(write_key(file, ed25519(), mode=mode)).is_private


def test_a_key_of_1024_bits_is_taken_and_called_short(file: Path) -> None:
    assert DkimKey.open(write_key(file, rsa(1024))).short


def test_a_shorter_key_is_refused(file: Path) -> None:
    # Made by hand: cryptography makes none so short.
    p, q = _prime(2**383 + 1), _prime(2**384 + 2**200 + 1)
    e, d = 65537, pow(65537, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(
        p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=rsa_crt_iqmp(p, q),
        public_numbers=RSAPublicNumbers(e=e, n=p * q),
    )  # fmt: skip
    write_key(file, numbers.private_key(unsafe_skip_rsa_key_validation=True))
    assert "768 bits are too few" in problem(file)


def _prime(start: int) -> int:
    """The next that Fermat takes for one."""
    while pow(2, start - 1, start) != 1:
        start += 2
    return start


def test_a_missing_file_is_told_with_the_way_out(file: Path) -> None:
    assert "there is no such file" in problem(file) and "let the relay sign" in problem(file)


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    assert "mode 0600" in problem(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert "no private key in PEM form" in problem(file)


def test_the_public_half_alone_is_told(file: Path) -> None:
    file.write_bytes(rsa().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "no private key in PEM form" in problem(file)


def test_a_locked_key_is_told(file: Path) -> None:
    file.write_bytes(
        ed25519().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    assert "locked with a password" in problem(file)


def test_a_key_of_another_kind_is_told(file: Path) -> None:
    key = generate_private_key(SECP256R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert "RSA and Ed25519 only" in problem(file)


def test_no_message_shows_the_key(file: Path) -> None:
    content = write_key(file, ed25519()).read_text().replace("PRIVATE KEY", "PRIVATE KEYS")
    file.write_text(content)
    assert content.splitlines()[1] not in problem(file)
