"""The start of a process that stays. What is wanted only then is done by a process of its own: the check before live
mode takes 40 MB, and a first import of the directory 90 (the numbering plans of all countries)."""

from dispatcher.adapters.clocks import SystemClock
from dispatcher.adapters.database.migrate import migrate
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.heap import share_one_heap
from dispatcher.adapters.processes import apart
from dispatcher.services.going_live import Finding, check_ready
from dispatcher.services.house import House
from dispatcher.settings import Mode, Settings
from dispatcher.telemetry import log
from dispatcher.wiring import import_directory_once, open_database, open_house


def go_live_or_stop(settings: Settings) -> None:
    """In live mode, raises NotReady unless every check passes; tells the log which warnings were accepted."""
    if settings.mode is not Mode.LIVE:
        return
    findings = apart(_inspect, settings)
    for finding in findings:
        if finding.accepted:
            log.warning("finding_accepted", finding=finding.id)
    check_ready(findings)


def open_lean_house(settings: Settings) -> House:
    """As open_house, for processes that stay."""
    share_one_heap()
    database = open_database(settings)
    migrate(database)
    with DatabaseStore(database).read() as work:
        imported = work.directory.version() > 0
    database.close()
    if not imported:
        apart(_import_directory, settings)
    return open_house(settings, lean=True)


def _inspect(settings: Settings) -> list[Finding]:
    from dispatcher.wiring_check import inspect  # noqa: PLC0415 - the caller does without what it loads

    return inspect(settings, live=True, learned=False)


def _import_directory(settings: Settings) -> None:
    database = open_database(settings)
    import_directory_once(DatabaseStore(database), settings, SystemClock())
    database.close()
