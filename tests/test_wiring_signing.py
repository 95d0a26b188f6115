"""Mails that an installation signs, from its settings to the receiver; and one that has no key pays nothing."""

import asyncio
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from dispatcher.adapters import mime
from dispatcher.adapters.dkim_key import DkimKey
from dispatcher.domain.delivery import DeliveryState
from dispatcher.domain.errors import SettingsProblem
from dispatcher.services.going_live import Severity
from dispatcher.services.transport import Parcel, Transport, Witness
from dispatcher.settings import load_settings
from dispatcher.wiring import make_courier
from dispatcher.wiring_check import inspect
from dispatcher.wiring_signing import make_mail_writer, relay_selector
from tests import dkim_keys
from tests.adapters.test_mail_domain import asking
from tests.dkim_keys import SELECTOR, ed25519, is_verified, rsa, write_key
from tests.installation import NOON, Installation, installation, write_campaign
from tests.servers.aiosmtpd_server import AiosmtpdServer
from tests.servers.in_thread import in_thread
from tests.servers.smtp_posting import transport

# That of the tests' campaign.
DOMAIN = "campaign.example.org"
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 20


@pytest.fixture(autouse=True)
def receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever receives the mails lives on the tests' action day, and looks for their key."""
    monkeypatch.setattr("dkim.time", SimpleNamespace(time=NOON.timestamp))
    monkeypatch.setattr(dkim_keys, "DOMAIN", DOMAIN)


@contextmanager
def signing(folder: Path, template: Path, **environment: str) -> Iterator[Installation]:
    """With a key of Ed25519, on SQLite."""
    folder.mkdir(exist_ok=True)
    database = shutil.copyfile(template, folder / "dispatcher.sqlite3")
    key = write_key(folder / "dkim.pem", ed25519())
    settings = {"DOMAIN": DOMAIN, "SELECTOR": SELECTOR, "KEY_FILE": str(key)}
    given = {f"DISPATCHER_DKIM__{name}": value for name, value in settings.items()}
    with installation(folder, f"sqlite:///{database}", **{**given, **environment}) as home:
        yield home


def said(home: Installation, *, live: bool = False) -> dict[str, Severity]:
    """Of DKIM."""
    found = inspect(home.settings, live=live, learned=False)
    return {each.id: each.severity for each in found if "dkim" in each.id}


def test_without_a_key_mails_are_written_as_ever(tmp_path: Path, sqlite_template: Path) -> None:
    none = {f"DISPATCHER_DKIM__{name}": "" for name in ("DOMAIN", "SELECTOR", "KEY_FILE")}
    with signing(tmp_path / "data", sqlite_template, **none) as home:
        assert make_mail_writer(home.settings, home.clock) is mime
        assert said(home) == {}


def test_a_rehearsal_leaves_signed_mails_in_the_mailroom(tmp_path: Path, sqlite_template: Path) -> None:
    with signing(tmp_path / "data", sqlite_template) as home:
        home.take(2)
        home.submit(3, name="Łucja Żak", language="en")  # she is asked to confirm by a notice
        home.prepare()
        home.clock.move_to(NOON)
        home.work(make_courier(home.house, home.settings))
    mails = [file.read_bytes() for file in sorted((tmp_path / "data" / "mailroom").glob("*.eml"))]
    assert len(mails) == 3 and all(mail.startswith(b"DKIM-Signature: ") for mail in mails)
    assert all(is_verified(mail) for mail in mails)
    assert not is_verified(mails[0].replace(b"safety", b"danger"))


@dataclass
class Noted:
    """Notes what is handed to the transport behind it."""

    behind: Transport
    handed: list[bytes] = field(default_factory=list)

    async def send(self, parcels: Iterable[Parcel], witness: Witness) -> None:
        await self.behind.send(map(self._noted, parcels), witness)

    async def close(self) -> None:
        await self.behind.close()

    def _noted(self, parcel: Parcel) -> Parcel:
        self.handed.append(parcel.content)
        return parcel


def test_a_signed_letter_with_an_enclosure_reaches_the_server_byte_for_byte(
    tmp_path: Path, sqlite_template: Path
) -> None:
    write_campaign(tmp_path / "data" / "campaigns", enclosures=[("summary.pdf", PDF)])
    with signing(tmp_path / "data", sqlite_template) as home, in_thread(AiosmtpdServer()) as server:
        home.take(3)
        home.prepare()
        home.clock.move_to(NOON)
        courier = home.courier()
        courier.transport = noted = Noted(transport(server.port))

        async def send() -> None:
            await courier.round()
            await noted.close()

        asyncio.run(send())
        received = server.contents
        assert home.states() == {DeliveryState.ACCEPTED: 3}
    assert received == noted.handed
    assert all(b"Content-Disposition: attachment" in mail and is_verified(mail) for mail in received)


def test_check_says_that_mails_are_signed_and_whether_the_published_key_is_ours(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = {
        "DISPATCHER_DKIM__DOMAIN": "real-campaign.de",
        "DISPATCHER_CAMPAIGNS__FROM_ADDRESS": "letters@real-campaign.de",
    }
    name = f"{SELECTOR}._domainkey.real-campaign.de."

    def with_record(record: str) -> dict[str, Severity]:
        with asking(monkeypatch, {name: [record]}):
            return said(home, live=True)

    with signing(tmp_path / "data", sqlite_template, **real) as home:
        assert said(home) == with_record(DkimKey(ed25519()).record) == {"dkim-signing": Severity.NOTE}
        other = with_record(DkimKey(rsa()).record)
        assert other == {"dkim-signing": Severity.NOTE, "dkim-published": Severity.STOP}


def test_a_key_that_cannot_be_used_is_a_finding_and_no_courier_starts(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with signing(tmp_path / "data", sqlite_template) as home:
        (tmp_path / "data" / "dkim.pem").unlink()
        assert said(home) == {"dkim-key": Severity.STOP}
        with pytest.raises(SettingsProblem, match="there is no such file"):
            make_courier(home.house, home.settings)


def test_a_key_that_others_can_read_is_a_finding_in_any_mode(tmp_path: Path, sqlite_template: Path) -> None:
    with signing(tmp_path / "data", sqlite_template) as home:
        (tmp_path / "data" / "dkim.pem").chmod(0o644)
        assert said(home) == {"dkim-signing": Severity.NOTE, "dkim-key-readable": Severity.STOP}


def test_a_selector_of_the_relay_is_looked_at_beside_our_own(tmp_path: Path, sqlite_template: Path) -> None:
    with signing(tmp_path / "data", sqlite_template) as home:
        assert relay_selector(home.settings) is None
    assert relay_selector(load_settings({})) == ""
    assert relay_selector(load_settings({"DISPATCHER_CAMPAIGNS__DKIM_SELECTOR": "r1"})) == "r1"
