"""The database as the services ask for it: one Work a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from sqlalchemy import Connection

from dispatcher.adapters.database.alerts import AlertTable
from dispatcher.adapters.database.couriers import CourierTable
from dispatcher.adapters.database.directory_shelf import DirectoryTables
from dispatcher.adapters.database.enclosures import EnclosureTable
from dispatcher.adapters.database.engine import Database
from dispatcher.adapters.database.fax_jobs import FaxJobTable
from dispatcher.adapters.database.incoming import IncomingTable
from dispatcher.adapters.database.ledger import LedgerTables
from dispatcher.adapters.database.letters import LetterTable
from dispatcher.adapters.database.organizers import OrganizerTable
from dispatcher.adapters.database.outbox import OutboxTable
from dispatcher.adapters.database.pauses import PauseTable
from dispatcher.adapters.database.review_set import ReviewSetTable
from dispatcher.adapters.database.seals import SealTable
from dispatcher.adapters.database.timing import TimingTable
from dispatcher.adapters.database.types import Vault
from dispatcher.adapters.database.vitals import VitalsQueries
from dispatcher.domain.delivery import DeliveryId
from dispatcher.domain.letter import LetterId


class DatabaseWork:
    def __init__(self, connection: Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    @cached_property
    def letters(self) -> LetterTable:
        return LetterTable(self._connection, self._vault)

    @cached_property
    def outbox(self) -> OutboxTable:
        return OutboxTable(self._connection)

    @cached_property
    def timing(self) -> TimingTable:
        return TimingTable(self._connection)

    @cached_property
    def pauses(self) -> PauseTable:
        return PauseTable(self._connection)

    @cached_property
    def directory(self) -> DirectoryTables:
        return DirectoryTables(self._connection)

    @cached_property
    def enclosures(self) -> EnclosureTable:
        return EnclosureTable(self._connection)

    @cached_property
    def organizers(self) -> OrganizerTable:
        return OrganizerTable(self._connection)

    @cached_property
    def couriers(self) -> CourierTable:
        return CourierTable(self._connection)

    @cached_property
    def ledger(self) -> LedgerTables:
        return LedgerTables(self._connection)

    @cached_property
    def incoming(self) -> IncomingTable:
        return IncomingTable(self._connection)

    @cached_property
    def alerts(self) -> AlertTable:
        return AlertTable(self._connection)

    @cached_property
    def faxes(self) -> FaxJobTable:
        return FaxJobTable(self._connection)

    @cached_property
    def review_set(self) -> ReviewSetTable:
        return ReviewSetTable(self._connection)

    @cached_property
    def seals(self) -> SealTable:
        return SealTable(self._connection)

    @cached_property
    def vitals(self) -> VitalsQueries:
        return VitalsQueries(self._connection)


class SealedLinks:
    """Links of letters carry a keyed hash of the letter's number; nothing of them is kept in the database."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def token(self, purpose: str, letter: LetterId) -> str:
        return self._vault.link_token(purpose, letter)

    def delivery_token(self, purpose: str, delivery: DeliveryId) -> str:
        return self._vault.link_token(purpose, delivery)

    def delivery(self, purpose: str, token: str) -> DeliveryId | None:
        subject = self._vault.link_subject(purpose, token)
        return None if subject is None else DeliveryId(subject)

    def letter(self, purpose: str, token: str) -> LetterId | None:
        subject = self._vault.link_subject(purpose, token)
        return None if subject is None else LetterId(subject)


class DatabaseStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.links = SealedLinks(database.vault)

    @contextmanager
    def read(self) -> Iterator[DatabaseWork]:
        with self.database.read() as connection:
            yield DatabaseWork(connection, self.database.vault)

    def tidy(self) -> None:
        self.database.tidy()

    @contextmanager
    def write(self) -> Iterator[DatabaseWork]:
        with self.database.write() as connection:
            yield DatabaseWork(connection, self.database.vault)
