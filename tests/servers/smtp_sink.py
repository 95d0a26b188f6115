"""Postfix's smtp-sink, a server of another make, where it is installed.

needs_smtp_sink = pytest.mark.skipif(not smtp_sink_found(), reason="smtp-sink (postfix) is not installed")
with smtp_sink(folder) as sink:
    ... sink.port, sink.messages()
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SmtpSink:
    """One file a transaction in `folder`: X- lines of the envelope, then the message as it came."""

    port: int
    folder: Path

    def messages(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()]


def smtp_sink_found() -> bool:
    return _program() is not None


@contextmanager
def smtp_sink(folder: Path) -> Iterator[SmtpSink]:
    """Runs smtp-sink until the block ends. folder: an empty one, for the dumps."""
    program = _program()
    assert program is not None, "smtp-sink is not installed"
    port = _free_port()
    # Relative to its folder, so that it need not be let through the folders above.
    command = [program, "-d", "mail."]
    if os.geteuid() == 0:
        # It refuses to stay root, and must be able to write the dumps.
        command += ["-u", "nobody"]
        folder.chmod(0o777)
    process = subprocess.Popen([*command, f"127.0.0.1:{port}", "100"], cwd=folder)
    try:
        _wait_for(port)
        yield SmtpSink(port=port, folder=folder)
    finally:
        process.terminate()
        process.wait(10)


def _program() -> str | None:
    # Debian keeps it where only root's path looks.
    return shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin:/usr/lib/postfix/sbin")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("smtp-sink did not open its port")
