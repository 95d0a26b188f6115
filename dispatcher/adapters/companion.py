"""A second Python of this program, at the other end of a socket pair."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from dispatcher.adapters.frames import say

# A machine under load takes seconds to start a Python.
_START_SECONDS = 60.0
# What an operator or a terminal sends to all processes of a group, and this program's first process alone acts upon.
_FOR_THE_FIRST = frozenset({signal.SIGINT, signal.SIGTERM})
# Settings of this service and of the database's client: passwords stand there, and the second process needs none.
_NOT_HANDED_ON = ("DISPATCHER_", "PG")


class Companion:
    """Calls the module's `main` with the descriptor of its end as first argument. shared: descriptors, of locks, that
    it holds too; it gets no others. socket: our end, until somebody takes it. Raises OSError."""

    def __init__(self, module: str, *, shared: Sequence[int] = ()) -> None:
        ours, theirs = socket.socketpair()
        # Blocked from its birth, so that a Ctrl-C finds no moment at which it would end it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_FIRST)
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [sys.executable, *_flags(), "-c", _begin(module), str(theirs.fileno()), *sys.path],
                    pass_fds=(theirs.fileno(), *shared),
                    env={
                        name: value
                        for name, value in os.environ.items()
                        if not name.startswith(_NOT_HANDED_ON)
                    },
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
        except BaseException:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.socket: socket.socket | None = ours

    @property
    def pid(self) -> int:
        return self._process.pid

    def greet(self, hello: Any) -> None:
        """Returns when it has heard this and said a byte. Raises OSError, EOFError."""
        assert self.socket is not None  # noqa: S101 - before it is taken
        self.socket.settimeout(_START_SECONDS)
        say(self.socket, hello)
        if not self.socket.recv(1):
            raise EOFError

    def take_socket(self) -> socket.socket:
        assert self.socket is not None  # noqa: S101 - taken once
        taken, self.socket = self.socket, None
        return taken

    def kill(self) -> None:
        self._process.kill()

    def end(self, patience: float = 0.0) -> None:
        """Returns when it is gone and nothing of it is left, by itself within so many seconds or killed."""
        if self.socket is not None:
            self.take_socket().close()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _flags() -> list[str]:
    """What is shut out here is shut out there too."""
    isolated = ["-I"] if sys.flags.isolated else ["-E"] if sys.flags.ignore_environment else []
    return [*isolated, *(["-X", "utf8"] if sys.flags.utf8_mode else [])]


def _begin(module: str) -> str:
    """It finds its modules where we found ours: beside the source, in a wheel's folder, wherever -P or -I or PYTHONPATH
    let us look."""
    return f"import sys; sys.path[:] = sys.argv[2:]; from {module} import main; main()"
