"""What the fax gateways of the tests share: a web server of a thread of its own, and answers by script.

Each call for a fax takes the next word of the script: "take", "lose" (take it, and close the line without an
answer), "drop" (close the line, take nothing), or an Answer. When the script is at its end, faxes are taken.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar


@dataclass(frozen=True)
class Answer:
    status: int
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Callback:
    """One request that a gateway makes to us."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def answer(document: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(document), headers)


class Gateway(Protocol):
    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
        """None: the line is closed without an answer."""


G = TypeVar("G", bound=Gateway)


@contextmanager
def serving(gateway: G) -> Iterator[tuple[G, int]]:
    """The gateway on a port of this machine, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = gateway.respond(self.command, self.path, headers, body)
            self.close_connection = True
            if found is None:
                return
            content = found.body.encode()
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _any

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), name="fax gateway", daemon=True)
    thread.start()
    try:
        yield gateway, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
