import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dispatcher.adapters.relay_log import PostfixLog, RelayLogUnreadable
from dispatcher.domain.relay_record import RelayRecord, RelayStatus
from dispatcher.services.relay_evidence import RelayLog
from tests.samples.relay_log import (
    QUEUE,
    SECOND_QUEUE,
    begun,
    expired,
    old_stamped,
    removed,
    stamped,
    taken,
    tried,
)

AT = datetime(2027, 9, 24, 7, 0, tzinfo=UTC)
NOW = datetime(2027, 9, 25, tzinfo=UTC)
MISSION = "embassy@nl.mission.example"
OURS = "<ourletter@campaign.example.org>"
SENT = tried(MISSION, "sent", "250 2.0.0 Ok: queued as 12345", dsn="2.0.0")
Stamp = Callable[[datetime, str, str], str]


def lines(events: Sequence[tuple[str, str]], *, at: datetime = AT, stamp: Stamp = stamped) -> str:
    return "".join(
        stamp(at + timedelta(seconds=number), program, rest) + "\n"
        for number, (program, rest) in enumerate(events)
    )


def written(folder: Path, text: str, name: str = "mail.log") -> str:
    path = folder / name
    content = text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(path)


def read(*files: str, zone: ZoneInfo | None = None) -> RelayLog:
    return PostfixLog(domains=["campaign.example.org"], zone=zone).read(files, now=NOW)


def record(folder: Path, events: Sequence[tuple[str, str]]) -> RelayRecord:
    return read(written(folder, lines(events))).records[OURS]


def test_a_mail_in_the_queue_was_taken(tmp_path: Path) -> None:
    found = record(tmp_path, taken(OURS))
    assert found.taken
    assert not found.returned
    assert (found.queue_ids, found.queued_at) == ((QUEUE,), AT + timedelta(seconds=2))


def test_a_header_alone_proves_nothing(tmp_path: Path) -> None:
    """Postfix writes the Message-ID while the letter is still coming; it may break off."""
    lost = ("submission/smtpd", "lost connection after DATA (1234 bytes) from app[192.0.2.10]")
    assert not record(tmp_path, [*begun(OURS), lost]).taken


@pytest.mark.parametrize(("status", "returned"), [("sent", False), ("deferred", False), ("bounced", True)])
def test_the_relays_own_try_is_read(tmp_path: Path, status: str, returned: bool) -> None:
    words = "host mx said: 550 5.1.1 <a> (in reply to RCPT TO command)"
    found = record(tmp_path, [*taken(OURS), tried(MISSION, status, words, dsn="5.1.1")])
    assert found.last_try is not None
    assert found.taken
    assert (found.last_try.status.value, found.returned) == (status, returned)
    assert (found.last_try.recipient, found.last_try.enhanced_code, found.last_try.words) == (
        MISSION,
        "5.1.1",
        words,
    )
    assert "550 5.1.1" in found.summary()


def test_a_mail_that_expired_was_returned_for_the_reason_of_its_last_try(tmp_path: Path) -> None:
    events = [
        *taken(OURS),
        tried(MISSION, "deferred", "Connection timed out", dsn="4.4.1"),
        expired(),
        removed(),
    ]
    found = record(tmp_path, events)
    assert found.last_try is not None
    assert (found.last_try.status, found.last_try.enhanced_code) == (RelayStatus.EXPIRED, "4.4.1")
    assert found.returned


def test_the_newest_try_counts_in_whatever_order_the_files_are_given(tmp_path: Path) -> None:
    first = written(
        tmp_path, lines([*taken(OURS), tried(MISSION, "deferred", "later", dsn="4.7.1")]), "mail.log.2.gz"
    )
    second = written(tmp_path, lines([SENT], at=AT + timedelta(hours=1)), "mail.log.1")
    for files in ((first, second), (second, first)):
        found = read(*files)
        last = found.records[OURS].last_try
        assert last is not None
        assert last.status is RelayStatus.SENT
        assert found.span is not None
        assert (found.span.first, found.span.last) == (AT, AT + timedelta(hours=1))


def test_the_span_is_that_of_all_files_together(tmp_path: Path) -> None:
    newer = written(tmp_path, lines(taken(OURS), at=AT + timedelta(days=1)), "mail.log")
    older = written(tmp_path, lines(taken("<other@campaign.example.org>", SECOND_QUEUE)), "mail.log.1")
    span = read(newer, older).span
    assert span is not None
    assert (span.first, span.last) == (AT, AT + timedelta(days=1, seconds=2))


def test_a_content_filters_second_queue_id_belongs_to_the_same_mail(tmp_path: Path) -> None:
    filtered = tried(MISSION, "sent", f"250 2.0.0 Ok: queued as {SECOND_QUEUE}", dsn="2.0.0")
    end = tried(MISSION, "bounced", "550 5.1.1 unknown", dsn="5.1.1", queue=SECOND_QUEUE)
    found = record(tmp_path, [*taken(OURS), *taken(OURS, SECOND_QUEUE), filtered, end])
    assert found.queue_ids == (QUEUE, SECOND_QUEUE)
    assert found.returned


def test_a_short_queue_id_that_is_used_again_is_another_mail(tmp_path: Path) -> None:
    other = "<otherletter@campaign.example.org>"
    bounced = tried(MISSION, "bounced", "550", dsn="5.1.1", queue="4AB12C")
    found = read(
        written(
            tmp_path, lines([*taken(OURS, "4AB12C"), removed("4AB12C"), *taken(other, "4AB12C"), bounced])
        )
    )
    assert not found.records[OURS].returned
    assert found.records[other].returned


def test_a_strangers_mail_under_our_queue_id_ends_it(tmp_path: Path) -> None:
    strange = [
        *begun("<x@elsewhere.example>", "4AB12C"),
        tried("a@b.example", "bounced", "550", dsn="5.1.1", queue="4AB12C"),
    ]
    found = read(written(tmp_path, lines([*taken(OURS, "4AB12C"), removed("4AB12C"), *strange])))
    assert set(found.records) <= {OURS}
    assert not found.records[OURS].returned


def test_other_mails_of_the_relay_are_not_kept_in_mind(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines([*taken("<x@elsewhere.example>"), SENT])))
    assert not found.records
    assert found.span is not None


def test_old_stamps_are_read_in_the_relays_zone_and_the_right_year(tmp_path: Path) -> None:
    local = datetime(2027, 9, 24, 9, 0)  # noqa: DTZ001 - the relay's clock on the wall
    file = written(tmp_path, lines(taken(OURS), at=local, stamp=old_stamped))
    assert read(file, zone=ZoneInfo("Europe/Amsterdam")).records[OURS].seen_at == AT + timedelta(seconds=1)
    winter = datetime(2027, 12, 3, 9, 0)  # noqa: DTZ001
    old = read(written(tmp_path, lines(taken(OURS), at=winter, stamp=old_stamped)), zone=ZoneInfo("UTC"))
    assert old.records[OURS].seen_at.year == 2026


def test_an_alias_is_known_by_the_address_that_we_wrote_to(tmp_path: Path) -> None:
    program, rest = tried("third@webmail.example", "bounced", "550", dsn="5.1.1")
    rest = rest.replace("to=<third@webmail.example>,", f"to=<third@webmail.example>, orig_to=<{MISSION}>,")
    last = record(tmp_path, [*taken(OURS), (program, rest)]).last_try
    assert last is not None
    assert last.recipient == MISSION


@pytest.mark.parametrize(
    "content",
    [b"", b"nothing of a mail server\n", b"\x1f\x8bdamaged", gzip.compress(b"x" * 9999)[:40]],
    ids=["empty", "another", "damaged", "cut"],
)
def test_what_is_no_relays_log_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(content)
    with pytest.raises(RelayLogUnreadable):
        read(str(path))
    with pytest.raises(RelayLogUnreadable, match="folder"):
        read(str(tmp_path))
    with pytest.raises(RelayLogUnreadable, match="no such file"):
        read(str(tmp_path / "nowhere"))


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    good = lines([*taken(OURS), SENT])
    path = tmp_path / "mail.log"
    path.write_bytes(
        b"\xff\xfe postfix/smtp[1]: \n"
        + b"postfix" * 5000
        + b"\n"
        + good.encode()
        + b"Sep 99 postfix/qmgr[1]: x"
    )
    assert read(str(path)).records[OURS].taken
