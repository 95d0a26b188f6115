"""The services of one installation, as the faces use them. Put together in `wiring`."""

from dataclasses import dataclass
from pathlib import Path

from dispatcher.services.alerts import Alerts
from dispatcher.services.campaigns import Campaigns
from dispatcher.services.clock import Clock
from dispatcher.services.confirmation import Confirmation
from dispatcher.services.fax_desk import FaxDesk
from dispatcher.services.feedback import Feedback
from dispatcher.services.intake import Intake
from dispatcher.services.mailroom import Mailroom
from dispatcher.services.outbox import Dispatch
from dispatcher.services.pausing import Pausing
from dispatcher.services.place_names import PlaceNames
from dispatcher.services.preparation import Preparation
from dispatcher.services.review import Moderation, Tone
from dispatcher.services.routing import Routing
from dispatcher.services.sealing import Sealing
from dispatcher.services.second_reading import SecondReading
from dispatcher.services.sign_in import SignIn
from dispatcher.services.store import Store


@dataclass(frozen=True, kw_only=True)
class House:
    """live: False in a rehearsal, when nothing leaves this machine."""

    live: bool
    data: Path
    public_url: str
    clock: Clock
    store: Store
    campaigns: Campaigns
    places: PlaceNames
    routing: Routing
    dispatch: Dispatch
    tone: Tone
    intake: Intake
    confirmation: Confirmation
    moderation: Moderation
    second_reading: SecondReading
    preparation: Preparation
    pausing: Pausing
    sealing: Sealing
    sign_in: SignIn
    feedback: Feedback
    # How often returned mail is picked up; None where no mailbox is set.
    pick_up_seconds: float | None
    mailroom: Mailroom | None
    # None where no carrier is configured, and in a rehearsal. fax_seconds: how often it is looked after.
    fax: FaxDesk | None = None
    fax_seconds: float = 30
    # None where nobody wants to be told by text message, and in a rehearsal.
    alerts: Alerts | None = None
