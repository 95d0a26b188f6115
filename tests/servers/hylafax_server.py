"""A server that speaks HylaFAX's client protocol as hfaxd 6.0.7 does, as far as the adapter speaks it, and that
fails on cue. And, where Debian's hylafax-server is installed, the real one, in a spool folder of its own."""

import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.servers.fax_http import Answer, Callback

_SPOOL, _ETC = Path("/var/spool/hylafax"), Path("/etc/hylafax")
_WORDS = {
    "delivered": ("DONE", ""),
    "busy": ("FAILED", "Busy signal detected; too many attempts to dial"),
    "no_answer": ("FAILED", "No answer from remote"),
    "line_error": ("FAILED", "Failure to train modems"),
    "no_fax": ("FAILED", "No carrier detected"),
    "bad_number": ("FAILED", "Invalid dialing command"),
    "unconfirmed": ("FAILED", "No response to PPS repeated 3 times"),
    "no_modem": ("FAILED", "Kill time expired"),
}


@dataclass
class HylaFaxServer:
    """jobs: by id, their parameters. script: at JSUBM take, lose (take it, close the line) or drop (close the line);
    an Answer is a refusal. lets_in: whether USER is enough, and which password else."""

    script: list[str | Answer] = field(default_factory=list)
    jobs: dict[str, dict[str, str]] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    password: str | None = None
    now: datetime = datetime(2027, 9, 24, 10, tzinfo=UTC)

    @property
    def taken(self) -> list[str]:
        return list(self.jobs)

    def ends(self, ref: str, how: str, *, pages: int | None = None) -> None:
        state, status = _WORDS[how]
        self.jobs[ref] |= {"STATE": state, "STATUS": status, "NPAGES": str(pages or 0)}

    def callback(self, ref: str) -> Callback | None:
        return None


@contextmanager
def hylafax_serving(server: HylaFaxServer) -> Iterator[int]:
    """On a port of this machine, until the block ends."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 20

        def handle(self) -> None:
            _Session(self, server).talk()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=lambda: listening.serve_forever(0.02), daemon=True)
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join(5)


class _Session:
    def __init__(self, handler: socketserver.StreamRequestHandler, server: HylaFaxServer) -> None:
        self._handler = handler
        self._server = server
        self._current: dict[str, str] = {}
        self._folder = ""
        self._data: socket.socket | None = None

    def talk(self) -> None:
        self._say("220 test server (HylaFAX (tm) Version 6.0.7) ready.")
        for line in self._handler.rfile:
            command, _, rest = line.decode().strip().partition(" ")
            if not getattr(self, f"_{command.lower()}")(rest):
                return

    def _say(self, text: str) -> bool:
        self._handler.wfile.write(f"{text}\r\n".encode())
        return True

    def _user(self, rest: str) -> bool:
        return self._say("230 User logged in." if self._server.password is None else "331 Password required.")

    def _pass(self, rest: str) -> bool:
        return self._say("230 User logged in." if rest == self._server.password else "530 Login incorrect.")

    def _type(self, rest: str) -> bool:
        return self._say("200 Type set.")

    _form = _jobfmt = _type

    def _cwd(self, rest: str) -> bool:
        self._folder = rest
        return self._say("250 CWD command successful.")

    def _pasv(self, rest: str) -> bool:
        self._data = socket.create_server(("127.0.0.1", 0))
        port = self._data.getsockname()[1]
        return self._say(f"227 Entering passive mode (127,0,0,1,{port // 256},{port % 256})")

    def _stot(self, rest: str) -> bool:
        assert self._data is not None
        name = f"/tmp/doc{len(self._server.documents) + 1}.tif"
        self._say(f"150 FILE: {name} (Opening new data connection).")
        connection, _ = self._data.accept()
        with self._data, connection, connection.makefile("rb") as stream:
            self._server.documents[name] = stream.read()
        return self._say(f"226 Transfer complete (FILE: {name}).")

    def _list(self, rest: str) -> bool:
        assert self._data is not None
        self._say("150 Opening new data connection.")
        over = {"DONE", "FAILED"}
        rows = [
            f"{id}|{job['JOBINFO']}\r\n"
            for id, job in self._server.jobs.items()
            if (job["STATE"] in over) == (self._folder == "/doneq")
        ]
        connection, _ = self._data.accept()
        with self._data, connection:
            connection.sendall("".join(rows).encode())
        return self._say("226 Transfer complete.")

    def _jnew(self, rest: str) -> bool:
        self._current = {"STATE": "SUSPENDED", "STATUS": "", "NPAGES": "0"}
        id = len(self._server.jobs) + 1
        return self._say(f"200 New job created: jobid: {id} groupid: {id}.")

    def _jparm(self, rest: str) -> bool:
        name, _, value = rest.partition(" ")
        if not value:
            return self._say(f"213 {self._current[name]}")
        self._current[name] = value.strip('"')
        return self._say(f"213 {name} set to {value}.")

    def _jsubm(self, rest: str) -> bool:
        word = self._server.script.pop(0) if self._server.script else "take"
        if isinstance(word, Answer):
            return self._say(f"{word.status} Unable to submit job.")
        if word == "drop":
            return False
        id = str(len(self._server.jobs) + 1)
        self._server.jobs[id] = self._current
        return False if word == "lose" else self._say(f"200 Job {id} submitted.")

    def _job(self, rest: str) -> bool:
        if rest not in self._server.jobs:
            return self._say(f"500 Cannot set job {rest}; job does not exist (No such file or directory).")
        self._current = self._server.jobs[rest]
        return self._say(f"200 Current job: jobid: {rest} groupid: {rest}.")

    def _jkill(self, rest: str) -> bool:
        self._server.killed.append(rest)
        self._server.jobs[rest] |= {"STATE": "FAILED", "STATUS": "Job aborted by request"}
        return self._say(f"200 Job {rest} killed.")

    def _quit(self, rest: str) -> bool:
        self._say("221 Goodbye.")
        return False


def hfaxd_found() -> bool:
    """It changes its root, so it takes root to run it."""
    return os.geteuid() == 0 and all(shutil.which(name, path="/usr/sbin") for name in ("hfaxd", "faxq"))


@contextmanager
def hfaxd() -> Iterator[int]:
    """Debian's own server, without a modem: jobs are taken and reported, and no call is ever made."""
    # Not in pytest's folder: the server gives up its rights before it goes to its spool, and others may not enter there.
    with tempfile.TemporaryDirectory(prefix="hylafax-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield from _running(Path(folder) / "spool")


def _running(spool: Path) -> Iterator[int]:
    shutil.copytree(
        _SPOOL, spool, symlinks=True, ignore=shutil.ignore_patterns("FIFO*", "q[0-9]*", "doc[0-9]*")
    )
    shutil.copytree(_ETC, spool / "etc", dirs_exist_ok=True)
    (spool / "etc" / "hosts.hfaxd").write_text("127.0.0.1\nlocalhost\n")
    (spool / "etc" / "hosts.hfaxd").chmod(0o600)
    for each in (spool, *spool.rglob("*")):
        shutil.chown(each, "uucp", "uucp")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # -l before -i, or it listens to the whole world.
    server = ["/usr/sbin/hfaxd", "-d", "-q", str(spool), "-l", "127.0.0.1", "-i", str(port)]
    queuer = ["/usr/sbin/faxq", "-D", "-q", str(spool)]
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in (queuer, server)
    ]
    try:
        _wait_for(port)
        yield port
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as line:
                line.recv(100)
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
