"""The one place that knows all parts and puts them together."""

import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dispatcher.adapters import mailboxes, mime, notice_mail, places
from dispatcher.adapters.bounce_reader import BounceReader
from dispatcher.adapters.campaign_files import CampaignFolder
from dispatcher.adapters.clocks import SimulatedClock, SystemClock
from dispatcher.adapters.courier_locks import CourierLock, dead_couriers
from dispatcher.adapters.database.engine import Database, sqlite_folder
from dispatcher.adapters.database.migrate import is_current, migrate
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.database.types import Vault
from dispatcher.adapters.journal import JournalFolder
from dispatcher.adapters.mail_pickup import mail_sources
from dispatcher.adapters.mailroom import MailroomFolder, MailroomPages, MailroomTransport
from dispatcher.adapters.press_at_need import PressAtNeed
from dispatcher.adapters.return_path import ReturnPath
from dispatcher.adapters.scheduler import Ticker
from dispatcher.adapters.smtp import SmtpTransport
from dispatcher.adapters.smtp_process import SmtpProcess
from dispatcher.adapters.tone_layers import open_tone
from dispatcher.domain.errors import DispatcherError
from dispatcher.domain.mission import Channel
from dispatcher.services.campaigns import coming_day
from dispatcher.services.claiming import Claiming
from dispatcher.services.clock import Clock
from dispatcher.services.confirmation import Confirmation
from dispatcher.services.courier import Courier, PageCarrier
from dispatcher.services.evidence import Evidence
from dispatcher.services.feedback import Feedback
from dispatcher.services.house import House
from dispatcher.services.intake import Intake
from dispatcher.services.notices import Notices
from dispatcher.services.outbox import Dispatch
from dispatcher.services.pacing import Pacing
from dispatcher.services.pausing import Pausing
from dispatcher.services.preparation import Preparation
from dispatcher.services.recovery import Recovery
from dispatcher.services.rehearsal import Rehearsal
from dispatcher.services.relay_rate import RelayRate
from dispatcher.services.review import Moderation
from dispatcher.services.routing import Routing
from dispatcher.services.schedule import ticks
from dispatcher.services.sealing import Sealing
from dispatcher.services.settling import Settling
from dispatcher.services.sign_in import SignIn
from dispatcher.services.store import StoreConflict, StoreUnavailable
from dispatcher.services.transport import Transport
from dispatcher.settings import Carrier, DatabaseSettings, Mode, ReturnsSettings, Settings
from dispatcher.wiring_faxes import FAX_LOOKS, make_alerts, make_fax_desk
from dispatcher.wiring_reading import make_second_reading
from dispatcher.wiring_signing import make_mail_writer


class DataFolderUnusable(DispatcherError):
    """The data folder {folder} cannot be used: {problem}. Make it yours, or name another one in DISPATCHER_DATA."""


def open_house(
    settings: Settings, *, clock: Clock | None = None, action_day: date | None = None, lean: bool = False
) -> House:
    """Opens an installation: data folder, key, database (migrated), directory (imported on first use).

    lean: letters are read a second time by other processes only."""
    database = open_database(settings)
    migrate(database)
    clock = clock or SystemClock()
    store = DatabaseStore(database)
    import_directory_once(store, settings, clock)
    return _furnish(settings, store, clock, action_day, lean=lean)


def bring_up_to_date(settings: Settings) -> bool:
    """Migrates; answers whether there was anything to do."""
    database = open_database(settings)
    try:
        if is_current(database):
            return False
        migrate(database)
        return True
    finally:
        database.close()


def open_database(settings: Settings) -> Database:
    """Makes what is missing of data folder and key; does not migrate."""
    _make_folder(settings.data)
    folder = sqlite_folder(settings.database_url)
    if folder is not None:
        _make_folder(folder)
    try:
        vault = Vault.open(settings.secret_path)
    except OSError as error:
        raise DataFolderUnusable(folder=settings.data, problem=error.strerror) from None
    return Database(settings.database_url, vault)


def _furnish(
    settings: Settings, store: DatabaseStore, clock: Clock, action_day: date | None, *, lean: bool
) -> House:
    live = settings.mode is Mode.LIVE
    campaigns = CampaignFolder(
        settings.campaigns_folder,
        settings.campaigns.active,
        from_address=settings.campaigns.from_address,
        from_name=settings.campaigns.from_name,
        bounce_domain=settings.campaigns.bounce_domain,
        letters_per_hour=settings.campaigns.letters_per_hour,
        action_day=action_day,
    )
    routing = Routing()
    tone = open_tone(settings)
    # What can really leave; a rehearsal carries everything, to the mailroom.
    faxes = live and settings.fax.carrier is not Carrier.NONE
    leaving = {Channel.EMAIL, Channel.FAX} if faxes else {Channel.EMAIL}
    dispatch = Dispatch(
        routing=routing, campaigns=campaigns, carriers=frozenset(leaving if live else Channel)
    )
    notices = Notices(writer=notice_mail, links=store.links, places=places, public_url=settings.public_url)
    sources = mail_sources(settings.returns)
    return House(
        live=live,
        data=settings.data,
        public_url=settings.public_url,
        clock=clock,
        store=store,
        campaigns=campaigns,
        places=places,
        routing=routing,
        dispatch=dispatch,
        tone=tone,
        intake=Intake(
            store=store,
            clock=clock,
            campaigns=campaigns,
            routing=routing,
            tone=tone,
            rules=open_tone(settings, learned=False),
            places=places,
            mailboxes=mailboxes,
        ),
        confirmation=Confirmation(store=store, clock=clock, campaigns=campaigns, dispatch=dispatch),
        moderation=Moderation(store=store, clock=clock, dispatch=dispatch),
        second_reading=make_second_reading(settings, store, clock, dispatch, tone, lean=lean),
        preparation=Preparation(
            store=store,
            clock=clock,
            campaigns=campaigns,
            routing=routing,
            places=places,
            mail=mime,
            pages=PressAtNeed(),
            notices=notices,
        ),
        pausing=Pausing(store=store, clock=clock, campaigns=campaigns, routing=routing),
        sealing=Sealing(store=store, clock=clock),
        sign_in=SignIn(store=store, clock=clock),
        feedback=Feedback(
            store=store,
            clock=clock,
            campaigns=campaigns,
            routing=routing,
            evidence=Evidence(dispatch=dispatch),
            reader=BounceReader(),
            writer=notice_mail,
            places=places,
            sources=sources,
        ),
        pick_up_seconds=settings.returns.poll_seconds if sources else None,
        mailroom=None if live else MailroomFolder(settings.data / "mailroom"),
        fax=make_fax_desk(settings, store, clock, campaigns, routing, dispatch) if faxes else None,
        fax_seconds=min(settings.fax.poll_seconds, FAX_LOOKS),
        alerts=make_alerts(settings, store, clock) if live and settings.alerts.to else None,
    )


def make_courier(house: House, settings: Settings, *, transport: Transport | None = None) -> Courier:
    """A courier of this process. In a rehearsal it delivers to the mailroom, whatever else is configured. Raises
    SettingsProblem."""
    pages: PageCarrier | None = None
    if house.mailroom is not None:
        mailroom = MailroomFolder(settings.data / "mailroom")
        transport = MailroomTransport(mailroom, house.clock)
        pages = MailroomPages(mailroom)
    elif house.fax is not None:
        pages = house.fax
    id = secrets.token_hex(8)
    return Courier(
        id=id,
        host=socket.gethostname(),
        store=house.store,
        clock=house.clock,
        claiming=Claiming(
            courier=id,
            by=f"courier {id[:8]}",
            store=house.store,
            clock=house.clock,
            campaigns=house.campaigns,
            routing=house.routing,
            pacing=Pacing(campaigns=house.campaigns, lines=house.fax.lines if house.fax else None),
            journal=JournalFolder(settings.data / "journals", id),
            mail=make_mail_writer(settings, house.clock),
            parcelling=ReturnPath(house.store.links),
            lease_life=timedelta(seconds=settings.courier.lease_seconds),
        ),
        settling=make_settling(house),
        transport=transport or make_lines(settings, id),
        pages=pages,
        # The mailroom takes what comes.
        rate=RelayRate(per_minute=settings.smtp.mails_per_minute if house.live else 0, clock=house.clock),
        smallest_batch=settings.smtp.connections,
        batch=settings.courier.batch,
        lease_life=timedelta(seconds=settings.courier.lease_seconds),
        poll_seconds=settings.courier.poll_seconds,
        # Two threads that want SQLite's one write lock would wait by the millisecond; PostgreSQL settles one batch while
        # another is claimed.
        desks=2 if sqlite_folder(settings.database_url) is None else 1,
    )


def make_settling(house: House) -> Settling:
    return Settling(
        store=house.store,
        clock=house.clock,
        campaigns=house.campaigns,
        routing=house.routing,
        dispatch=house.dispatch,
    )


def make_lines(settings: Settings, courier: str) -> SmtpProcess:
    """The lines to the relay that the settings name, in a process of their own. Raises SettingsProblem."""
    return SmtpProcess(_relay(settings), settings.data / "journals", courier)


def make_transport(settings: Settings) -> SmtpTransport:
    """The relay that the settings name. Raises SettingsProblem."""
    return SmtpTransport(**_relay(settings))


def _relay(settings: Settings) -> dict[str, Any]:
    smtp = settings.smtp
    return {
        "host": smtp.host,
        "port": smtp.port,
        "security": smtp.security.value,
        "username": smtp.username,
        "password": smtp.password.get_secret_value(),
        "connections": smtp.connections,
        "ca_file": smtp.ca_file,
    }


@contextmanager
def at_work(courier: Courier, settings: Settings) -> Iterator[None]:
    """Holds the courier's lock, and before that takes up what dead couriers of this folder have left."""
    folder = settings.data / "couriers"
    with CourierLock(folder, courier.id) as lock, ExitStack() as lines:
        if isinstance(courier.transport, SmtpProcess):
            lines.callback(courier.transport.end)
            courier.transport.start(shared=[lock.descriptor])
        with dead_couriers(folder) as dead:
            Recovery(
                store=courier.store,
                clock=courier.clock,
                settling=courier.settling,
                journal=courier.claiming.journal,
            ).take_up(dead)
        with courier.store.write() as work:
            courier.settling.dispatch.fit_to_carriers(work, at=courier.clock.now())
            # So that no letter waits for the directory to be read.
            courier.claiming.routing.present(work)
        yield


def make_rehearsal(settings: Settings, day: date | None) -> Rehearsal:
    """A rehearsal in its own folder (data/rehearsal), which is emptied first. day: the action day to play; the
    next one where None."""
    folder = settings.data / "rehearsal"
    _empty(folder)
    own = settings.model_copy(
        update={
            "mode": Mode.REHEARSAL,
            "data": folder,
            "secret_file": "",
            "database": DatabaseSettings(),
            "returns": ReturnsSettings(),
        }
    )
    if day is None:
        campaign = CampaignFolder(settings.campaigns_folder, settings.campaigns.active).active
        day = coming_day(campaign, SystemClock().now())
    clock = SimulatedClock(Rehearsal.starts(day))
    house = open_house(own, clock=clock, action_day=day)
    return Rehearsal(house=house, courier=make_courier(house, own), clock=clock)


@contextmanager
def ticking(house: House) -> Iterator[None]:
    """The clock runs inside the block."""
    house.preparation.try_again()
    ticker = Ticker(ticks(house))
    ticker.start()
    try:
        yield
    finally:
        house.second_reading.stop()
        ticker.stop()
        # What came since the last tick; until it is sealed nobody can tell that it was changed. Once, for whoever has
        # said SIGTERM does not wait for ever.
        with suppress(StoreUnavailable):
            house.sealing.seal()


def _empty(folder: Path) -> None:
    """Only what a rehearsal has made: a folder without its mark is left alone."""
    mark = folder / "rehearsal"
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        raise DataFolderUnusable(
            folder=folder, problem="it is not a rehearsal's folder, so it is not emptied"
        )
    shutil.rmtree(folder, ignore_errors=True)
    _make_folder(folder)
    mark.touch()


def import_directory_once(store: DatabaseStore, settings: Settings, clock: Clock) -> None:
    with store.read() as work:
        if work.directory.version():
            return
    from dispatcher.adapters import directory_files  # noqa: PLC0415 - wanted once in an installation's life

    directory = directory_files.read_directory(settings.missions_folder)
    digest = directory_files.folder_digest(settings.missions_folder)
    summary = f"first import: {len(directory.missions)} missions"
    # Another process may be first: by a moment, or, on PostgreSQL, while this one writes too.
    with suppress(StoreConflict), store.write() as work:
        if not work.directory.version():
            work.directory.replace(directory, digest=digest, summary=summary, at=clock.now())


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DataFolderUnusable(folder=folder, problem=error.strerror) from None
