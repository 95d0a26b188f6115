"""Both database engines for every test that asks for one: SQLite in a file, and a real PostgreSQL.

PostgreSQL is the one at DISPATCHER_TEST_POSTGRES_URL (an address that may create databases), or one that is
started for the session. Each test gets a database that was migrated and given a directory once: a copy of SQLite's
file, and one of PostgreSQL's databases that a worker keeps.
"""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from dispatcher.adapters.clocks import SimulatedClock
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.migrate import migrate
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import Vault
from dispatcher.services.house import House
from dispatcher.services.intake import Draft
from dispatcher.settings import Settings
from tests.installation import DIRECTORY, WEEK_BEFORE, Installation, draft, installation, write_campaign
from tests.lent_postgres import LentPostgres, PostgresServer
from tests.servers.postgres_server import postgres_server

SQLITE, POSTGRESQL = "sqlite", "postgresql"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for each worker."""
    given = os.environ.get("DISPATCHER_TEST_POSTGRES_URL")
    if given:
        yield PostgresServer(given)
        return
    with postgres_server() as server:
        found = PostgresServer(server.url)
        with psycopg.connect(found.url, autocommit=True) as connection:
            # Tests do not survive a power cut anyway, and end before a table would need to be swept.
            for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                connection.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
        yield found


def _furnish(url: str, folder: Path) -> None:
    """Migrates, and puts the tests' directory on the shelf."""
    database = Database(url, Vault.open(folder / "any.key"))
    try:
        migrate(database)
        with DatabaseStore(database).write() as work:
            work.directory.replace(DIRECTORY, digest="0" * 64, summary="test", at=WEEK_BEFORE)
    finally:
        database.close()


@pytest.fixture(scope="session")
def lent_postgres(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LentPostgres]:
    template = postgres.create()
    _furnish(template, tmp_path_factory.mktemp("postgres-template"))
    databases = LentPostgres(server=postgres, template=template)
    yield databases
    databases.close()
    postgres.drop(template)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sqlite-template")
    file = folder / "template.sqlite3"
    _furnish(f"sqlite:///{file}", folder)
    return file


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The test runs once on each engine."""
    name: str = request.param
    return name


@pytest.fixture
def empty_database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if engine_name == SQLITE:
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def database_url(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database with the tests' directory."""
    if engine_name == SQLITE:
        file = tmp_path / "dispatcher.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    databases: LentPostgres = request.getfixturevalue("lent_postgres")
    url = databases.lend()
    yield url
    databases.take_back(url)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(database_url, Vault.open(tmp_path / "secret.key"))
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> DatabaseStore:
    return DatabaseStore(database)


@pytest.fixture
def home(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation a week before the action day."""
    with installation(tmp_path / "data", database_url) as found:
        yield found


@pytest.fixture
def install(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes an installation with another campaign (see write_campaign) or environment."""
    with ExitStack() as open_ones:

        def make(*, environment: dict[str, str] | None = None, **campaign: Any) -> Installation:
            write_campaign(tmp_path / "data" / "campaigns", **campaign)
            return open_ones.enter_context(
                installation(tmp_path / "data", database_url, **(environment or {}))
            )

        yield make


@pytest.fixture
def house(home: Installation) -> House:
    return home.house


@pytest.fixture
def settings(home: Installation) -> Settings:
    return home.settings


@pytest.fixture
def clock(home: Installation) -> SimulatedClock:
    return home.clock


@pytest.fixture
def drafts() -> Callable[..., list[Draft]]:
    """Makes so many letters, each of another person."""
    numbers = count(1)

    def make(count: int, **changes: str) -> list[Draft]:
        return [draft(next(numbers), **changes) for _ in range(count)]

    return make


def pytest_collection_finish() -> None:
    """What is there now (modules, tests) stays to the end, so the collector need not look through it again and
    again: a sixth of the time of tests that ask the database much."""
    gc.collect()
    gc.freeze()


# A run of CI gives the same verdict twice; new cases are looked for at the developers' desks.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")
