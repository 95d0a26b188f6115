"""The log is sealed by the clock, and every way of changing the past shows, on both engines."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.adapters.database import seals as seals_module
from dispatcher.adapters.database.store import DatabaseStore, DatabaseWork
from dispatcher.domain.letter import LetterId
from dispatcher.services import sealing as sealing_module
from dispatcher.services.audit import Audit, audit
from dispatcher.services.sealing import Sealing
from dispatcher.services.store import StoreConflict
from tests.installation import NOON, REFUSED, Installation, ScriptedTransport, in_turn, installation
from tests.lent_postgres import LentPostgres


@pytest.fixture(autouse=True)
def _no_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    _small_blocks(monkeypatch)


def _small_blocks(patch: pytest.MonkeyPatch) -> None:
    """The margin on PostgreSQL is for a moment that no test can hit on purpose."""
    patch.setattr(seals_module, "_MARGIN_SECONDS", 0.0)
    patch.setattr(sealing_module, "BLOCK_ROWS", 10)


@pytest.fixture
def sealed(home: Installation) -> Installation:
    """Eight letters on their way, sealed in several blocks of ten rows at most."""
    return _seal_some(home)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def once_sealed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The same, for tests that leave no change behind."""
    folder = tmp_path_factory.mktemp("sealed")
    with ExitStack() as stack:
        if request.param == "sqlite":
            file = shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / "d.sqlite3")
            url = f"sqlite:///{file}"
        else:
            databases: LentPostgres = request.getfixturevalue("lent_postgres")
            url = databases.lend()
            stack.callback(databases.take_back, url)
        home = stack.enter_context(installation(folder / "data", url))
        with pytest.MonkeyPatch.context() as patch:
            _small_blocks(patch)
            yield _seal_some(home)


def _seal_some(home: Installation) -> Installation:
    home.take(8)
    home.prepare()
    home.live_through(
        home.courier(ScriptedTransport(answer=in_turn(None, REFUSED))), NOON + timedelta(hours=8)
    )
    house = home.house
    (withdrawn,) = home.take(1, first=40)
    house.confirmation.withdraw(withdrawn)
    assert house.sealing.seal_all() >= 3
    return home


class _Undone(Exception):
    pass


@contextmanager
def changed(home: Installation, *statements: str) -> Iterator[DatabaseWork]:
    """The log after a change behind the service's back, which is undone at the end of the block."""
    store = home.house.store
    assert isinstance(store, DatabaseStore)
    with suppress(_Undone), store.database.write() as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount, statement
        yield DatabaseWork(connection, store.database.vault)
        raise _Undone


def seal_findings(work: DatabaseWork, head: str | None = None) -> set[int]:
    return {each.id for each in audit(work.ledger, head=head).broken if each.rule == "seal"}


def audited(home: Installation) -> Audit:
    return home.audit()


def test_a_sealed_log_is_green_and_nothing_is_left_unsealed(once_sealed: Installation) -> None:
    found = audited(once_sealed)
    assert found.ok, found.broken
    assert found.chain.blocks >= 3
    assert found.chain.unsealed == 0
    assert found.document()["seals"]["head"] == found.chain.head


def test_new_rows_wait_for_their_seal_and_then_follow_in_the_chain(sealed: Installation) -> None:
    before = audited(sealed).chain
    sealed.take(1, first=50)
    waiting = audited(sealed).chain
    assert waiting.unsealed > 0 and waiting.head == before.head
    assert waiting.unsealed_since is not None
    sealed.house.sealing.seal_all()
    after = audited(sealed).chain
    assert after.unsealed == 0 and after.blocks > before.blocks
    with changed(sealed) as work:
        assert seal_findings(work, head=before.head) == set()


# The row with the middle id of the second block, so that no edge helps.
_MOVE = "(SELECT (first_move + last_move) / 2 FROM seals WHERE number = 2)"
_FIRST_ATTEMPT = "(SELECT min(id) FROM attempts)"
WAYS: dict[str, str] = {
    "a move's state": f"UPDATE moves SET new = 'failed' WHERE id = {_MOVE}",
    "a move's hour": f"UPDATE moves SET at = at + 1 WHERE id = {_MOVE}",
    "who did it": f"UPDATE moves SET by = 'nobody' WHERE id = {_MOVE}",
    "a move's reason": f"UPDATE moves SET reason = 'x' WHERE id = {_MOVE}",
    "a sealed note": f"UPDATE moves SET note = '\\x00' WHERE id = {_MOVE}",
    "a move deleted": f"DELETE FROM moves WHERE id = {_MOVE}",
    "which mission": "UPDATE outbox SET mission = 'cn-jp-tokyo' WHERE id = 2",
    "which address": "UPDATE outbox SET recipient = 'somebody@else.example' WHERE id = 2",
    "an attempt's code": f"UPDATE attempts SET code = 251 WHERE id = {_FIRST_ATTEMPT}",
    "an attempt's outcome": f"UPDATE attempts SET outcome = 'refused' WHERE id = {_FIRST_ATTEMPT}",
    "an attempt's sealed reply": f"UPDATE attempts SET reply = NULL WHERE id = {_FIRST_ATTEMPT}",
    "an attempt's queue id": f"UPDATE attempts SET provider_ref = 'Q9' WHERE id = {_FIRST_ATTEMPT}",
    "an attempt deleted": f"DELETE FROM attempts WHERE id = {_FIRST_ATTEMPT}",
    "a seal's hash": "UPDATE seals SET hash = previous WHERE number = 2",
    "a seal's count": "UPDATE seals SET moves = moves - 1 WHERE number = 2",
    "a seal's hour": "UPDATE seals SET at = at + 1 WHERE number = 2",
    "a seal's salt": "UPDATE seals SET salt = '\\x01' WHERE number = 2",
}


def block_of_attempt(home: Installation) -> int:
    with home.house.store.read() as work:
        return next(seal.number for seal in work.seals.all() if seal.attempts.rows)


@pytest.mark.parametrize("way", WAYS)
def test_every_change_of_the_past_shows_and_names_its_block(once_sealed: Installation, way: str) -> None:
    block = block_of_attempt(once_sealed) if "attempt" in way else 2
    if way.startswith("which"):
        with once_sealed.house.store.read() as work:
            block = next(seal.number for seal in work.seals.all() if seal.deliveries.last >= 2)
    with changed(once_sealed, WAYS[way]) as broken:
        assert not audit(broken.ledger).ok
        assert seal_findings(broken) == {block}
    assert audited(once_sealed).ok


def test_a_row_slipped_into_the_past_shows(once_sealed: Installation) -> None:
    # Room for it is made by leaving out a number, as a rolled-back transaction of PostgreSQL does.
    with changed(
        once_sealed,
        "INSERT INTO moves (id, subject, subject_id, old, new, by, at) VALUES (0, 'letter', 1, NULL, 'submitted', 'x', 0)",
    ) as work:
        assert seal_findings(work) == {1}


def test_a_seal_taken_out_shows(once_sealed: Installation) -> None:
    with changed(once_sealed, "DELETE FROM seals WHERE number = 2") as work:
        assert seal_findings(work) == {3}


def test_a_log_cut_off_with_its_seals_shows_to_who_knows_the_head(once_sealed: Installation) -> None:
    chain = audited(once_sealed).chain
    last = "(SELECT max(number) FROM seals)"
    with changed(
        once_sealed,
        f"DELETE FROM moves WHERE id >= (SELECT first_move FROM seals WHERE number = {last})",
        "DELETE FROM seals WHERE number = (SELECT max(number) FROM seals)",
    ) as work:
        assert seal_findings(work) == set()
        assert seal_findings(work, head=chain.head) == {chain.blocks - 1}


def test_erasing_a_supporter_leaves_the_chain_whole(sealed: Installation) -> None:
    with sealed.house.store.write() as work:
        work.letters.erase([LetterId(number) for number in range(1, 5)], at=NOON)
    found = audited(sealed)
    assert found.ok, found.broken


def test_two_processes_that_seal_at_once_make_one_chain(sealed: Installation) -> None:
    sealed.take(2, first=60)
    store, clock = sealed.house.store, sealed.clock
    one, other = Sealing(store=store, clock=clock), Sealing(store=store, clock=clock)
    for _ in range(6):  # both look at the same block before one of them seals it
        blocks = [one._next_block(), other._next_block()]
        for block in blocks:
            if block is not None:
                try:
                    with store.write() as work:
                        work.seals.add(block)
                except StoreConflict:
                    continue
    found = audited(sealed)
    assert found.ok and found.chain.unsealed == 0, found.broken


def test_what_a_tick_seals_is_limited(sealed: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed.take(8, first=70)
    sealed.house.sealing.seal()  # on PostgreSQL the first look only notes how far the log reaches
    before = audited(sealed).chain.blocks
    assert sealed.house.sealing.seal(most=1) <= 1
    assert audited(sealed).chain.blocks - before <= 1


@pytest.fixture
def sealing(store: DatabaseStore) -> Sealing:
    return Sealing(store=store, clock=SimulatedClock(NOON))


@pytest.mark.parametrize("engine_name", ["postgresql"])  # SQLite has one writer at a time
def test_a_row_that_is_committed_late_is_not_passed_over(store: DatabaseStore, sealing: Sealing) -> None:
    """PostgreSQL numbers rows before they are committed: number 1 can appear after number 2."""

    def insert(connection: Any) -> None:
        connection.execute(
            text(
                "INSERT INTO moves (subject, subject_id, old, new, by, at) VALUES ('letter', 1, NULL, 'submitted', 'x', 1)"
            )
        )

    with store.database.engine.connect() as slow:
        insert(slow)
        with store.database.write() as quick:
            insert(quick)
        for _ in range(3):
            assert sealing.seal() == 0  # number 2 is there, and number 1 may still come
        slow.commit()
    assert sealing.seal() + sealing.seal() == 1
    with store.read() as work:
        (seal,) = work.seals.all()
        assert seal.moves == (1, 2, 2)


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_transaction_elsewhere_does_not_hold_up_an_export_for_ever(
    store: DatabaseStore, sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing_module, "_PATIENCE_SECONDS", 0.3)
    statement = text(
        "INSERT INTO moves (subject, subject_id, old, new, by, at) VALUES ('letter', 1, NULL, 'submitted', 'x', 1)"
    )
    with store.database.engine.connect() as slow:
        slow.execute(statement)
        with store.database.write() as quick:
            quick.execute(statement)
        assert sealing.seal_all() == 0
