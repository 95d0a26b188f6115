"""Organizers' links and sessions: a one-time key is used once, whoever comes at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.services.organizers import Role
from tests.installation import NOON

UNTIL = NOON + timedelta(hours=1)


def organizer(store: DatabaseStore) -> int:
    with store.write() as work:
        mina = work.organizers.add("Mina", Role.MODERATOR, at=NOON)
        work.organizers.keep_key("d" * 64, "link", mina.id, UNTIL)
        return mina.id


def test_a_one_time_key_opens_once_for_those_who_come_at_once(store: DatabaseStore) -> None:
    organizer(store)
    together = Barrier(4)

    def take(_: int) -> bool:
        together.wait()
        with store.write() as work:
            return work.organizers.take_key("d" * 64, "link", now=NOON, once=True) is not None

    with ThreadPoolExecutor(4) as crew:
        assert sum(crew.map(take, range(4))) == 1


def test_a_key_opens_only_as_what_it_is_and_until_its_end(store: DatabaseStore) -> None:
    id = organizer(store)
    with store.write() as work:
        assert work.organizers.take_key("d" * 64, "session", now=NOON, once=False) is None
        assert work.organizers.take_key("e" * 64, "link", now=NOON, once=False) is None
        assert work.organizers.take_key("d" * 64, "link", now=UNTIL, once=True) is None
        found = work.organizers.take_key("d" * 64, "link", now=UNTIL - timedelta(seconds=1), once=False)
        assert found is not None and found.id == id
        work.organizers.drop_key("d" * 64)
        assert work.organizers.take_key("d" * 64, "link", now=NOON, once=False) is None


def test_disabling_ends_every_key_of_theirs(store: DatabaseStore) -> None:
    id = organizer(store)
    with store.write() as work:
        work.organizers.disable(id, at=NOON)
        assert work.organizers.take_key("d" * 64, "link", now=NOON, once=True) is None
        (mina,) = work.organizers.all()
    assert mina.disabled and mina == mina.__class__(id=id, name="Mina", role=Role.MODERATOR, disabled=True)


def test_couriers_are_known_until_they_sign_off(store: DatabaseStore) -> None:
    with store.write() as work:
        work.couriers.seen("one", "host", NOON)
        work.couriers.seen("two", "host", NOON)
        work.couriers.seen("one", "host", UNTIL)
        assert work.couriers.all() == {"one": UNTIL, "two": NOON}
        work.couriers.forget("one")
        assert set(work.couriers.all()) == {"two"}
