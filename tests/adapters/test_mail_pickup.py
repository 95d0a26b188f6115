import mailbox
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from dispatcher.adapters.mail_pickup import ImapSource, MaildirSource
from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.security import Security
from dispatcher.services.incoming import LONGEST_KEPT, MailboxUnusable
from dispatcher.settings import ReturnsSettings
from tests.servers.certificates import Authority
from tests.servers.imap_server import ImapServer
from tests.servers.in_thread import in_thread


class _Broken(Exception):
    pass


def _break(_: bytes) -> None:
    raise _Broken


@pytest.fixture
def maildir(tmp_path: Path) -> mailbox.Maildir:
    return mailbox.Maildir(tmp_path / "returns")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def source(server: ImapServer, authority: Authority | None = None, **changes: Any) -> ImapSource:
    fields: dict[str, Any] = {
        "imap_host": "127.0.0.1",
        "imap_port": server.port,
        "imap_username": server.username,
        "imap_password": SecretStr(server.password),
        "imap_ca_file": str(authority.ca_file) if authority else "",
    }
    return ImapSource(ReturnsSettings(**(fields | changes)))


def test_a_maildir_is_emptied_once(maildir: mailbox.Maildir, tmp_path: Path) -> None:
    for number in range(3):
        maildir.add(f"Subject: {number}\n\nhello\n".encode())
    taken: list[bytes] = []
    pickup = MaildirSource(tmp_path / "returns")
    assert pickup.collect(taken.append) == 3
    assert sorted(taken) == [f"Subject: {number}\n\nhello\n".encode() for number in range(3)]
    assert pickup.collect(taken.append) == 0
    found = [message for message in maildir if isinstance(message, mailbox.MaildirMessage)]
    assert [(message.get_subdir(), message.get_flags()) for message in found] == [("cur", "S")] * 3


def test_a_mail_that_could_not_be_kept_stays_new(maildir: mailbox.Maildir, tmp_path: Path) -> None:
    maildir.add(b"Subject: x\n\nhello\n")
    pickup = MaildirSource(tmp_path / "returns")
    with pytest.raises(_Broken):
        pickup.collect(_break)
    taken: list[bytes] = []
    assert pickup.collect(taken.append) == 1


def test_of_a_very_long_mail_the_beginning_is_taken(maildir: mailbox.Maildir, tmp_path: Path) -> None:
    maildir.add(b"Subject: long\n\n" + b"x" * 30_000_000)
    taken: list[bytes] = []
    MaildirSource(tmp_path / "returns").collect(taken.append)
    assert [len(each) for each in taken] == [LONGEST_KEPT]


def test_a_maildir_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MailboxUnusable, match="no such file"):
        MaildirSource(tmp_path / "nowhere").collect(_break)


def test_a_mail_that_another_process_took_is_left_alone(maildir: mailbox.Maildir, tmp_path: Path) -> None:
    maildir.add(b"Subject: x\n\nhello\n")
    folder = tmp_path / "returns"

    def taken_by_another(_: bytes) -> None:
        (path,) = (folder / "new").iterdir()
        path.rename(folder / "cur" / f"{path.name}:2,S")

    assert MaildirSource(folder).collect(taken_by_another) == 1
    assert len(list((folder / "cur").iterdir())) == 1


def test_an_imap_folder_is_emptied_once_over_tls(authority: Authority) -> None:
    with in_thread(ImapServer(context=authority.server_context("127.0.0.1"))) as server:
        server.put(b"Subject: 1\r\n\r\nhello\r\n")
        server.put(b"Subject: 2\r\n\r\nliteral with\r\nTAG lines {5}\r\n)\r\n")
        taken: list[bytes] = []
        pickup = source(server, authority)
        assert pickup.collect(taken.append) == 2
        assert taken == [mail.content for mail in server.mails]
        assert pickup.collect(taken.append) == 0
        server.put(b"Subject: 3\r\n\r\nlater\r\n")
        assert pickup.collect(taken.append) == 1
        assert [mail.flags for mail in server.mails] == [{"$DispatcherTaken"}] * 3


def test_what_a_person_has_read_is_taken_all_the_same(authority: Authority) -> None:
    with in_thread(ImapServer(context=authority.server_context("127.0.0.1"))) as server:
        server.put(b"x").flags.add(r"\Seen")
        assert source(server, authority).collect(lambda _: None) == 1


def test_a_server_without_keywords_is_marked_as_seen(authority: Authority) -> None:
    with in_thread(ImapServer(context=authority.server_context("127.0.0.1"), keywords=False)) as server:
        server.put(b"x")
        pickup = source(server, authority)
        assert (pickup.collect(lambda _: None), pickup.collect(lambda _: None)) == (1, 0)
        assert server.mails[0].flags == {r"\Seen"}


def test_an_imap_mail_that_could_not_be_kept_comes_again(authority: Authority) -> None:
    with in_thread(ImapServer(context=authority.server_context("127.0.0.1"))) as server:
        server.put(b"x")
        with pytest.raises(_Broken):
            source(server, authority).collect(_break)
        assert server.commands[-1] == "LOGOUT"
        assert source(server, authority).collect(lambda _: None) == 1


def test_a_long_imap_mail_is_fetched_in_part(authority: Authority) -> None:
    with in_thread(ImapServer(context=authority.server_context("127.0.0.1"))) as server:
        server.put(b"x" * (LONGEST_KEPT + 5_000_000))
        taken: list[bytes] = []
        source(server, authority).collect(taken.append)
        assert [len(each) for each in taken] == [LONGEST_KEPT]


def test_starttls_is_used_before_the_password_is_sent(authority: Authority) -> None:
    with in_thread(ImapServer(starttls=authority.server_context("127.0.0.1"))) as server:
        server.put(b"x")
        assert source(server, authority, imap_security=Security.STARTTLS).collect(lambda _: None) == 1
        assert server.commands.index("STARTTLS") < server.commands.index("LOGIN")


def test_a_certificate_that_nobody_vouches_for_is_refused(authority: Authority) -> None:
    with in_thread(ImapServer(context=authority.server_context("127.0.0.1"))) as server:
        with pytest.raises(MailboxUnusable, match="certificate"):
            source(server).collect(_break)
        assert "LOGIN" not in server.commands


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"imap_password": SecretStr("wrong")}, "user name or password"),
        ({"imap_folder": "Nowhere"}, "folder 'Nowhere' cannot be opened"),
    ],
)
def test_what_is_wrong_is_told_in_words(authority: Authority, changes: dict[str, Any], words: str) -> None:
    server = ImapServer(context=authority.server_context("127.0.0.1"))
    with in_thread(server), pytest.raises(MailboxUnusable, match=words):
        source(server, authority, **changes).collect(_break)


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE", "LOGOUT"])
def test_a_server_that_hangs_up_loses_no_mail(authority: Authority, command: str) -> None:
    context = authority.server_context("127.0.0.1")
    with in_thread(ImapServer(context=context, drop_at=command)) as server:
        server.put(b"x")
        taken: list[bytes] = []
        if command == "LOGOUT":
            assert source(server, authority).collect(taken.append) == 1
        else:
            with pytest.raises(MailboxUnusable):
                source(server, authority).collect(taken.append)
            server.drop_at = ""
            assert source(server, authority).collect(taken.append) == 1
        assert set(taken) == {b"x"}


def test_a_server_that_is_not_there_is_told() -> None:
    server = ImapServer()
    server.port = 1
    with pytest.raises(MailboxUnusable, match="refused"):
        source(server).collect(_break)


def test_a_password_goes_in_clear_to_this_machine_only() -> None:
    settings = ReturnsSettings(imap_host="imap.example.org", imap_security=Security.NONE)
    with pytest.raises(SettingsProblem, match="in clear"):
        ImapSource(settings)
    with in_thread(ImapServer()) as server:
        server.put(b"x")
        assert source(server, imap_security=Security.NONE).collect(lambda _: None) == 1
