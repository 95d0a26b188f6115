"""Settings that are not right: told by name, all at once, before anything is done."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.dkim_keys import ed25519, write_key
from tests.faces.cli.conftest import Desk


def _with(desk: Desk, **settings: str) -> Desk:
    return replace(desk, settings={f"DISPATCHER_{name}": value for name, value in settings.items()})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SMTP__HSOT", "x", "'smtp.hsot' (or DISPATCHER_SMTP__HSOT) is not a setting"),
        ("NONSENSE", "x", "'nonsense' (or DISPATCHER_NONSENSE) is not a setting"),
        ("MODE__X", "x", "DISPATCHER_MODE__X is not a setting"),
        ("MODE", "Live", "'mode': input should be 'rehearsal' or 'live'"),
        ("SMTP__PORT", "many", "'smtp.port': input should be a valid integer"),
        ("SMTP__PORT", "70000", "'smtp.port': input should be less than or equal to 65535"),
        ("SMTP__SECURITY", "ssl", "'smtp.security': input should be 'starttls', 'tls' or 'none'"),
        ("COURIER__BATCH", "0", "'courier.batch': input should be greater than or equal to 1"),
        ("CAMPAIGNS__LETTERS_PER_HOUR", "-1", "'campaigns.letters_per_hour'"),
        ("DATABASE__URL", "mysql://x/y", "is not an engine that is supported"),
        ("DATABASE__URL", "nonsense", "The database address is not right"),
        ("DATABASE__URL", "sqlite://", "a database in memory would lose letters"),
        ("CAMPAIGNS__ACTIVE", "nothing", "nothing"),
        ("CAMPAIGNS__PATH", "/no/such/folder", "/no/such/folder"),
        ("CAMPAIGNS__FROM_ADDRESS", "not an address", "'campaigns.from_address': this must be a mailbox"),
        ("CAMPAIGNS__BOUNCE_DOMAIN", "x@y", "'campaigns.bounce_domain': this must be a domain"),
        ("CONFIG", "/no/such/file.toml", "there is no file /no/such/file.toml"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(name: str, value: str, words: str, desk: Desk) -> None:
    said = _with(desk, **{name: value}).refused("report")
    assert words in said
    assert "\n" not in said


def test_all_wrong_settings_are_told_at_once(desk: Desk) -> None:
    said = _with(desk, SMTP__PORT="x", MODE="y", CHECK__ACEPT="z").refused("report")
    assert "'smtp.port'" in said and "'mode'" in said and "'check.acept'" in said


def test_the_settings_file_is_read_and_its_unknown_keys_are_told(desk: Desk, tmp_path: Path) -> None:
    good = desk.file("good.toml", "[campaigns]\nletters_per_hour = 7\n")
    assert _with(desk, CONFIG=str(good)).run("report").code == 0
    bad = desk.file("bad.toml", '[campaigns]\nletters_per_huor = 7\n[stmp]\nhost = "x"\n')
    said = _with(desk, CONFIG=str(bad)).refused("report")
    assert "'campaigns.letters_per_huor'" in said and "'stmp'" in said
    broken = desk.file("broken.toml", "mode = \n")
    said = _with(desk, CONFIG=str(broken)).refused("report")
    assert str(broken) in said and "line 1" in said
    binary = desk.file("binary.toml", b"\xff\xfe\x00")
    assert str(binary) in _with(desk, CONFIG=str(binary)).refused("report")


def test_the_environment_goes_before_the_file(desk: Desk) -> None:
    file = desk.file("live.toml", 'mode = "nonsense"\n')
    assert _with(desk, CONFIG=str(file), MODE="rehearsal").run("report").code == 0


def test_a_password_is_never_repeated(desk: Desk) -> None:
    said = _with(desk, SMTP__PASSWORD="hunter2", SMTP__PORT="x").refused("report")
    assert "hunter2" not in said


def test_mail_in_clear_is_for_this_machine_only(desk: Desk) -> None:
    there = _with(desk, SMTP__HOST="mail.save-nk.internal", SMTP__SECURITY="none")
    found = there.run("check", "--live", "--json", code=1).json["findings"]
    (relay,) = [each for each in found if each["id"] == "smtp-relay"]
    assert relay["severity"] == "stop"
    assert "this machine only" in relay["message"]


def test_a_warning_can_be_accepted_and_a_stop_cannot(desk: Desk) -> None:
    every = desk.run("check", "--live", "--json", code=1).json["findings"]
    accepting = _with(desk, CHECK__ACCEPT=",".join(each["id"] for each in every))
    found = accepting.run("check", "--live", "--json", code=1).json
    assert found["ok"] is False
    assert {each["severity"] for each in found["findings"] if each["accepted"]} == {"warn"}
    assert {each["severity"] for each in found["findings"] if not each["accepted"]} == {"stop"}
    assert {"from-address", "bounce-domain", "smtp-host"} <= {
        each["id"] for each in found["findings"] if not each["accepted"]
    }


@pytest.mark.parametrize("command", ["courier", "serve"])
def test_live_mode_does_not_start_while_something_is_open(command: str, desk: Desk) -> None:
    said = _with(desk, MODE="live").refused(command)
    assert said.startswith("Live mode does not start: ")
    assert "The first is 'from-address':" in said
    assert "\n" not in said
    only_warnings = _with(
        desk,
        MODE="live",
        CAMPAIGNS__FROM_ADDRESS="letters@campaign.example",
        CAMPAIGNS__BOUNCE_DOMAIN="campaign.test",
        CHECK__ACCEPT="from-address",
    )
    assert "'from-address'" in only_warnings.refused(command)


def test_a_signing_key_that_is_missing_is_told_by_check_and_by_the_courier(desk: Desk) -> None:
    key = desk.folder / "dkim.pem"
    there = _with(desk, DKIM__DOMAIN="campaign.org", DKIM__SELECTOR="s1", DKIM__KEY_FILE=str(key))
    (found,) = [
        each for each in there.run("check", "--json", code=1).json["findings"] if each["severity"] == "stop"
    ]
    assert found["id"] == "dkim-key" and str(key) in found["message"]
    said = there.refused("courier")
    assert f"dkim.key_file {key}: there is no such file" in said and "\n" not in said


def test_check_notes_that_mails_are_signed_and_blocks_nothing_for_it(desk: Desk) -> None:
    key = write_key(desk.folder / "dkim.pem", ed25519())
    there = _with(
        desk,
        CAMPAIGNS__FROM_ADDRESS="letters@campaign.org",
        DKIM__DOMAIN="campaign.org",
        DKIM__SELECTOR="s1",
        DKIM__KEY_FILE=str(key),
    )
    out = there.run("check").out
    assert (
        "note      dkim-signing: Mails from campaign.org are signed here (DKIM, selector 's1', Ed25519)."
        in out
    )
