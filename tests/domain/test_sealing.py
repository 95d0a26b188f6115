"""Lines and hashes of the sealed log, without a database."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from dispatcher.domain.log_replay import Replay
from dispatcher.domain.seal_chain import Chain, read_chain
from dispatcher.domain.sealing import (
    BEGINNING,
    AttemptRow,
    DeliveryRow,
    LogPages,
    MoveRow,
    Reach,
    Seal,
    attempt_lines,
    delivery_lines,
    move_lines,
    seal_block,
)

AT = datetime(2027, 9, 24, 10, tzinfo=UTC)
SALT = b"s" * 16


def move(id: int, old: str | None = "queued", new: str = "leased", **changes: str | bytes) -> MoveRow:
    note = changes.get("note")
    return (
        id, "delivery", 7, old, new, None, note if isinstance(note, bytes) else None, str(changes.get("by", "clock")),
        1_800_000_000_000_000,
    )  # fmt: skip


ATTEMPT: AttemptRow = (1, 7, 5, 6, "accepted", 250, "2.0.0", b"\x01cipher", 'Q"1')
DELIVERY: DeliveryRow = (
    7, "letter", 3, None, "c", "cn-nl-the-hague", "email", "embassy@nl.example", "<m@x>", 4
)  # fmt: skip


def pages(moves: list[MoveRow], attempts: list[AttemptRow] | None = None) -> LogPages:
    return LogPages(moves=[moves] if moves else [], attempts=[attempts] if attempts else [], deliveries=[])


def chain_of(*blocks: list[MoveRow]) -> list[Seal]:
    seals: list[Seal] = []
    for rows in blocks:
        last = seals[-1] if seals else None
        upto = Reach(moves=rows[-1][0], attempts=0, deliveries=0)
        seals.append(seal_block(last, pages(rows), upto=upto, at=AT, salt=SALT))
    return seals


def read(seals: list[Seal], moves: list[MoveRow], wanted: str | None = None) -> Chain:
    return read_chain(seals, pages(moves), wanted=wanted)


def test_each_line_is_the_json_that_a_stranger_would_read() -> None:
    row = json.loads(move_lines([move(1, None, 'we"ird ü', note=b"sealed")], SALT))
    assert row["old"] is None and row["new"] == 'we"ird ü' and row["subject_id"] == 7
    assert row["note"] == sha256(b"sealed").hexdigest()
    assert json.loads(attempt_lines([ATTEMPT])) == {
        "id": 1, "delivery": 7, "at": 5, "ended_at": 6, "outcome": "accepted", "code": 250, "enhanced_code": "2.0.0",
        "reply": sha256(b"\x01cipher").hexdigest(), "provider_ref": 'Q"1',
    }  # fmt: skip
    assert json.loads(delivery_lines([DELIVERY]))["recipient"] == "embassy@nl.example"


def test_the_name_of_a_person_is_in_no_line_and_another_salt_hides_it_otherwise() -> None:
    one, other = move_lines([move(1, by="Mina")], SALT), move_lines([move(1, by="Mina")], b"t" * 16)
    assert b"Mina" not in one
    assert one != other


def test_a_chain_agrees_with_its_rows_however_they_are_paged() -> None:
    rows = [move(id) for id in range(1, 11)]
    seals = chain_of(rows[:3], rows[3:4], rows[4:9])
    for size in (1, 2, 7, 100):
        paged = LogPages(
            moves=[rows[at : at + size] for at in range(0, 10, size)], attempts=[], deliveries=[]
        )
        found = read_chain(seals, paged)
        assert (found.faults, found.blocks, found.head, found.unsealed) == ((), 3, seals[-1].hash, 1)


def test_only_the_block_that_was_touched_is_named() -> None:
    rows = [move(id) for id in range(1, 10)]
    seals = chain_of(rows[:3], rows[3:6], rows[6:])
    for touched in (
        [*rows[:4], move(5, by="somebody else"), *rows[5:]],  # edited
        [*rows[:4], *rows[5:]],  # taken out
        [*rows[:4], move(5, new="sending"), *rows[5:]],
    ):
        assert [fault.number for fault in read(seals, touched).faults] == [2]


def test_a_seal_that_was_changed_is_named_and_the_ones_after_it_are_not() -> None:
    rows = [move(id) for id in range(1, 10)]
    first, second, third = chain_of(rows[:3], rows[3:6], rows[6:])
    for changed in (
        replace(second, hash="f" * 64),
        replace(second, at=AT.replace(year=2026)),
        replace(second, salt=b"t" * 16),
        replace(second, moves=second.moves._replace(rows=2)),
    ):
        assert [fault.number for fault in read([first, changed, third], rows).faults] == [2], changed


def test_a_seal_that_was_taken_out_is_named() -> None:
    rows = [move(id) for id in range(1, 10)]
    first, _, third = chain_of(rows[:3], rows[3:6], rows[6:])
    (fault,) = read([first, third], rows).faults
    assert "block 2 is missing" in fault.what


def test_a_cut_at_the_end_shows_only_to_who_knows_the_head() -> None:
    rows = [move(id) for id in range(1, 10)]
    seals = chain_of(rows[:3], rows[3:6], rows[6:])
    assert read(seals[:2], rows[:6]).faults == ()
    assert not read(seals[:2], rows[:6], wanted=seals[-1].hash).knows
    assert read(seals, rows, wanted=seals[1].hash).knows  # an older note is still in the chain


def test_the_replay_finds_what_the_log_and_the_rows_disagree_on() -> None:
    replay = Replay(highest={"letter": 0, "delivery": 9})
    steps = [move(1, None, "queued"), move(2), move(3, "held", "accepted")]
    list(replay.read([steps]))
    assert list(replay.out_of_order) == [("delivery", 7)]
    assert list(replay.differing("delivery", [(7, "accepted"), (8, "queued")])) == [8]
    assert list(replay.without_row("delivery")) == []


def test_a_step_onto_the_wire_is_told_by_its_attempt_and_in_logs_of_old_by_a_row() -> None:
    replay = Replay(highest={"letter": 1, "delivery": 9})
    of_old = [(None, "queued"), ("queued", "leased"), ("leased", "sending"), ("sending", "accepted")]
    steps = [move(number, *step) for number, step in enumerate([*of_old, ("accepted", "bounced")], 1)]
    list(replay.read([steps]))
    assert list(replay.out_of_order) == []
    assert list(replay.differing("delivery", [(7, "bounced")])) == []


def test_a_letters_dispatch_is_told_by_its_delivery_and_in_logs_of_old_by_a_row() -> None:
    replay = Replay(highest={"letter": 2, "delivery": 0})
    steps: list[MoveRow] = [
        (1, "letter", 1, None, "approved", None, None, "x", 0),
        (2, "letter", 2, None, "approved", None, None, "x", 0),
        (3, "letter", 2, "approved", "dispatched", None, None, "x", 0),
    ]
    list(replay.read([steps]))
    assert list(replay.dispatches) == [0, 0, 1]
    assert list(replay.differing("letter", [(1, "approved"), (2, "dispatched")])) == []


def test_the_replay_survives_ids_and_words_that_cannot_be() -> None:
    replay = Replay(highest={"letter": 0, "delivery": 3})
    list(replay.read([[move(1), (2, "nothing", 1, None, "new", None, None, "x", 0)]]))
    assert set(replay.strays) == {("delivery", 7), ("nothing", 1)}


def test_an_empty_log_has_the_beginning_for_a_head() -> None:
    found = read([], [])
    assert (found.blocks, found.head, found.unsealed) == (0, BEGINNING, 0)
