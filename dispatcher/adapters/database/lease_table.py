"""What couriers hold: a row for each batch on the wire, which names its deliveries. Whoever changes what a lease holds has
locked its row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, Connection, Select, cast, delete, func, insert, or_, select, update

from dispatcher.adapters.database.naming import Key
from dispatcher.adapters.database.schema import leases
from dispatcher.domain.delivery import DeliveryId


@dataclass(frozen=True, kw_only=True)
class Lease:
    """deliveries: also those that have been answered meanwhile, but none that has gone back to the queue."""

    name: str
    since: datetime
    deliveries: frozenset[DeliveryId]


class LeaseTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(
        self, name: str, courier: str, ids: Sequence[DeliveryId], *, since: datetime, until: datetime
    ) -> None:
        row = {"lease": name, "courier": courier, "since": since, "until": until, "deliveries": _written(ids)}
        self._connection.execute(insert(leases), row)

    def get(self, name: str, *, lock: bool = False) -> Lease | None:
        """None for one that has ended. lock: nobody else changes it until the transaction ends."""
        return next(iter(self._read(leases.c.lease == name, lock=lock)), None)

    def all(self) -> list[Lease]:
        return self._read(None, lock=False)

    def ended(self, *, now: datetime, dead: Sequence[str]) -> list[Lease]:
        """The leases of these couriers, and those that ran out; locked."""
        return self._read(or_(leases.c.courier.in_(dead), leases.c.until < now), lock=True)

    def renew(self, courier: str, until: datetime) -> None:
        self._connection.execute(update(leases).where(leases.c.courier == courier).values(until=until))

    def give_up(self, names: Sequence[str]) -> None:
        if names:
            self._connection.execute(delete(leases).where(leases.c.lease.in_(names)))

    def strike(self, ids: Sequence[DeliveryId]) -> None:
        """What goes back to the queue is no lease's any more."""
        going = frozenset(ids)
        for lease in self.all():
            if going & lease.deliveries:
                left = sorted(lease.deliveries - going)
                self._connection.execute(
                    update(leases).where(leases.c.lease == lease.name).values(deliveries=_written(left))
                )

    def _read(self, which: Any, *, lock: bool) -> list[Lease]:
        query = select(leases.c.lease, leases.c.since, leases.c.deliveries).order_by(leases.c.lease)
        if which is not None:
            query = query.where(which)
        rows = self._connection.execute(query.with_for_update() if lock else query)
        return [Lease(name=name, since=since, deliveries=_read(ids)) for name, since, ids in rows]


@cache
def all_held(engine: str) -> Select[Any]:
    """What all leases name."""
    if engine == "postgresql":
        elements = func.json_array_elements_text(cast(leases.c.deliveries, JSON))
        each = elements.table_valued("value", joins_implicitly=True)
        return select(cast(each.c.value, Key)).select_from(leases, each)
    each = func.json_each(leases.c.deliveries).table_valued("value", joins_implicitly=True)
    return select(each.c.value).select_from(leases, each)


def _written(ids: Sequence[DeliveryId]) -> str:
    """A JSON list, as Python writes it."""
    return str(list(ids))


def _read(written: str) -> frozenset[DeliveryId]:
    return frozenset(DeliveryId(id) for id in json.loads(written))
