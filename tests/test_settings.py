"""Settings: the file, the environment over it, and every mistake in one message."""

from pathlib import Path

import pytest

from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.security import Security
from dispatcher.settings import Mode, load_settings
from dispatcher.shelf import resource


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "dispatcher.toml"


def load(config: Path, text: str = "", **environment: str) -> object:
    config.write_text(text, encoding="utf-8")
    return load_settings({"DISPATCHER_CONFIG": str(config), **environment})


def test_the_shipped_file_is_valid_and_a_rehearsal_is_the_default() -> None:
    settings = load_settings({})
    assert settings.mode is Mode.REHEARSAL
    assert settings.smtp.host == ""
    assert settings.campaigns_folder == resource("config", "campaigns")


def test_the_environment_goes_over_the_file(config: Path) -> None:
    config.write_text('mode = "live"\n[smtp]\nhost = "file.example"\nport = 25\n')
    settings = load_settings(
        {
            "DISPATCHER_CONFIG": str(config),
            "DISPATCHER_SMTP__HOST": "env.example",
            "DISPATCHER_SMTP__SECURITY": "tls",
            "DISPATCHER_CHECK__ACCEPT": "dns-spf, dns-dkim",
            "DISPATCHER_DATA": "/somewhere",
        }
    )
    assert (settings.mode, settings.smtp.host, settings.smtp.port) == (Mode.LIVE, "env.example", 25)
    assert settings.smtp.security is Security.TLS
    assert settings.check.accept == ("dns-spf", "dns-dkim")
    assert settings.data == Path("/somewhere")


@pytest.mark.parametrize("listed", ["a,b", '["a", "b"]', "a , b,", "['a','b']"])
def test_a_list_is_read_with_commas_or_as_json(config: Path, listed: str) -> None:
    config.touch()
    found = load_settings({"DISPATCHER_CONFIG": str(config), "DISPATCHER_CHECK__ACCEPT": listed})
    assert found.check.accept == ("a", "b")


@pytest.mark.parametrize(
    ("text", "environment", "word"),
    [
        ("hots = 1", {}, "'hots' (or DISPATCHER_HOTS) is not a setting"),
        ("[smtp]\nhots = 1", {}, "DISPATCHER_SMTP__HOTS"),
        ("", {"DISPATCHER_SMTP__HOTS": "x"}, "DISPATCHER_SMTP__HOTS"),
        ("", {"DISPATCHER_MODE": "dry"}, "'mode'"),
        ("", {"DISPATCHER_MODE__X": "1", "DISPATCHER_MODE": "live"}, "DISPATCHER_MODE"),
        ("[smtp]\nport = 70000", {}, "'smtp.port'"),
        ("", {"DISPATCHER_SMTP__SECURITY": "ssl"}, "'smtp.security'"),
        ("[courier]\npoll_seconds = 0", {}, "'courier.poll_seconds'"),
        ("[dkim]\ndomain = 'campaign'", {}, "'dkim.domain'"),
        ("[dkim]\ndomain = 'http://campaign.org'", {}, "'dkim.domain': this must be the domain"),
        ("[dkim]\nselector = '-s1'", {}, "'dkim.selector': this must be a name such as s1"),
        ("", {"DISPATCHER_DKIM__SELECTOR": "s 1"}, "'dkim.selector'"),
        (
            "[dkim]\nselector = 's1'",
            {},
            "'dkim': domain and key_file are not set; set domain, selector and key_file",
        ),
        ("[dkim]\nselector = 's1'\ndomain = 'a.org'", {}, "'dkim': key_file is not set"),
        ("mode = ", {}, "dispatcher.toml"),
        ("[smtp]\nhost = 1\n[smtp]\n", {}, "dispatcher.toml"),
    ],
)
def test_a_mistake_is_told_with_its_name(
    config: Path, text: str, environment: dict[str, str], word: str
) -> None:
    with pytest.raises(SettingsProblem) as raised:
        load(config, text, **environment)
    assert word in str(raised.value)


def test_every_mistake_is_told_at_once(config: Path) -> None:
    with pytest.raises(SettingsProblem) as raised:
        load(config, 'mode = "x"\nodd = 1\n[smtp]\nport = 0\n')
    assert all(word in str(raised.value) for word in ("'mode'", "'odd'", "'smtp.port'"))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match="there is no file"):
        load_settings({"DISPATCHER_CONFIG": str(tmp_path / "nothing.toml")})


def test_a_file_that_is_not_utf_8_is_told(config: Path) -> None:
    config.write_bytes(b'mode = "\xff"')
    with pytest.raises(SettingsProblem, match=r"dispatcher\.toml"):
        load_settings({"DISPATCHER_CONFIG": str(config)})


def test_the_password_is_shown_nowhere(config: Path) -> None:
    config.touch()
    settings = load_settings({"DISPATCHER_CONFIG": str(config), "DISPATCHER_SMTP__PASSWORD": "hunter2"})
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.smtp.password.get_secret_value() == "hunter2"
    with pytest.raises(SettingsProblem) as raised:
        load(config, "", DISPATCHER_SMTP__PASSWORD="hunter2", DISPATCHER_SMTP__PORT="hunter2")
    assert "hunter2" not in str(raised.value)


def test_everything_stays_in_the_data_folder_unless_it_is_set(tmp_path: Path) -> None:
    settings = load_settings({"DISPATCHER_DATA": str(tmp_path)})
    assert settings.secret_path == tmp_path / "secret.key"
    assert settings.database_url == f"sqlite:///{tmp_path / 'dispatcher.sqlite3'}"
    other = load_settings(
        {"DISPATCHER_SECRET_FILE": "/run/key", "DISPATCHER_DATABASE__URL": "postgresql://h/n"}
    )
    assert (other.secret_path, other.database_url) == (Path("/run/key"), "postgresql://h/n")


def test_mails_are_signed_where_all_of_it_is_set(config: Path) -> None:
    config.touch()
    here = {"DISPATCHER_CONFIG": str(config)}
    assert not load_settings(here).dkim.is_set
    names = {"DOMAIN": "Campaign.org", "SELECTOR": "s1.2027", "KEY_FILE": "/run/dkim.pem"}
    found = load_settings(
        {**here, **{f"DISPATCHER_DKIM__{name}": value for name, value in names.items()}}
    ).dkim
    assert found.is_set
    assert (found.domain, found.selector, found.key_file) == ("campaign.org", "s1.2027", "/run/dkim.pem")


def test_other_programs_variables_are_left_alone(config: Path) -> None:
    config.touch()
    environment = {"DISPATCHER_TEST_POSTGRES_URL": "postgresql://x", "PATH": "/bin", "DISPATCHERX": "1"}
    load_settings({"DISPATCHER_CONFIG": str(config), **environment})


@pytest.mark.parametrize(
    ("web", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"DISPATCHER_WEB__PUBLIC_URL": "https://x.example/"}, "https://x.example"),
    ],
)
def test_the_public_address_has_no_slash_at_its_end(config: Path, web: dict[str, str], url: str) -> None:
    config.touch()
    assert load_settings({"DISPATCHER_CONFIG": str(config), **web}).public_url == url
