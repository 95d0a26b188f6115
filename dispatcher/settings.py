"""Settings: `config/dispatcher.toml`, overridden by environment variables DISPATCHER_<SECTION>__<KEY>.

Unknown keys are errors: a misspelt setting must never be silently without effect.
"""

import os
import re
import tomllib
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dispatcher.domain.errors import SettingsProblem
from dispatcher.domain.security import Security
from dispatcher.shelf import resource

PREFIX = "DISPATCHER_"
# Read by the tests and by the settings themselves, not settings of the service.
_NOT_SETTINGS = frozenset({"DISPATCHER_TEST_POSTGRES_URL", "DISPATCHER_CONFIG", "DISPATCHER_TRACEBACK"})


_DOMAIN = re.compile(r"[^@\s<>]+")
_MAILBOX = re.compile(r"[^@\s<>]+@[^@\s<>]+")

# Labels of a host name (RFC 1123 2.1), as the names of a DKIM key must be (RFC 6376 3.1).
_HOST = re.compile(
    r"(?i:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.(?i:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?))*"
)
_LONGEST_HOST = 253

_LISTS = (["check", "accept"], ["alerts", "to"])


class Mode(StrEnum):
    REHEARSAL = "rehearsal"
    LIVE = "live"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    """url: an SQLAlchemy address; empty means SQLite in the data folder."""

    url: str = ""


class SmtpSettings(_Section):
    """The relay that takes the letters. security none is allowed to this machine only. mails_per_minute: at most, of
    each courier; 0: as fast as the relay takes them."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    username: str = ""
    password: SecretStr = SecretStr("")
    security: Security = Security.STARTTLS
    connections: int = Field(default=4, ge=1, le=64)
    mails_per_minute: int = Field(default=0, ge=0, le=1_000_000)
    ca_file: str = ""


class DkimSettings(_Section):
    """Mails are signed here (RFC 6376) where all three are set; by the relay, or not at all, where none is. key_file:
    the private key, PEM, RSA or Ed25519. Its other half is published at SELECTOR._domainkey.DOMAIN."""

    domain: str = ""
    selector: str = ""
    key_file: str = ""

    @field_validator("domain")
    @classmethod
    def _signing_domain(cls, value: str) -> str:
        if value and (len(value) > _LONGEST_HOST or "." not in value or not _HOST.fullmatch(value)):
            raise PydanticCustomError(
                "domain", "this must be the domain of your from-address, such as your-campaign.org, in ASCII"
            )
        return value.lower()

    @field_validator("selector")
    @classmethod
    def _name(cls, value: str) -> str:
        if value and not _HOST.fullmatch(value):
            raise PydanticCustomError(
                "selector", "this must be a name such as s1, of letters, digits and hyphens"
            )
        return value

    @model_validator(mode="after")
    def _all_or_none(self) -> "DkimSettings":
        missing = [name for name in ("domain", "selector", "key_file") if not getattr(self, name)]
        if missing and self.is_set:
            raise PydanticCustomError(
                "dkim",
                "{missing} not set; set domain, selector and key_file, or none of them",
                {"missing": " and ".join(missing) + (" is" if len(missing) == 1 else " are")},
            )
        return self

    @property
    def is_set(self) -> bool:
        return bool(self.domain or self.selector or self.key_file)


class MissionsSettings(_Section):
    """path: the folder with the directory's CSV files; empty means the one that is shipped."""

    path: str = ""


class CampaignsSettings(_Section):
    """path: the folder with the campaign files. active: the campaign that the form writes for.
    from_address, bounce_domain, from_name and letters_per_hour, where set, take the place of the file's.
    dkim_selector: under which name the relay signs, for `dispatcher check`."""

    path: str = ""
    active: str = "save-north-korean-refugees-day"
    from_address: str = ""
    from_name: str = ""
    bounce_domain: str = ""
    letters_per_hour: int = Field(default=0, ge=0)
    dkim_selector: str = ""

    @field_validator("from_address")
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if value and not _MAILBOX.fullmatch(value):
            raise PydanticCustomError("mailbox", "this must be a mailbox such as letters@your-campaign")
        return value

    @field_validator("bounce_domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        if value and not _DOMAIN.fullmatch(value):
            raise PydanticCustomError("domain", "this must be a domain such as bounces.your-campaign")
        return value


class ToneSettings(_Section):
    """path: the folder of rules. small: only the small learned layer, also where there is room for the large ones; it
    hears less and needs 2 MB. judge_url: a sentence judge elsewhere that is asked about what stays open, never
    alone; https, or http to this machine. Above judge_review a person looks, above judge_revise a letter is handed
    back."""

    path: str = ""
    small: bool = False
    judge_url: str = ""
    judge_key: SecretStr = SecretStr("")
    judge_seconds: float = Field(default=3.0, gt=0, le=30)
    judge_review: float = Field(default=0.5, ge=0, le=1)
    judge_revise: float = Field(default=0.9, ge=0, le=1)

    @field_validator("judge_url")
    @classmethod
    def _safe(cls, url: str) -> str:
        if url and not re.match(r"https://|http://(?:127\.0\.0\.1|localhost|\[::1\])[:/]", url):
            raise PydanticCustomError("judge_url", "must begin with https:// (http:// to this machine only)")
        return url


class WebSettings(_Section):
    """host and port to listen on. public_url: how supporters reach the form, for the links in mails.
    metrics_token: whoever sends it may read /metrics; without it only this machine may."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str = ""
    metrics_token: SecretStr = SecretStr("")


class CourierSettings(_Section):
    """batch: how many deliveries are claimed at a time. lease_seconds: after how long a silent courier counts
    as dead. poll_seconds: how often the queue is looked at when it was empty."""

    batch: int = Field(default=1000, ge=1, le=5000)
    lease_seconds: int = Field(default=900, ge=5)
    poll_seconds: float = Field(default=0.5, gt=0, le=60)


class ReturnsSettings(_Section):
    """Where mail that comes back is picked up: a Maildir, a folder of an IMAP server, or both; none when empty.
    poll_seconds: how often. imap_security none is allowed to this machine only."""

    maildir: str = ""
    imap_host: str = ""
    imap_port: int = Field(default=993, ge=1, le=65535)
    imap_username: str = ""
    imap_password: SecretStr = SecretStr("")
    imap_security: Security = Security.TLS
    imap_folder: str = "INBOX"
    imap_ca_file: str = ""
    poll_seconds: int = Field(default=60, ge=5)


class Carrier(StrEnum):
    NONE = "none"
    TWILIO = "twilio"
    TELNYX = "telnyx"
    HYLAFAX = "hylafax"


class Resolution(StrEnum):
    FINE = "fine"
    STANDARD = "standard"


class FaxSettings(_Section):
    """The carrier that makes the fax calls. base_url: https, or anything on this machine. account: project or
    account; with Telnyx the connection (application) id; with HylaFAX the user. token: password or API key.
    signing_key: what its callbacks are signed with (Telnyx: its public key). from_number: in international form.
    public_url: where the carrier reaches this service, where that is not web.public_url."""

    carrier: Carrier = Carrier.NONE
    base_url: str = ""
    account: str = ""
    token: SecretStr = SecretStr("")
    signing_key: SecretStr = SecretStr("")
    from_number: str = ""
    resolution: Resolution = Resolution.FINE
    public_url: str = ""
    poll_seconds: int = Field(default=60, ge=5)

    @field_validator("base_url", "public_url")
    @classmethod
    def _safe(cls, value: str) -> str:
        return _safe_address(value)


class AlertSettings(_Section):
    """Text messages to organizers by Twilio, or a gateway that speaks its Messaging API; off while `to` is empty.
    failure_percent: of an hour's letters, from ten on. stuck_minutes: for how long a due letter may wait.
    rest_minutes: no second message of the same kind before."""

    to: tuple[str, ...] = ()
    base_url: str = "https://api.twilio.com"
    account: str = ""
    token: SecretStr = SecretStr("")
    from_number: str = ""
    failure_percent: int = Field(default=20, ge=1, le=100)
    stuck_minutes: int = Field(default=30, ge=5)
    rest_minutes: int = Field(default=120, ge=10)

    @field_validator("base_url")
    @classmethod
    def _safe(cls, value: str) -> str:
        return _safe_address(value)


class CheckSettings(_Section):
    """accept: ids of warnings of `dispatcher check` that the operator has seen and takes."""

    accept: tuple[str, ...] = ()


class Settings(_Section):
    mode: Mode = Mode.REHEARSAL
    data: Path = Path("data")
    secret_file: str = ""
    database: DatabaseSettings = DatabaseSettings()
    smtp: SmtpSettings = SmtpSettings()
    dkim: DkimSettings = DkimSettings()
    missions: MissionsSettings = MissionsSettings()
    campaigns: CampaignsSettings = CampaignsSettings()
    tone: ToneSettings = ToneSettings()
    web: WebSettings = WebSettings()
    courier: CourierSettings = CourierSettings()
    returns: ReturnsSettings = ReturnsSettings()
    fax: FaxSettings = FaxSettings()
    alerts: AlertSettings = AlertSettings()
    check: CheckSettings = CheckSettings()

    @property
    def secret_path(self) -> Path:
        """The file with the key that seals personal data; outside the database."""
        return Path(self.secret_file) if self.secret_file else self.data / "secret.key"

    @property
    def database_url(self) -> str:
        """The address of the database; SQLite in the data folder unless another one is set."""
        return self.database.url or f"sqlite:///{(self.data / 'dispatcher.sqlite3').absolute()}"

    @property
    def missions_folder(self) -> Path:
        return Path(self.missions.path) if self.missions.path else resource("config", "missions")

    @property
    def campaigns_folder(self) -> Path:
        return Path(self.campaigns.path) if self.campaigns.path else resource("config", "campaigns")

    @property
    def tone_folder(self) -> Path:
        return Path(self.tone.path) if self.tone.path else resource("config", "tone")

    @property
    def fax_address(self) -> str:
        """Where a fax carrier reaches the face that is made for it."""
        return f"{(self.fax.public_url or self.public_url).rstrip('/')}/fax"

    @property
    def public_url(self) -> str:
        return (self.web.public_url or f"http://{self.web.host}:{self.web.port}").rstrip("/")


def _safe_address(value: str) -> str:
    """Letters and passwords go there: only encrypted, or within this machine."""
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme != "https" and not is_this_machine(parts.hostname or ""):
        raise PydanticCustomError(
            "https", "this must begin with https:// (anything else only on this machine)"
        )
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise PydanticCustomError("address", "this must be an address such as https://gateway.your-carrier")
    return value.rstrip("/")


def is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(environment: dict[str, str] | None = None) -> Settings:
    """Reads the settings file (DISPATCHER_CONFIG names another one) and the environment.

    Raises SettingsProblem with every wrong key in one message."""
    env = dict(os.environ if environment is None else environment)
    path = Path(env.get("DISPATCHER_CONFIG") or resource("config", "dispatcher.toml"))
    values = _from_file(path)
    _overlay(values, env)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsProblem(problem=_in_words(error)) from None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsProblem(problem=f"there is no file {path}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsProblem(problem=f"{path}: {error}.") from None


def _overlay(values: dict[str, Any], env: dict[str, str]) -> None:
    for name, value in sorted(env.items()):  # DISPATCHER_MODE before DISPATCHER_MODE__X, which is no setting
        if not name.startswith(PREFIX) or name in _NOT_SETTINGS:
            continue
        path = name.removeprefix(PREFIX).lower().split("__")
        place = values
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise SettingsProblem(problem=f"{name} is not a setting.")
        place[path[-1]] = _listed(value) if path in _LISTS else value


def _listed(value: str) -> list[str]:
    """A list from the environment: with commas, or as JSON."""
    return [part.strip(" \t[]\"'") for part in value.split(",") if part.strip(" \t[]\"'")]


def _in_words(error: ValidationError) -> str:
    def line(problem: Any) -> str:
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            name = PREFIX + "__".join(str(part).upper() for part in problem["loc"])
            return f"'{key}' (or {name}) is not a setting; see config/dispatcher.toml for the names"
        return f"'{key}': {problem['msg'][0].lower()}{problem['msg'][1:]}"

    return "; ".join(line(problem) for problem in error.errors(include_url=False, include_input=False)) + "."
