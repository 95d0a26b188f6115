"""The statements of every second, on a long queue: each must find its rows by an index on both engines."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.fax_jobs import FaxJobTable
from dispatcher.adapters.database.letters import LetterTable
from dispatcher.adapters.database.outbox import OutboxTable
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.letter import LetterId, LetterState
from tests.installation import NOON, THE_HAGUE

ROWS = 20_000


@pytest.fixture
def long_queue(database: Database) -> Database:
    """20,000 letters that wait, nearly all of them rendered and not yet due, as on the morning of the day."""
    with database.write() as connection:
        for statement in _FILL:
            connection.execute(text(_NUMBERS + statement), {"rows": ROWS, "noon": _instant(NOON)})
    if (
        not database.is_sqlite
    ):  # which has no statistics in any installation; PostgreSQL makes its own by and by
        with database.write() as connection:
            connection.execute(text("ANALYZE"))
    return database


_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
_FILL = (
    """INSERT INTO letters (id, campaign, action_day, state, source, country, language, shielded, verdict,
                             asked_for_person, mission, submitted_at, approved_at)
       SELECT i, 'c', '2027-09-24', 'approved', 'file', 'NL', 'en', false, 'pass', false, 'cn-nl-the-hague', :noon,
              :noon
       FROM n""",
    """INSERT INTO renderings (id, media_type, digest, enclosures, at)
       SELECT i, 'm', 'd', '', :noon FROM n WHERE i = 1""",
    """INSERT INTO outbox (id, kind, letter, campaign, mission, channel, recipient, state, message_id,
                            due_at, rendering, created_at, moved_at)
       SELECT i, 'letter', i, 'c', 'cn-nl-the-hague', 'email', 'e@x', 'queued', i, :noon + CAST(i AS BIGINT) * 1000000,
              CASE WHEN i % 400 = 0 THEN NULL ELSE 1 END, :noon, :noon
       FROM n""",
    """INSERT INTO queue (delivery, kind, letter, notice, campaign, mission, channel, recipient, due_at, rendering, any_hour)
       SELECT id, kind, letter, notice, campaign, mission, channel, recipient, due_at, rendering, any_hour FROM outbox""",
    """INSERT INTO moves (subject, subject_id, new, "by", at) SELECT 'delivery', i, 'queued', 'outbox', :noon FROM n""",
)


def _instant(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def plan_of(connection: Connection, work: Any) -> str:
    """The plans of all statements that `work` sends, as the engine made them for these very values."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.lstrip()[:6].upper() in {"SELECT", "UPDATE", "WITH R"} and not many:
            seen.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    work()
    event.remove(connection, "before_cursor_execute", note)
    assert seen
    sqlite = connection.dialect.name == "sqlite"
    plans = []
    for statement, values in seen:
        rows = connection.exec_driver_sql(
            f"EXPLAIN {'QUERY PLAN' if sqlite else '(FORMAT JSON)'} {statement}", values
        ).all()
        plans += [row[3] for row in rows] if sqlite else list(_nodes(rows[0][0]))
    return "\n".join(plans)


def _nodes(found: Any) -> Iterator[str]:
    tree = json.loads(found) if isinstance(found, str) else found
    if isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)
        return
    if "Node Type" in tree:
        yield f"{tree['Node Type']} {tree.get('Relation Name', '')} {tree.get('Index Name', '')}"
    for each in [tree.get("Plan"), *tree.get("Plans", [])]:
        if each:
            yield from _nodes(each)


def scans_the_outbox(plan: str) -> bool:
    return scans(plan, "outbox")


def scans(plan: str, table: str) -> bool:
    return any(
        line.startswith(f"Seq Scan {table}") or (line.startswith(f"SCAN {table}") and "INDEX" not in line)
        for line in plan.splitlines()
    )


def test_the_search_for_scans_sees_one(long_queue: Database) -> None:
    with long_queue.read() as connection:
        work = lambda: connection.execute(text("SELECT count(*) FROM outbox WHERE recipient = 'x'"))  # noqa: E731
        assert scans_the_outbox(plan_of(connection, work))


@pytest.mark.parametrize("notices", [False, True])
def test_claiming_goes_by_the_index(long_queue: Database, notices: bool) -> None:
    now = NOON + timedelta(minutes=2)
    with long_queue.write() as connection:
        table = OutboxTable(connection)
        plan = plan_of(connection, lambda: table.due(notices=notices, now=now, limit=100))
    # Of the few mails to supporters PostgreSQL may make a list by an index of their own.
    assert notices or "ix_queue_kind_due_at" in plan, plan
    assert not scans_the_outbox(plan), plan


def test_what_waits_for_the_stationery_is_found_by_its_own_index(long_queue: Database) -> None:
    with long_queue.read() as connection:
        table = OutboxTable(connection)
        plan = plan_of(connection, lambda: table.unrendered(200))
    assert "ix_queue_unrendered" in plan, plan
    assert not scans_the_outbox(plan), plan


def test_settling_renewing_and_counting_go_by_indexes(long_queue: Database) -> None:
    with long_queue.write() as connection:
        table = OutboxTable(connection)

        def work() -> None:
            ids = [DeliveryId(7), DeliveryId(8)]
            table.start(ids, courier="c", lease="l", until=NOON, at=NOON)
            table.get(ids)
            table.of_letters([LetterId(7), LetterId(8)])
            table.of_lease("l")
            table.recover(now=NOON, dead=["c"], by="t")
            table.renew("c", NOON)
            table.next_due()
            table.queued_from(THE_HAGUE, NOON + timedelta(seconds=ROWS - 20))

        plan = plan_of(connection, work)
    assert not scans_the_outbox(plan), plan


def test_whether_letters_are_dispatched_is_asked_letter_by_letter(long_queue: Database) -> None:
    """For one and for a page of them; only who counts all of them reads the whole outbox."""
    with long_queue.write() as connection:
        table = LetterTable(connection, long_queue.vault)

        def work() -> None:
            table.get([LetterId(7)], lock=True)
            table.get([LetterId(number) for number in range(100, 300)])
            table.by_form_key("f" * 32)
            table.in_state(LetterState.SUBMITTED)
            table.undecided()
            table.move(LetterId(7), LetterState.WITHDRAWN, at=NOON, by="t")

        plan = plan_of(connection, work)
    assert "ix_outbox_letter" in plan, plan
    assert "ix_letters_undecided" in plan, plan
    assert not any(scans(plan, table) for table in ("outbox", "letters", "moves")), plan


def test_calls_and_doubts_of_faxes_are_found_by_indexes(long_queue: Database) -> None:
    with long_queue.write() as connection:
        table = FaxJobTable(connection)

        def work() -> None:
            table.lines_in_use(["+12025550103"], besides=[DeliveryId(7)], since=NOON)
            table.to_ask("twilio", now=NOON, asked_before=NOON, limit=20)
            table.doubtful(50)
            table.latest(DeliveryId(7))
            table.calls(DeliveryId(7))

        plan = plan_of(connection, work)
    assert not scans_the_outbox(plan), plan
