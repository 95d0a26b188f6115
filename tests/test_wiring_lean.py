"""A process that stays holds what it works with, and nothing that only its start was about."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.installation import Installation

ROOT = Path(__file__).resolve().parents[1]

# Of the libraries that the service depends on, those that a courier of mails has loaded once it is at work. Whatever
# joins this list stays in the memory of every courier. (rich: structlog takes it where it finds it.)
AT_WORK = {
    "aiosmtplib",
    "apscheduler",
    "click",
    "cryptography",
    "email-validator",
    "flufl-bounce",
    "jinja2",
    "rich",
    "sqlalchemy",
    "structlog",
    "tenacity",
    "uvloop",
}
# And its second process, the lines to the relay.
ON_THE_LINES = {"aiosmtplib", "tenacity", "uvloop"}
# They come with others; each is large.
NEVER = {"numpy", "starlette"}

COURIER = """
import os, sys
from contextlib import suppress
from pathlib import Path

import dispatcher.faces.cli.serve
from dispatcher.__main__ import Entrance
from dispatcher.services.going_live import NotReady
from dispatcher.services.schedule import ticks

entrance = Entrance()
settings = entrance.settings()
with suppress(NotReady):
    entrance.go_live_or_stop(settings)
house = entrance.lean_house(settings)
assert Path(f"/proc/self/task/{os.getpid()}/children").read_text() == "", "a process stays behind"
courier = entrance.courier(house, settings)
for tick in ticks(house):
    tick.work()
with entrance.at_work(courier, settings):
    entrance.run(courier.round())
print(*sys.modules)
"""


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_live_courier_of_mails_has_loaded_only_what_sending_needs(home: Installation) -> None:
    """Also after the check before live mode, and with every tick done once."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DISPATCHER_")}
    live = {
        "DISPATCHER_MODE": "live",
        "DISPATCHER_DATA": str(home.settings.data),
        "DISPATCHER_DATABASE__URL": home.settings.database_url,
        "DISPATCHER_SMTP__HOST": "127.0.0.1",
        "DISPATCHER_SMTP__PORT": "1",  # nobody listens there
    }
    libraries, loaded = _loaded(COURIER, clean | live)
    assert libraries == AT_WORK
    assert loaded & NEVER == set()


def test_the_lines_have_loaded_only_what_speaking_with_a_relay_needs() -> None:
    code = "import sys, uvloop, dispatcher.adapters.smtp_lines; print(*sys.modules)"
    libraries, loaded = _loaded(code, dict(os.environ))
    assert libraries == ON_THE_LINES
    assert loaded & {*NEVER, "pydantic", "structlog"} == set()


def _loaded(code: str, environment: dict[str, str]) -> tuple[set[str], set[str]]:
    """What has been loaded once this is done: libraries that we depend on, and top-level modules."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    modules = {name.partition(".")[0] for name in done.stdout.split()}
    homes = packages_distributions()
    return {_plain(each) for name in modules for each in homes.get(name, ())} & _dependencies(), modules


def _dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {_plain(re.split(r"[^\w.-]", each)[0]) for each in project["dependencies"]}


def _plain(name: str) -> str:
    """As PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()
