"""What the clock does, besides sending: each tick is harmless however often and from wherever it comes."""

from collections.abc import Callable
from dataclasses import dataclass

from dispatcher.domain.timetable import MINUTES_COUNTED, minute_of
from dispatcher.services.house import House


@dataclass(frozen=True, kw_only=True)
class Tick:
    name: str
    seconds: float
    work: Callable[[], object]


def ticks(house: House) -> tuple[Tick, ...]:
    """reading: reads letters from files a second time. prepare: renders what was approved. pauses: holds what came in while a pause stood. leases: takes up what
    dead couriers left. reminders and purge: letters that wait for their writer's yes. budget: forgets the
    minutes that count no more. seal: the log, block by block. returns: picks up mail that came back, where a mailbox for it is set.
    tidy: what the database has put off. faxes: asks the carrier, where there is one. alerts: tells organizers, where they
    want that."""
    returns, fax, alerts = house.pick_up_seconds, house.fax, house.alerts
    return (
        Tick(name="reading", seconds=2, work=house.second_reading.read),
        Tick(name="prepare", seconds=1, work=house.preparation.prepare_all),
        Tick(name="tidy", seconds=10, work=house.store.tidy),
        Tick(name="pauses", seconds=5, work=house.pausing.apply),
        Tick(name="leases", seconds=30, work=lambda: _expire_leases(house)),
        Tick(name="seal", seconds=10, work=house.sealing.seal),
        Tick(name="reminders", seconds=600, work=house.confirmation.remind),
        Tick(name="purge", seconds=3600, work=house.confirmation.purge),
        Tick(name="budget", seconds=3600, work=lambda: _forget_minutes(house)),
        *((Tick(name="returns", seconds=returns, work=house.feedback.pick_up),) if returns else ()),
        *((Tick(name="faxes", seconds=house.fax_seconds, work=fax.look),) if fax is not None else ()),
        *((Tick(name="alerts", seconds=60, work=alerts.look),) if alerts is not None else ()),
    )


def _expire_leases(house: House) -> None:
    with house.store.write() as work:
        work.outbox.recover(now=house.clock.now(), dead=(), by="clock")


def _forget_minutes(house: House) -> None:
    with house.store.write() as work:
        work.timing.forget_before(minute_of(house.clock.now()) - 2 * MINUTES_COUNTED)
