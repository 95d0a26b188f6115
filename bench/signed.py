"""Row `dkim`: what it costs to sign each letter as it leaves, beside the same letters unsigned."""

import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.outbox import Outbox, Sent, fill
from bench.report import Results, Table, median, middle
from tests.acceptance.station import SENDER_DOMAIN, WARNINGS


@dataclass(kw_only=True)
class _Way:
    name: str
    settings: dict[str, str] = field(default_factory=dict)
    runs: list[Sent] = field(default_factory=list)


def dkim(results: Results, folder: Path, *, letters: int, rounds: int) -> None:
    filled = fill(folder / "dkim", letters)
    ways = [
        _Way(name="unsigned"),
        _Way(name="RSA-2048", settings=_signing(rsa.generate_private_key(65537, 2048), folder / "rsa.pem")),
        _Way(name="Ed25519", settings=_signing(ed25519.Ed25519PrivateKey.generate(), folder / "ed25519.pem")),
    ]
    for number in range(rounds):
        for way in ways:
            print(f"round {number + 1} of {rounds}: {way.name}", file=sys.stderr, flush=True)
            way.runs.append(_send(filled, folder / f"dkim-{way.name}-{number}", way))
    results.bad += [f"dkim, {way.name}: {run.bad}" for way in ways for run in way.runs if run.bad]
    results.show(
        Table(
            title="Signed with DKIM as they leave (SQLite)",
            columns=("signature", "letters", "letters/s", "CPU us a letter", "peak MB", "ratio"),
            rows=[_row(way, letters, ways[0]) for way in ways],
            notes=(f"Median of {rounds} rounds, from least to most; ratio to unsigned of the same round.",),
        )
    )


def _signing(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, file: Path) -> dict[str, str]:
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {
        "DKIM__DOMAIN": SENDER_DOMAIN,
        "DKIM__SELECTOR": "bench",
        "DKIM__KEY_FILE": str(file),
        "CHECK__ACCEPT": ",".join((*WARNINGS, "dkim-published")),
    }


def _send(filled: Outbox, folder: Path, way: _Way) -> Sent:
    copy = filled.copy(folder)
    try:
        return replace(copy, station=copy.station.with_settings(**way.settings)).send()
    finally:
        shutil.rmtree(folder)


def _row(way: _Way, letters: int, unsigned: _Way) -> tuple[str, ...]:
    bad = "BAD " if any(run.bad for run in way.runs) else ""
    ratio = median(run.rate / plain.rate for run, plain in zip(way.runs, unsigned.runs, strict=True))
    return (
        bad + way.name,
        f"{letters:,}",
        middle(run.rate for run in way.runs),
        middle(run.cpu for run in way.runs),
        f"{max(run.peak for run in way.runs):.0f}",
        f"{ratio:.2f}",
    )
