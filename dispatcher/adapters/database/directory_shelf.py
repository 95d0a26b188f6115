"""The directory as it is kept: what was imported, and on top of it what organizers set by hand."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from dispatcher.adapters.database.directory_schema import (
    contacts,
    directory_changes,
    directory_parts,
    missions,
)
from dispatcher.domain.directory import (
    Closure,
    Covering,
    Directory,
    Jurisdiction,
    NoEmbassyReason,
    Source,
    SplitCity,
    Territory,
)
from dispatcher.domain.mission import (
    Contact,
    ContactId,
    ContactKind,
    Grade,
    Health,
    Mission,
    MissionId,
    MissionKind,
)

_BY_HAND = "coverings_by_hand"
_PARTS: dict[str, TypeAdapter[Any]] = {
    "jurisdictions": TypeAdapter(tuple[Jurisdiction, ...]),
    "coverings": TypeAdapter(tuple[Covering, ...]),
    _BY_HAND: TypeAdapter(tuple[Covering, ...]),
    "territories": TypeAdapter(tuple[Territory, ...]),
    "split_cities": TypeAdapter(tuple[SplitCity, ...]),
    "closures": TypeAdapter(tuple[Closure, ...]),
    "sources": TypeAdapter(tuple[Source, ...]),
}


class DirectoryTables:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version(self) -> int:
        newest: int | None = self._connection.execute(select(func.max(directory_changes.c.id))).scalar()
        return newest or 0

    def digest(self) -> str | None:
        return self._connection.execute(
            select(directory_changes.c.digest)
            .where(directory_changes.c.digest.is_not(None))
            .order_by(directory_changes.c.id.desc())
            .limit(1)
        ).scalar()

    def load(self, *, by_hand: bool = True) -> Directory | None:
        if self.version() == 0:
            return None
        by_mission: dict[str, list[Contact]] = {}
        rows = select(contacts).order_by(contacts.c.id)
        if not by_hand:
            rows = rows.where(contacts.c.by_hand.is_(False))
        for row in self._connection.execute(rows):
            by_mission.setdefault(row.mission, []).append(_contact(row))
        parts = {
            row.part: _PARTS[row.part].validate_json(row.content)
            for row in self._connection.execute(select(directory_parts))
        }
        # The later row of a country counts.
        covered = parts.pop(_BY_HAND, ())
        parts["coverings"] += covered if by_hand else ()
        return Directory(
            missions=tuple(
                _mission(row, tuple(by_mission.get(row.id, ())))
                for row in self._connection.execute(select(missions).order_by(missions.c.id))
            ),
            **parts,
        )

    def replace(self, directory: Directory, *, digest: str, summary: str, at: datetime) -> None:
        """What was set by hand stays, as far as its mission is still there; so does what use has taught of a
        contact's health."""
        old = self.load()
        kept = _by_hand_rows(self._connection)
        health = {
            (contact.mission, contact.kind, contact.value): contact.health
            for mission in (old.missions if old else ())
            for contact in mission.contacts
            if contact.health is not Health.UNTRIED
        }
        known = {mission.id for mission in directory.missions}
        self._connection.execute(delete(contacts))
        self._connection.execute(delete(missions))
        self._connection.execute(delete(directory_parts).where(directory_parts.c.part != _BY_HAND))
        self._connection.execute(insert(missions), [_mission_row(mission) for mission in directory.missions])
        rows = [
            _contact_row(
                replace(
                    contact, health=health.get((contact.mission, contact.kind, contact.value), contact.health)
                )
            )
            for mission in directory.missions
            for contact in mission.contacts
        ]
        by_hand = [row for row in kept if row["mission"] in known]
        hand_keys = {(row["mission"], row["kind"], row["value"]) for row in by_hand}
        rows = [row for row in rows if (row["mission"], row["kind"], row["value"]) not in hand_keys] + by_hand
        if rows:
            self._connection.execute(insert(contacts), rows)
        self._connection.execute(
            insert(directory_parts),
            [
                {"part": name, "content": adapter.dump_json(getattr(directory, name)).decode()}
                for name, adapter in _PARTS.items()
                if name != _BY_HAND
            ],
        )
        self._note(at, summary, digest)

    def cover(
        self, country: str, country_name: str, mission: MissionId, *, source: str, at: datetime
    ) -> None:
        adapter = _PARTS[_BY_HAND]
        content = self._connection.execute(
            select(directory_parts.c.content).where(directory_parts.c.part == _BY_HAND)
        ).scalar()
        others = tuple(row for row in adapter.validate_json(content or "[]") if row.country != country)
        row = Covering(
            country=country,
            country_name=country_name,
            reason=NoEmbassyReason.CHOSEN_BY_HAND,
            mission=mission,
            source=source,
        )
        self._connection.execute(delete(directory_parts).where(directory_parts.c.part == _BY_HAND))
        self._connection.execute(
            insert(directory_parts).values(part=_BY_HAND, content=adapter.dump_json((*others, row)).decode())
        )
        self._note(at, f"{mission} covers {country} by hand")

    def set_contact(self, contact: Contact, *, at: datetime) -> None:
        self._connection.execute(
            delete(contacts).where(
                contacts.c.mission == contact.mission,
                contacts.c.kind == contact.kind.value,
                contacts.c.value == contact.value,
            )
        )
        self._connection.execute(insert(contacts), [_contact_row(contact) | {"by_hand": True}])
        self._note(at, f"{contact.mission}: a contact was set by hand")

    def set_health(
        self, mission: MissionId, kind: ContactKind, value: str, health: Health, *, at: datetime
    ) -> bool:
        changed = self._connection.execute(
            update(contacts)
            .where(contacts.c.mission == mission, contacts.c.kind == kind.value, contacts.c.value == value)
            .values(health=health.value)
        ).rowcount
        if changed:
            self._note(at, f"{mission}: a contact is now known as {health.value}")
        return bool(changed)

    def _note(self, at: datetime, summary: str, digest: str | None = None) -> None:
        self._connection.execute(insert(directory_changes).values(at=at, digest=digest, summary=summary))


def _by_hand_rows(connection: Connection) -> list[dict[str, Any]]:
    rows = connection.execute(select(contacts).where(contacts.c.by_hand.is_(True)))
    return [{key: value for key, value in row._mapping.items() if key != "id"} for row in rows]


def _mission_row(mission: Mission) -> dict[str, Any]:
    return {
        "id": mission.id,
        "kind": mission.kind.value,
        "country": mission.country,
        "country_name": mission.country_name,
        "region": mission.region,
        "city": mission.city,
        "time_zone": mission.time_zone,
        "name": mission.name,
        "website": mission.website,
        "latitude": mission.latitude,
        "longitude": mission.longitude,
        "source": mission.source,
        "source_date": mission.source_date,
        "confidence": mission.confidence,
        "weekend": " ".join(str(day) for day in sorted(mission.weekend)),
    }


def _mission(row: Row[Any], its_contacts: tuple[Contact, ...]) -> Mission:
    return Mission(
        id=MissionId(row.id),
        kind=MissionKind(row.kind),
        country=row.country,
        country_name=row.country_name,
        region=row.region,
        city=row.city,
        time_zone=row.time_zone,
        name=row.name,
        website=row.website,
        latitude=row.latitude,
        longitude=row.longitude,
        source=row.source,
        source_date=row.source_date,
        confidence=row.confidence,
        weekend=frozenset(int(day) for day in row.weekend.split()),
        contacts=its_contacts,
    )


def _contact_row(contact: Contact) -> dict[str, Any]:
    return {
        "mission": contact.mission,
        "kind": contact.kind.value,
        "value": contact.value,
        "role": contact.role,
        "grade": contact.grade.value,
        "source": contact.source,
        "as_of": contact.as_of,
        "used": contact.used,
        "valid": contact.valid,
        "note": contact.note,
        "health": contact.health.value,
        "by_hand": False,
    }


def _contact(row: Row[Any]) -> Contact:
    return Contact(
        id=ContactId(row.id),
        mission=MissionId(row.mission),
        kind=ContactKind(row.kind),
        value=row.value,
        role=row.role,
        grade=Grade(row.grade),
        source=row.source,
        as_of=row.as_of,
        used=row.used,
        valid=row.valid,
        note=row.note,
        health=Health(row.health),
    )
