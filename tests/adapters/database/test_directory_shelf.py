"""The directory in the database is the one of the files; what people and use have added survives an import."""

from dataclasses import replace

import pytest

from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.migrate import migrate
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import Vault
from dispatcher.adapters.directory_files import read_directory
from dispatcher.domain.directory import Directory
from dispatcher.domain.directory_difference import compare
from dispatcher.domain.mission import Contact, ContactKind, Health, MissionId
from dispatcher.shelf import resource
from tests.installation import DIRECTORY, NOON, THE_HAGUE, TOKYO, contact, without

MAILBOX = "embassy@nl.mission.example"


def put(store: DatabaseStore, directory: Directory, digest: str = "a" * 64) -> None:
    with store.write() as work:
        work.directory.replace(directory, digest=digest, summary="test", at=NOON)


def on_the_shelf(store: DatabaseStore) -> Directory:
    with store.read() as work:
        directory = work.directory.load()
    assert directory is not None
    return directory


def contact_of(store: DatabaseStore, mission: MissionId, value: str) -> Contact | None:
    found = on_the_shelf(store).mission(mission)
    assert found is not None
    return next((each for each in found.contacts if each.value == value), None)


def unnumbered(directory: Directory) -> Directory:
    """Contacts get their numbers on the shelf, and missions its order."""
    return replace(
        directory,
        missions=tuple(
            replace(
                each,
                contacts=tuple(
                    sorted(
                        (replace(c, id=None) for c in each.contacts), key=lambda c: (c.kind, c.value, c.role)
                    )
                ),
            )
            for each in sorted(directory.missions, key=lambda each: each.id)
        ),
    )


@pytest.mark.parametrize("which", ["shipped", "made up"])
def test_the_files_directory_comes_back_from_the_shelf_whole(store: DatabaseStore, which: str) -> None:
    directory = read_directory(resource("config", "missions")) if which == "shipped" else DIRECTORY
    put(store, directory)
    found = unnumbered(on_the_shelf(store))
    given = unnumbered(directory)
    assert found.missions == given.missions
    for part in ("jurisdictions", "coverings", "territories", "split_cities", "closures", "sources"):
        assert getattr(found, part) == getattr(given, part), part
    assert compare(given, found).lines() == compare(given, given).lines()


def test_an_empty_shelf_has_no_directory(empty_database_url: str) -> None:
    database = Database(empty_database_url, Vault(bytes(32)))
    migrate(database)
    with DatabaseStore(database).read() as work:
        assert (work.directory.load(), work.directory.version(), work.directory.digest()) == (None, 0, None)
    database.close()


def test_the_version_grows_with_every_change(store: DatabaseStore) -> None:
    versions = []

    def note() -> None:
        with store.read() as work:
            versions.append(work.directory.version())

    note()
    put(store, DIRECTORY)
    note()
    with store.write() as work:
        work.directory.set_contact(contact(THE_HAGUE, ContactKind.FAX, "+31205550199"), at=NOON)
    note()
    with store.write() as work:
        work.directory.set_health(THE_HAGUE, ContactKind.EMAIL, MAILBOX, Health.DEAD, at=NOON)
    note()
    assert versions == sorted(set(versions))


def test_the_digest_is_that_of_the_last_import(store: DatabaseStore) -> None:
    put(store, DIRECTORY, digest="a" * 64)
    put(store, DIRECTORY, digest="b" * 64)
    with store.write() as work:
        work.directory.set_contact(contact(TOKYO, ContactKind.FAX, "+81355550100"), at=NOON)
    with store.read() as work:
        assert work.directory.digest() == "b" * 64


def test_what_use_has_taught_of_a_contact_survives_an_import(store: DatabaseStore) -> None:
    with store.write() as work:
        assert work.directory.set_health(THE_HAGUE, ContactKind.EMAIL, MAILBOX, Health.DEAD, at=NOON)
    put(store, DIRECTORY)
    found = contact_of(store, THE_HAGUE, MAILBOX)
    assert found is not None and found.health is Health.DEAD


def test_a_new_mailbox_starts_untried(store: DatabaseStore) -> None:
    with store.write() as work:
        work.directory.set_health(THE_HAGUE, ContactKind.EMAIL, MAILBOX, Health.DEAD, at=NOON)
    the_hague = DIRECTORY.mission(THE_HAGUE)
    assert the_hague is not None
    moved = replace(the_hague, contacts=(contact(THE_HAGUE, ContactKind.EMAIL, "new@nl.mission.example"),))
    others = tuple(each for each in DIRECTORY.missions if each.id != THE_HAGUE)
    put(store, replace(DIRECTORY, missions=(moved, *others)))
    found = contact_of(store, THE_HAGUE, "new@nl.mission.example")
    assert found is not None and found.health is Health.UNTRIED
    assert contact_of(store, THE_HAGUE, MAILBOX) is None


def test_a_contact_set_by_hand_survives_an_import_and_wins_over_the_files(store: DatabaseStore) -> None:
    by_hand = contact(
        THE_HAGUE, ContactKind.EMAIL, MAILBOX, role="political section", note="asked by telephone"
    )
    extra = contact(TOKYO, ContactKind.FAX, "+81355550100")
    with store.write() as work:
        work.directory.set_contact(by_hand, at=NOON)
        work.directory.set_contact(extra, at=NOON)
    put(store, DIRECTORY)
    put(store, DIRECTORY)
    found = contact_of(store, THE_HAGUE, MAILBOX)
    assert found is not None and (found.role, found.note) == ("political section", "asked by telephone")
    the_hague = on_the_shelf(store).mission(THE_HAGUE)
    assert the_hague is not None and len(the_hague.contacts) == 3
    assert contact_of(store, TOKYO, "+81355550100") is not None


def test_a_contact_set_by_hand_goes_with_its_mission(store: DatabaseStore) -> None:
    with store.write() as work:
        work.directory.set_contact(contact(TOKYO, ContactKind.FAX, "+81355550100"), at=NOON)
    put(store, without(DIRECTORY, [TOKYO]))
    assert on_the_shelf(store).mission(TOKYO) is None
    put(store, DIRECTORY)
    assert contact_of(store, TOKYO, "+81355550100") is None


def test_an_import_that_fails_leaves_the_directory_that_was(store: DatabaseStore) -> None:
    with pytest.raises(ZeroDivisionError), store.write() as work:
        work.directory.replace(without(DIRECTORY, [TOKYO]), digest="c" * 64, summary="test", at=NOON)
        raise ZeroDivisionError
    assert on_the_shelf(store).mission(TOKYO) is not None


def test_the_health_of_an_unknown_contact_is_not_noted(store: DatabaseStore) -> None:
    with store.write() as work:
        before = work.directory.version()
        assert not work.directory.set_health(
            THE_HAGUE, ContactKind.EMAIL, "x@x.example", Health.DEAD, at=NOON
        )
        assert work.directory.version() == before
