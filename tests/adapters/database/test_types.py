"""The vault and the sealed columns."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import SecretUnreadable, Vault
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.letter import LetterId
from tests.installation import NO_ANSWER, NOON, Installation, ScriptedTransport, in_turn

KEY = bytes(range(32))
SECRETS = (
    "Roswitha",
    "Vogelsang",
    "quetzal",
    "zauberwort",
    "Kleinkleckersdorf",
    "Strickverein",
    "geheimgrund",
)


def everything_stored(database: Database, folder: Path) -> bytes:
    """All that a thief of the database would have: every cell of every table, and SQLite's files as they are."""
    found: list[bytes] = []
    with database.read() as connection:
        tables = connection.execute(
            text(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
                if database.is_sqlite
                else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
        ).scalars()
        for table in tables.all():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                found += [
                    bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode()
                    for cell in row
                ]
    found += [file.read_bytes() for file in folder.glob("*.sqlite3*")]
    return b"\n".join(found)


def test_nothing_personal_stands_in_clear_after_a_letter_was_sent(home: Installation, tmp_path: Path) -> None:
    (id,) = home.take(
        name="Roswitha Vogelsang",
        email="quetzal@kleinkleckersdorf.example.org",
        city="Kleinkleckersdorf",
        organisation="Strickverein",
        letter="Your Excellency,\n\nzauberwort: please let them go.\n\nWith respect,",
    )
    home.prepare()
    # The far end's words may quote whom it likes.
    quoting = NO_ANSWER.__class__(kind=NO_ANSWER.kind, reply="no answer for quetzal@kleinkleckersdorf")
    transport = ScriptedTransport(answer=in_turn(quoting))
    home.work(home.courier(transport), NOON)
    delivery = home.delivery(id)
    with home.house.store.write() as work:
        work.outbox.move([delivery.id], DeliveryState.ACCEPTED, at=NOON, by="test", note="geheimgrund")
    (sent,) = transport.sent
    assert b"zauberwort" in sent.content  # so it was really there to be found
    stored = everything_stored(home.database, tmp_path).lower()
    assert str(delivery.recipient).encode() in stored  # the search sees what stands in clear
    assert [secret for secret in SECRETS if secret.lower().encode() in stored] == []
    assert home.letter(id).name == "Roswitha Vogelsang"
    (row,) = home.log()
    assert "quetzal" in row.attempts[0].outcome.reply


def test_a_sealed_value_that_was_tampered_with_is_refused(home: Installation) -> None:
    (id,) = home.take()
    database = home.database
    with database.write() as connection:
        sealed = bytes(connection.execute(text("SELECT text FROM writings")).scalar_one())
        changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        connection.execute(text("UPDATE writings SET text = :value"), {"value": changed})
    with pytest.raises(SecretUnreadable):
        home.letter(id)


@pytest.mark.parametrize("length", [0, 1, 5, 13, 20])
def test_a_sealed_value_that_was_cut_short_is_refused(length: int) -> None:
    vault = Vault(KEY)
    with pytest.raises(SecretUnreadable):
        vault.unseal(vault.seal(b"Jane", b"letters.name")[:length], b"letters.name")


def test_a_sealed_value_does_not_fit_into_another_column(home: Installation) -> None:
    (id,) = home.take()
    database = home.database
    with database.write() as connection:
        connection.execute(text("UPDATE writings SET organisation = email"))
    with pytest.raises(SecretUnreadable):
        home.letter(id)


def test_another_key_opens_nothing(home: Installation, database_url: str, tmp_path: Path) -> None:
    (id,) = home.take()
    other = Database(database_url, Vault.open(tmp_path / "other.key"))
    with pytest.raises(SecretUnreadable) as raised, DatabaseStore(other).read() as work:
        work.letters.get([LetterId(id)])
    assert "Jane" not in str(raised.value)
    other.close()


def test_the_same_words_are_sealed_differently_each_time() -> None:
    vault = Vault(KEY)
    assert vault.seal(b"Jane", b"letters.name") != vault.seal(b"Jane", b"letters.name")


def test_the_key_file_is_for_its_owner_only_and_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    first = Vault.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert Vault.open(path).unseal(first.seal(b"x", b"c"), b"c") == b"x"
    assert path.read_bytes() == content


def test_many_who_open_a_new_installation_at_once_get_one_key(tmp_path: Path) -> None:
    for attempt in range(20):
        path, start = tmp_path / f"{attempt}.key", Barrier(6)

        def index(path: Path = path, start: Barrier = start) -> bytes:
            start.wait()
            return Vault.open(path).person_index("jane@example.org")

        with ThreadPoolExecutor(6) as crew:
            assert len({each.result() for each in [crew.submit(index) for _ in range(6)]}) == 1
    assert len(list(tmp_path.iterdir())) == 20


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe\x00", b"A" * 100])
def test_a_damaged_key_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(SecretUnreadable, match=r"secret\.key"):
        Vault.open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "same",
    [
        "Jane.Doe@Example.org",
        " jane.doe@example.org ",
        "jane.doe+letters@example.org",
        "JANE.DOE+1+2@EXAMPLE.ORG",
    ],
)
def test_the_same_person_has_one_index(same: str) -> None:
    assert Vault(KEY).person_index(same) == Vault(KEY).person_index("jane.doe@example.org")


def test_dots_are_the_same_person_at_gmail_only() -> None:
    index = Vault(KEY).person_index
    assert index("jane.doe@gmail.com") == index("janedoe@googlemail.com")
    assert index("jane.doe@example.org") != index("janedoe@example.org")


@pytest.mark.parametrize(
    "other", ["john@example.org", "jane@example.com", "+jane@example.org", "jane@@example.org"]
)
def test_another_mailbox_is_another_person(other: str) -> None:
    assert Vault(KEY).person_index(other) != Vault(KEY).person_index("jane@example.org")


def test_a_person_cannot_be_found_without_the_key() -> None:
    assert Vault(KEY).person_index("jane@example.org") != Vault(KEY[::-1]).person_index("jane@example.org")


def test_a_link_opens_its_own_letter_for_its_own_purpose_only() -> None:
    vault = Vault(KEY)
    token = vault.link_token("confirm", 7)
    assert vault.link_subject("confirm", token) == 7
    assert vault.link_subject("status", token) is None
    assert Vault(KEY[::-1]).link_subject("confirm", token) is None
    assert vault.link_subject("confirm", token.replace("7-", "8-", 1)) is None


@pytest.mark.parametrize(
    ("purpose", "subject", "token"),
    [
        ("bounce", 1, "1-2378446e9fbaae38eb41ef75b86ef7ae"),
        ("bounce", 2**63 - 1, "7fffffffffffffff-15bb1bc19cee2ef53d1856f540dcceed"),
        ("status", 40000, "9c40-ad47b5cf38fb2d1bbbd317ac268ad453"),
    ],
)
def test_a_link_that_was_sent_once_stays_good(purpose: str, subject: int, token: str) -> None:
    vault = Vault(KEY)
    assert [vault.link_token(purpose, subject) for _ in range(2)] == [token, token]
    assert vault.link_subject(purpose, token) == subject


@pytest.mark.parametrize(
    "text", ["", "-", "7", "7-", "x-y", "7-" + "a" * 32, "-7-abc", "٧-abc", "7" * 5000, "é-é"]
)
def test_other_text_is_no_link(text: str) -> None:
    assert Vault(KEY).link_subject("confirm", text) is None


def test_an_instant_comes_back_to_the_microsecond_and_in_utc(store: DatabaseStore) -> None:
    instants = [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2027, 9, 24, 9, 0, 0, 123456, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2027, 9, 24, 18, 0, tzinfo=timezone(timedelta(hours=9))),
        datetime(9999, 12, 31, tzinfo=UTC),
    ]
    with store.write() as work:
        for number, instant in enumerate(instants):
            work.couriers.seen(str(number), "host", instant)
    with store.read() as work:
        found = work.couriers.all()
    assert [found[str(number)] for number in range(len(instants))] == instants
    assert {each.tzinfo for each in found.values()} == {UTC}
