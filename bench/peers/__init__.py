"""What a Python (or Node) user would take instead, each sending letters of the same words and size to the same kind
of sink. Installed on first use into a folder of its own (BENCH_WORK, else .venv/bench), never into the project's
environment."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.machine import clean_environment, work_folder
from bench.outbox import Sent
from bench.sink import SESSIONS, smtp_sink

_HERE = Path(__file__).parent
_INSTALL_SECONDS = 300
_SEND_SECONDS = 300


class PeerMissing(Exception):
    """Why a peer cannot be measured here: a sentence."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """prepare: makes it ready and answers the command that sends. letters: how many; the slow ones get fewer, for a
    round must stay short."""

    name: str
    letters: int
    prepare: Callable[[], list[str]]

    def send(self, command: list[str], text: str, size: int) -> Sent:
        """text, size: a letter's words, and the bytes that its mail comes to at the least."""
        with smtp_sink() as sink:
            result = _result(
                command,
                {
                    "BENCH_PORT": str(sink.port),
                    "BENCH_LETTERS": str(self.letters),
                    "BENCH_LINES": str(SESSIONS),
                    "BENCH_TEXT": text,
                    "BENCH_SIZE": str(size),
                    "BENCH_WORK": str(work_folder()),
                },
            )
            count = sink.count()
        return Sent(
            letters=self.letters,
            seconds=result["seconds"],
            cpu=result["cpu_seconds"] / self.letters * 1e6,
            peak=result["peak_mb"],
            bad="" if count == self.letters else f"the sink took {count:,} letters",
        )


def _result(command: list[str], variables: Mapping[str, str]) -> dict[str, float]:
    done = subprocess.run(
        command,
        env={**clean_environment(), **variables},
        capture_output=True,
        text=True,
        timeout=_SEND_SECONDS,
        check=False,
    )
    if done.returncode:
        raise PeerMissing(f"it ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _aiosmtplib() -> list[str]:
    return [sys.executable, str(_HERE / "aiosmtplib_sender.py")]  # a library of ours anyway


def _post_office() -> list[str]:
    python = work_folder() / "post-office" / "bin" / "python"
    if not _runs([str(python), "-c", "import post_office"]):
        _install([sys.executable, "-m", "venv", str(python.parent.parent)])
        _install(
            [str(python), "-m", "pip", "install", "--quiet", "django>=5.2,<6", "django-post-office>=3.12,<4"]
        )
    return [str(python), str(_HERE / "post_office_sender.py")]


def _nodemailer() -> list[str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise PeerMissing("node and npm are not installed")
    folder = work_folder() / "node"
    if not (folder / "node_modules" / "nodemailer").is_dir():
        folder.mkdir(exist_ok=True)
        _install(
            [
                npm,
                "install",
                "--silent",
                "--no-fund",
                "--no-audit",
                "--ignore-scripts",
                "--prefix",
                str(folder),
                "nodemailer",
            ]
        )
    return [node, str(_HERE / "nodemailer_sender.js")]


def _runs(command: list[str]) -> bool:
    return (
        Path(command[0]).exists()
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def _install(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        words = (getattr(error, "stderr", None) or str(error)).strip()
        raise PeerMissing(f"it could not be installed: {words[-300:]}") from None


PEERS = (
    Peer(name="nodemailer, pool of 8", letters=5000, prepare=_nodemailer),
    Peer(name="django-post_office, SQLite", letters=2000, prepare=_post_office),
    Peer(name="aiosmtplib with EmailMessage, 8 lines", letters=2000, prepare=_aiosmtplib),
)
