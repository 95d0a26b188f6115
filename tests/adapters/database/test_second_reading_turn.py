import pytest
from sqlalchemy import event, text

from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.second_reading_turn import SecondReadingTurn
from tests.conftest import POSTGRESQL

on_postgresql = pytest.mark.parametrize("engine_name", [POSTGRESQL], indirect=True)


def test_one_reads_at_a_time_and_then_the_next_one(database: Database) -> None:
    one, other = SecondReadingTurn(database), SecondReadingTurn(database)
    with one.taken() as ours, other.taken() as theirs:
        assert (ours, theirs) == (True, False)
    with other.taken() as theirs:
        assert theirs


def test_a_reading_that_failed_lets_the_next_one_read(database: Database) -> None:
    turn = SecondReadingTurn(database)
    with pytest.raises(ZeroDivisionError), turn.taken() as ours:
        assert ours
        raise ZeroDivisionError
    with turn.taken() as ours:
        assert ours


@on_postgresql
def test_the_next_one_need_not_wait_until_the_server_has_seen_the_session_end(database: Database) -> None:
    held_at_its_end: list[list[int]] = []

    @event.listens_for(database.engine, "close_detached")
    def _before_the_session_ends(_: object) -> None:
        held_at_its_end.append(_holders(database))

    with SecondReadingTurn(database).taken() as ours:
        assert ours and len(_holders(database)) == 1
    assert held_at_its_end == [[]]


@on_postgresql
def test_who_has_lost_the_line_reads_on_beside_the_next_one(database: Database) -> None:
    one, other = SecondReadingTurn(database), SecondReadingTurn(database)
    with one.taken() as ours:
        assert ours
        _cut_the_line(database)
        with other.taken() as theirs:
            assert theirs
    # And it ended without an error.


def _holders(database: Database) -> list[int]:
    """The server's processes that hold a lock of ours."""
    held = (
        "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
    )
    with database.read() as connection:
        return list(connection.execute(text(held)).scalars())


def _cut_the_line(database: Database) -> None:
    """Returns when its server has let go of it."""
    (holder,) = _holders(database)
    with database.read() as connection:
        assert connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": holder}).scalar()
