"""What couriers hold: a row for each batch on the wire, so that the outbox needs no index of it."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import JSON, Connection, Select, and_, cast, delete, func, insert, or_, select, update

from dispatcher.adapters.database.naming import Key
from dispatcher.adapters.database.schema import leases, outbox
from dispatcher.domain.delivery import DeliveryId, DeliveryState


class LeaseTable:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, lease: str, courier: str, until: datetime, ids: Sequence[DeliveryId]) -> None:
        row = {"lease": lease, "courier": courier, "until": until, "deliveries": str(list(ids))}
        self._connection.execute(insert(leases), row)

    def held_by(self, lease: str) -> list[DeliveryId]:
        """None for a lease that has ended."""
        found = self._connection.execute(select(leases.c.deliveries).where(leases.c.lease == lease)).scalar()
        return [DeliveryId(id) for id in json.loads(found)] if found else []

    def renew(self, courier: str, until: datetime) -> None:
        self._connection.execute(update(leases).where(leases.c.courier == courier).values(until=until))

    def give_up(self, names: Sequence[str]) -> None:
        if names:
            self._connection.execute(delete(leases).where(leases.c.lease.in_(names)))

    def ended(self, *, now: datetime, dead: Sequence[str]) -> list[str]:
        """The leases of these couriers, and those that ran out."""
        over = or_(leases.c.courier.in_(dead), leases.c.until < now)
        return list(self._connection.scalars(select(leases.c.lease).where(over)))


@cache
def on_the_wire(engine: str) -> Any:
    """Of the outbox: what couriers have. Found by the few leases, never by looking through the outbox."""
    return and_(outbox.c.id.in_(_all_held(engine)), outbox.c.state == DeliveryState.SENDING.value)


def _all_held(engine: str) -> Select[Any]:
    if engine == "postgresql":
        elements = func.json_array_elements_text(cast(leases.c.deliveries, JSON))
        each = elements.table_valued("value", joins_implicitly=True)
        return select(cast(each.c.value, Key)).select_from(leases, each)
    each = func.json_each(leases.c.deliveries).table_valued("value", joins_implicitly=True)
    return select(each.c.value).select_from(leases, each)
