"""The part of the wiring that is about fax carriers and alerts."""

from datetime import timedelta

from dispatcher.adapters.campaign_files import CampaignFolder
from dispatcher.adapters.database.store import DatabaseStore
from dispatcher.adapters.fax_carriers import make_carrier
from dispatcher.adapters.fax_printing import FaxPrinting
from dispatcher.adapters.telephone_numbers import number_problem
from dispatcher.services.alerts import Alerts
from dispatcher.services.clock import Clock
from dispatcher.services.fax_check import FaxCheck
from dispatcher.services.fax_desk import FaxDesk
from dispatcher.services.fax_lines import FaxLines
from dispatcher.services.fax_media import FaxPages
from dispatcher.services.fax_settling import FaxSettling
from dispatcher.services.house import House
from dispatcher.services.outbox import Dispatch
from dispatcher.services.routing import Routing
from dispatcher.settings import Carrier, Settings

# Doubts are looked at so often also where callbacks make asking rare.
FAX_LOOKS = 30.0


def make_fax_desk(
    settings: Settings,
    store: DatabaseStore,
    clock: Clock,
    campaigns: CampaignFolder,
    routing: Routing,
    dispatch: Dispatch,
) -> FaxDesk:
    """Raises SettingsProblem."""
    pages = FaxPages(store=store, clock=clock, campaigns=campaigns, routing=routing, printer=FaxPrinting())
    return FaxDesk(
        store=store,
        clock=clock,
        carrier=make_carrier(settings.fax),
        settling=FaxSettling(
            store=store, clock=clock, campaigns=campaigns, routing=routing, dispatch=dispatch
        ),
        pages=pages,
        lines=FaxLines(),
        number_problem=number_problem,
        address=settings.fax_address,
        asks_after=timedelta(seconds=settings.fax.poll_seconds),
    )


def make_alerts(settings: Settings, store: DatabaseStore, clock: Clock) -> Alerts:
    from dispatcher.adapters.alert_texts import TextMessages  # noqa: PLC0415 - it loads the twilio library

    chosen = settings.alerts
    return Alerts(
        store=store,
        clock=clock,
        texts=TextMessages(
            chosen.base_url, chosen.account, chosen.token.get_secret_value(), from_number=chosen.from_number
        ),
        to=chosen.to,
        failure_percent=chosen.failure_percent,
        stuck_after=timedelta(minutes=chosen.stuck_minutes),
        rest=timedelta(minutes=chosen.rest_minutes),
    )


def make_fax_check(settings: Settings, house: House) -> FaxCheck:
    return FaxCheck(
        carrier=house.fax.carrier if house.fax else None,
        from_number=settings.fax.from_number,
        needs_number=settings.fax.carrier is not Carrier.HYLAFAX,
        address=settings.fax_address,
        has_key=bool(settings.fax.signing_key.get_secret_value()),
        number_problem=number_problem,
        alerts_from=settings.alerts.from_number,
        alerts_to=settings.alerts.to,
        alerts_complete=bool(settings.alerts.account and settings.alerts.token.get_secret_value()),
    )
