"""What an import would change: two directories side by side."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from dispatcher.domain.directory import Closure, Covering, Directory, Jurisdiction, SplitCity, Territory
from dispatcher.domain.mission import Contact, Mission, MissionId


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is in both, but not alike. what: which fields, as "grade: B -> A"."""

    subject: str
    what: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DirectoryDifference:
    """districts, others (countries without embassy, territories, cities, closures): one line of words for
    each row that came or went; a row that changed did both. What the service has learned by itself (ids,
    health of contacts) is not compared."""

    missions_added: tuple[MissionId, ...]
    missions_removed: tuple[MissionId, ...]
    missions_changed: tuple[Change, ...]
    contacts_added: tuple[Contact, ...]
    contacts_removed: tuple[Contact, ...]
    contacts_changed: tuple[Change, ...]
    districts: tuple[str, ...]
    others: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def lines(self) -> list[str]:
        """For people, one change a line; one line that says so where nothing changes."""
        found = [
            *(f"mission added: {mission}" for mission in self.missions_added),
            *(f"mission removed: {mission}" for mission in self.missions_removed),
            *(
                f"mission changed: {change.subject}: {'; '.join(change.what)}"
                for change in self.missions_changed
            ),
            *(f"contact added: {_contact(contact)}" for contact in self.contacts_added),
            *(f"contact removed: {_contact(contact)}" for contact in self.contacts_removed),
            *(
                f"contact changed: {change.subject}: {'; '.join(change.what)}"
                for change in self.contacts_changed
            ),
            *self.districts,
            *self.others,
        ]
        return found or ["nothing changes"]


def compare(old: Directory, new: Directory) -> DirectoryDifference:
    """What is different in `new`, in the order of its rows; what went, in the order of the old ones."""
    missions = _Sides(_missions(old), _missions(new))
    contacts = _Sides(_contacts(old), _contacts(new))
    return DirectoryDifference(
        missions_added=tuple(mission.id for mission in missions.added()),
        missions_removed=tuple(mission.id for mission in missions.removed()),
        missions_changed=tuple(missions.changed(lambda mission: mission.id, _OF_MISSIONS)),
        contacts_added=tuple(contacts.added()),
        contacts_removed=tuple(contacts.removed()),
        contacts_changed=tuple(contacts.changed(_contact, _OF_CONTACTS)),
        districts=tuple(_lines("district", old.jurisdictions, new.jurisdictions, _district)),
        others=(
            *_lines("country without embassy", old.coverings, new.coverings, _covering),
            *_lines("territory", old.territories, new.territories, _territory),
            *_lines("city", old.split_cities, new.split_cities, _city),
            *_lines("closed mission", old.closures, new.closures, _closure),
        ),
    )


_Row = TypeVar("_Row", bound=Mission | Contact)
_Part = TypeVar("_Part", Jurisdiction, Covering, Territory, SplitCity, Closure)

# Not compared: contacts have lines of their own; ids and health come from the service, not from the file.
_OF_MISSIONS = frozenset({"contacts"})
_OF_CONTACTS = frozenset({"id", "health"})


class _Sides(Generic[_Row]):
    def __init__(self, old: Mapping[Hashable, _Row], new: Mapping[Hashable, _Row]) -> None:
        self.old = old
        self.new = new

    def added(self) -> Iterator[_Row]:
        return (row for key, row in self.new.items() if key not in self.old)

    def removed(self) -> Iterator[_Row]:
        return (row for key, row in self.old.items() if key not in self.new)

    def changed(self, subject: Callable[[_Row], str], uncompared: frozenset[str]) -> Iterator[Change]:
        for key, after in self.new.items():
            before = self.old.get(key)
            if before is None:
                continue
            what = tuple(
                f"{field.name}: {_shown(getattr(before, field.name))} -> {_shown(getattr(after, field.name))}"
                for field in fields(after)
                if field.name not in uncompared and getattr(before, field.name) != getattr(after, field.name)
            )
            if what:
                yield Change(subject=subject(after), what=what)


def _missions(directory: Directory) -> dict[Hashable, Mission]:
    return {mission.id: mission for mission in directory.missions}


def _contacts(directory: Directory) -> dict[Hashable, Contact]:
    return {
        (contact.mission, contact.kind, contact.value): contact
        for mission in directory.missions
        for contact in mission.contacts
    }


def _lines(
    subject: str, old: Iterable[_Part], new: Iterable[_Part], words: Callable[[_Part], str]
) -> Iterator[str]:
    """A row that changed shows as one removed and one added."""
    before, after = dict.fromkeys(old), dict.fromkeys(new)
    yield from (f"{subject} removed: {words(row)}" for row in before if row not in after)
    yield from (f"{subject} added: {words(row)}" for row in after if row not in before)


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    return "nothing" if value in {None, ""} else str(value)


def _contact(contact: Contact) -> str:
    return f"{contact.mission} {contact.kind} {contact.value}"


def _district(row: Jurisdiction) -> str:
    since = f" from {row.valid_from}" if row.valid_from else ""
    until = f" until {row.valid_until}" if row.valid_until else ""
    return f"{row.region} {row.region_name}: {row.mission}{since}{until} ({row.source})"


def _covering(row: Covering) -> str:
    return f"{row.country}: {row.reason}, {row.mission or 'no mission covers it'} ({row.source})"


def _territory(row: Territory) -> str:
    return f"{row.country}: {row.held_because or row.responsible} ({row.source})"


def _city(row: SplitCity) -> str:
    return f"{row.city}, {row.region}: {row.mission} ({row.source})"


def _closure(row: Closure) -> str:
    return f"{row.mission} on {row.closed_on}, then {row.successor} ({row.source})"
