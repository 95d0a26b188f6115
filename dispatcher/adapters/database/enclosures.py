"""Enclosures, encoded once and kept once, by digest."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, insert, select

from dispatcher.adapters.database.schema import enclosures
from dispatcher.services.stationery import EncodedEnclosure


class EnclosureTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, parts: Sequence[EncodedEnclosure]) -> None:
        known = set(self._connection.scalars(select(enclosures.c.digest)))
        for part in parts:
            if part.digest not in known:
                self._connection.execute(
                    insert(enclosures).values(digest=part.digest, name=part.name, part=part.part)
                )

    def get(self, digests: Iterable[str]) -> dict[str, EncodedEnclosure]:
        rows = self._connection.execute(select(enclosures).where(enclosures.c.digest.in_(list(digests))))
        return {
            row.digest: EncodedEnclosure(name=row.name, digest=row.digest, part=bytes(row.part))
            for row in rows
        }
