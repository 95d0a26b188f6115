"""The log as other programs get it, and the board's sentence."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dispatcher.domain.delivery import DeliveryState
from dispatcher.services.packet import Packets
from dispatcher.services.report import as_document, first_line, instant, log_rows
from dispatcher.services.routing import NoSuchMission
from dispatcher.services.store import LogFilter
from tests.installation import GREYLISTED, NOON, REYKJAVIK, Installation, ScriptedTransport, in_turn

D = DeliveryState


def test_a_row_of_the_log_keeps_its_contract(home: Installation) -> None:
    (id,) = home.take()
    home.prepare()
    home.live_through(home.courier(ScriptedTransport(answer=in_turn(GREYLISTED))), NOON)
    (row,) = log_rows(home.house.store, LogFilter())
    document = as_document(row)
    assert {"letter", "mission", "channel", "state", "reason", "due_at", "message_id", "attempts"} <= set(
        document
    )
    assert (document["letter"], document["mission"], document["channel"]) == (id, "cn-nl-the-hague", "email")
    assert (document["state"], document["reason"]) == ("accepted", None)
    first, second = document["attempts"]
    assert set(first) == {"at", "outcome", "code", "enhanced_code", "reply", "provider_ref"}
    assert (first["outcome"], first["code"], first["enhanced_code"]) == ("deferred", 451, "4.7.1")
    assert first["at"] == "2027-09-24T07:00:00Z"
    assert second["outcome"] == "accepted"


def test_a_long_log_is_read_in_pages_without_losing_a_row(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.take(7)
    monkeypatch.setattr("dispatcher.services.report._PAGE", 3)
    rows = [row.delivery.id for row in log_rows(home.house.store, LogFilter())]
    assert rows == [row.delivery.id for row in home.log()]
    assert len(rows) == 7


def test_times_are_utc() -> None:
    assert (
        instant(datetime(2027, 9, 24, 9, 0, 0, 999, tzinfo=timezone(timedelta(hours=2))))
        == "2027-09-24T07:00:00Z"
    )
    assert instant(datetime(2027, 9, 24, tzinfo=UTC)) == "2027-09-24T00:00:00Z"


@pytest.mark.parametrize(
    ("totals", "in_review", "sentence"),
    [
        ({}, 0, "0 of 0 letters are with their missions. Nothing needs you."),
        ({D.ACCEPTED: 1200, D.DELIVERED: 34, D.QUEUED: 6}, 0, "1,234 of 1,240 letters are with their missions. Nothing needs you."),
        ({D.ACCEPTED: 5, D.FAILED: 3, D.CANCELLED: 2, D.HELD: 1}, 0, "5 of 6 letters are with their missions. 1 needs you."),
        ({D.IN_DOUBT: 2, D.HELD: 1}, 4, "0 of 3 letters are with their missions. 7 need you."),
    ],
)  # fmt: skip
def test_the_boards_sentence_says_what_is_known(
    totals: dict[DeliveryState, int], in_review: int, sentence: str
) -> None:
    assert first_line(totals, in_review) == sentence


def test_the_boards_sentence_tells_of_letters_that_wait_for_their_second_reading() -> None:
    assert first_line({D.QUEUED: 2}, 0, 1_200) == (
        "0 of 2 letters are with their missions. 1,200 more wait for the second reading. Nothing needs you."
    )
    assert "1 more waits for the second reading." in first_line({}, 1, 1)


def test_a_packet_holds_every_letter_that_waits_for_paper(home: Installation) -> None:
    home.take(3, country="IS")
    home.take(1, first=9)
    bound: list[int] = []

    class Binder:
        def bind(self, documents: Sequence[bytes]) -> tuple[bytes, int]:
            bound.append(len(documents))
            assert all(document.startswith(b"%PDF") for document in documents)
            return b"%PDF bound", 3

    packets = Packets(house=home.house, pages=Binder())
    target = home.settings.data / "packet.pdf"
    assert packets.write(REYKJAVIK, target) == (3, 3)
    assert bound == [3]
    assert target.read_bytes() == b"%PDF bound"
    assert target.stat().st_mode & 0o077 == 0
    assert packets.write("cn-jp-tokyo", home.settings.data / "none.pdf") == (0, 0)
    assert not (home.settings.data / "none.pdf").exists()
    with pytest.raises(NoSuchMission):
        packets.write("cn-xx-nowhere", target)
